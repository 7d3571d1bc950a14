//! Operators' tokens as pure logic: what is kept of them, and when one lets somebody in (SEC-07).
//!
//! **Invariants**: what is kept lets nobody in; a token is its user's, for one audience, and where it says so for one
//! workspace; it ends at an instant that no use moves, and before that when it is idle for too long; one that was taken
//! back or replaced is refused from the next call on. Whatever is wrong, the work and the answer outside are the same:
//! [`TokenRefused`] is for a trace.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::TokenId;
use crate::name::Name;
use crate::secret::{ApiToken, Exposed, ParseSecretError, SessionToken, TokenHash};
use crate::time::Timestamp;

/// A token of either kind, as a request shows it.
#[derive(Debug)]
pub enum Bearer {
    /// Of a person's login.
    Session(SessionToken),
    /// Of a program.
    Api(ApiToken),
}

impl Bearer {
    /// The record that it belongs to. Not a secret.
    pub fn id(&self) -> TokenId {
        match self {
            Self::Session(token) => token.id(),
            Self::Api(token) => token.id(),
        }
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        match self {
            Self::Session(token) => token.hash(),
            Self::Api(token) => token.hash(),
        }
    }

    /// The text that its holder shows.
    pub fn expose(&self) -> Exposed {
        match self {
            Self::Session(token) => token.expose(),
            Self::Api(token) => token.expose(),
        }
    }
}

impl FromStr for Bearer {
    type Err = ParseSecretError;

    fn from_str(text: &str) -> Result<Self, ParseSecretError> {
        if text.starts_with(SessionToken::PREFIX) {
            return text.parse().map(Self::Session);
        }
        text.parse().map(Self::Api)
    }
}

/// What is kept of one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    hash: TokenHash,
    user: Name,
    workspace: Option<Name>,
    audience: Name,
    ends: Timestamp,
    idle_limit: Option<Duration>,
    last_used: Timestamp,
}

impl TokenRecord {
    /// A token of `user` that `audience` takes until, and not at, `ends`; issued at `now`.
    pub fn new(token: &Bearer, user: Name, audience: Name, now: Timestamp, ends: Timestamp) -> Self {
        Self { hash: token.hash(), user, workspace: None, audience, ends, idle_limit: None, last_used: now }
    }

    /// Binds it to one workspace; by default it is good for every workspace that its user has a role in.
    pub fn with_workspace(self, workspace: Name) -> Self {
        Self { workspace: Some(workspace), ..self }
    }

    /// Ends it also when it is not used for this long.
    pub fn with_idle_limit(self, limit: Duration) -> Self {
        Self { idle_limit: Some(limit), ..self }
    }

    /// Whose it is.
    pub fn user(&self) -> &Name {
        &self.user
    }

    /// The one workspace that it is good for; `None` means every one of its user.
    pub fn workspace(&self) -> Option<&Name> {
        self.workspace.as_ref()
    }

    /// When it ends, whatever happens in it.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// When it was last used, or issued.
    pub fn last_used(&self) -> Timestamp {
        self.last_used
    }

    /// Whether it is over at `now`. A clock that goes back ends nothing.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.over(now).is_some()
    }

    fn over(&self, now: Timestamp) -> Option<TokenRefused> {
        if now >= self.ends {
            return Some(TokenRefused::Ended);
        }
        self.idle_limit.is_some_and(|limit| now.since(self.last_used) >= limit).then_some(TokenRefused::Idle)
    }
}

/// Why a token lets nobody in. For a trace: outside every reason reads the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefused {
    /// There is no such token: it never was, was taken back or replaced.
    #[error("no such token")]
    Unknown,
    /// The secret is not the token's.
    #[error("the secret is wrong")]
    WrongSecret,
    /// It is for somebody else to take.
    #[error("the token is for another audience")]
    OtherAudience,
    /// Its time is over.
    #[error("the token has ended")]
    Ended,
    /// It was not used for too long.
    #[error("the token was idle for too long")]
    Idle,
}

crate::coded! { TokenRefused: Peer;
    Self::Unknown => ("token.unknown", "issue a token");
    Self::WrongSecret => ("token.wrong_secret", "hand the token over whole, or issue another");
    Self::OtherAudience => ("token.other_audience", "issue a token for this audience");
    Self::Ended => ("token.ended", "issue another token");
    Self::Idle => ("token.idle", "issue another token");
}

/// Every token of one instance, as a value.
///
/// ```
/// use nanami_model::{ApiToken, Bearer, Timestamp, TokenId, TokenRecord, TokenTable, name};
///
/// let at = Timestamp::from_millis;
/// let token = Bearer::Api(ApiToken::new(TokenId::from_bytes([1; 10]), [2; 20])); // 20 bytes of randomness
/// let mut tokens = TokenTable::default();
/// tokens.keep(token.id(), TokenRecord::new(&token, name!("netops"), name!("operators"), at(0), at(60_000)));
/// assert_eq!(tokens.admit(&token, &name!("operators"), at(59_999))?.user().as_str(), "netops");
/// assert!(tokens.admit(&token, &name!("operators"), at(60_000)).is_err());
/// # Ok::<(), nanami_model::TokenRefused>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenTable {
    records: BTreeMap<TokenId, TokenRecord>,
}

impl TokenTable {
    /// Keeps the record of a token that was issued.
    pub fn keep(&mut self, id: TokenId, record: TokenRecord) {
        self.records.insert(id, record);
    }

    /// Lets the holder of a token in, and notes the use.
    ///
    /// # Errors
    /// [`TokenRefused`], for a trace only.
    pub fn admit(&mut self, token: &Bearer, audience: &Name, now: Timestamp) -> Result<&TokenRecord, TokenRefused> {
        let found = self.records.get_mut(&token.id());
        // An unknown token is compared too, so that the work is the same.
        let stored = found.as_ref().map_or(TokenHash::from_bytes([0; 32]), |record| record.hash);
        let matches = stored.matches(&token.hash());
        let record = found.ok_or(TokenRefused::Unknown)?;
        if !matches {
            return Err(TokenRefused::WrongSecret);
        }
        if record.audience != *audience {
            return Err(TokenRefused::OtherAudience);
        }
        if let Some(over) = record.over(now) {
            return Err(over);
        }
        record.last_used = record.last_used.max(now);
        Ok(record)
    }

    /// Replaces a token by a fresh one for the same user, purpose and end. The old one is refused from then on.
    ///
    /// # Errors
    /// [`TokenRefused`] when the old one lets nobody in; nothing changes then.
    pub fn rotate(
        &mut self,
        old: &Bearer,
        fresh: &Bearer,
        audience: &Name,
        now: Timestamp,
    ) -> Result<&TokenRecord, TokenRefused> {
        let record = self.admit(old, audience, now)?.clone();
        self.records.remove(&old.id());
        let record = TokenRecord { hash: fresh.hash(), ..record };
        Ok(self.records.entry(fresh.id()).insert_entry(record).into_mut())
    }

    /// Takes one token back; whether there was one.
    pub fn revoke(&mut self, id: TokenId) -> bool {
        self.records.remove(&id).is_some()
    }

    /// Takes all tokens of a user back.
    pub fn revoke_user(&mut self, user: &Name) {
        self.records.retain(|_, record| record.user != *user);
    }

    /// Forgets what is over.
    pub fn forget_ended(&mut self, now: Timestamp) {
        self.records.retain(|_, record| !record.is_over(now));
    }

    /// What is kept, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (TokenId, &TokenRecord)> {
        self.records.iter().map(|(id, record)| (*id, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn session(n: u8) -> Bearer {
        Bearer::Session(SessionToken::new(TokenId::from_bytes([n; 10]), [n; 20]))
    }

    /// netops's token 1 for operators, until 1000, idle for 100 at most.
    fn table() -> TokenTable {
        let mut table = TokenTable::default();
        let record = TokenRecord::new(&session(1), name!("netops"), name!("operators"), at(0), at(1000));
        table.keep(session(1).id(), record.with_idle_limit(Duration::from_millis(100)).with_workspace(name!("acme")));
        table
    }

    fn admitted(table: &mut TokenTable, token: &Bearer, now: u64) -> Result<String, TokenRefused> {
        table.admit(token, &name!("operators"), at(now)).map(|record| record.user().to_string())
    }

    #[test]
    fn sec_07_a_token_ends_at_its_end_and_when_idle_and_use_moves_only_idleness() {
        let mut table = table();
        for now in (0..1000).step_by(99) {
            assert_eq!(admitted(&mut table, &session(1), now).as_deref(), Ok("netops"));
        }
        assert_eq!(admitted(&mut table, &session(1), 1000), Err(TokenRefused::Ended), "the end is exclusive");
        let mut table = self::table();
        assert_eq!(admitted(&mut table, &session(1), 100), Err(TokenRefused::Idle));
        assert_eq!(
            admitted(&mut table, &session(1), 99).as_deref(),
            Ok("netops"),
            "a clock that goes back ends nothing"
        );
        table.forget_ended(at(199));
        assert_eq!(table.iter().len(), 0);
    }

    #[test]
    fn sec_07_a_token_is_for_its_audience_and_its_kind_alone() {
        let mut table = table();
        let elsewhere = table.admit(&session(1), &name!("board"), at(1)).map(|_| ());
        assert_eq!(elsewhere, Err(TokenRefused::OtherAudience));
        let forged = Bearer::Api(ApiToken::new(TokenId::from_bytes([1; 10]), [1; 20]));
        assert_eq!(admitted(&mut table, &forged, 1), Err(TokenRefused::WrongSecret));
        let guessed = Bearer::Session(SessionToken::new(TokenId::from_bytes([1; 10]), [2; 20]));
        assert_eq!(admitted(&mut table, &guessed, 1), Err(TokenRefused::WrongSecret));
        assert_eq!(admitted(&mut table, &session(2), 1), Err(TokenRefused::Unknown));
        assert!("nnm_jk_x".parse::<Bearer>().is_err());
        let text = session(1).expose();
        assert_eq!(text.parse::<Bearer>().unwrap().id(), session(1).id());
    }

    #[test]
    fn sec_07_rotation_and_revocation_count_from_the_next_call_on_and_no_end_moves() {
        let mut table = table();
        table.rotate(&session(1), &session(2), &name!("operators"), at(50)).unwrap();
        assert_eq!(admitted(&mut table, &session(1), 51), Err(TokenRefused::Unknown));
        assert_eq!(admitted(&mut table, &session(2), 51).as_deref(), Ok("netops"));
        let refused = table.rotate(&session(1), &session(3), &name!("operators"), at(52)).map(|_| ());
        assert_eq!(refused, Err(TokenRefused::Unknown), "an old token makes no new one");
        let (_, record) = table.iter().next().unwrap();
        assert_eq!((record.ends(), record.workspace()), (at(1000), Some(&name!("acme"))));
        assert!(table.revoke(session(2).id()) && !table.revoke(session(2).id()));
        assert_eq!(admitted(&mut table, &session(2), 53), Err(TokenRefused::Unknown));
        let mut table = self::table();
        table.revoke_user(&name!("netops"));
        assert_eq!(admitted(&mut table, &session(1), 1), Err(TokenRefused::Unknown));
    }

    #[test]
    fn sec_02_what_is_kept_lets_nobody_in() {
        let kept = serde_json::to_string(&table()).unwrap();
        let hidden = session(1).expose();
        assert!(!kept.contains(&hidden[25..57]) && !kept.contains("nnm_"), "{kept}");
        assert_eq!(serde_json::from_str::<TokenTable>(&kept).unwrap(), table());
    }
}
