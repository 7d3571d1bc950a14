//! Who gets in: a proved key that is a peer's, or a proved key with a join key that is good.
//!
//! **Invariants: check and consume are one entry of the log (SEC-04), so a key lets in one peer however many race; used,
//! expired, revoked, unknown and foreign keys and wrong secrets take the same path to the same answer (SEC-03); the same
//! key pair with the same join key is let in again (a crash between commit and reply costs nothing).** A key pair is
//! unique within a workspace; the reason of a refusal goes to the trace `nanami::join` alone.

use std::{net::IpAddr, time::Duration};

use nanami_model::{
    Actor, Intent, JoinKey, JoinKeyId, JoinSecret, Name, NotRedeemable, PeerId, PublicKey, Redemption, Refused,
    Timestamp,
};

use super::{Step, Workspace, audit::Act};

/// A peer that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcomed {
    /// Which peer it is.
    pub peer: PeerId,
    /// Its name.
    pub name: Name,
    /// Whether it was not one before.
    pub joined: bool,
}

/// How often control wants to hear of a peer when nothing happens: three reports may be lost within a lease.
pub const REPORT_EVERY: Duration = Duration::from_secs(15);

/// Why somebody was not let in. For the trace: outside every reason reads the same.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotJoined {
    /// The key is no peer's, and no join key was shown.
    #[error("the key is no peer's")]
    Stranger,
    /// There were too many failures from this source.
    #[error("too many failures from this source")]
    TooMany,
    /// No such join key, here at least.
    #[error("no such join key")]
    Unknown,
    /// The join key is not good.
    #[error("join key not redeemable")]
    NotRedeemable(#[source] NotRedeemable),
    /// The proved key is another peer's already.
    #[error("the key is {0}'s already")]
    KeyTaken(PeerId),
    /// The peer that the join key fills has another key.
    #[error("{0} has a key already")]
    PeerTaken(PeerId),
    /// The workspace's rules are against it.
    #[error("the rules are against it")]
    Rules(#[source] Refused),
}

impl From<NotRedeemable> for NotJoined {
    fn from(reason: NotRedeemable) -> NotJoined {
        match reason {
            NotRedeemable::Unknown => NotJoined::Unknown,
            NotRedeemable::KeyTaken(peer) => NotJoined::KeyTaken(peer),
            NotRedeemable::PeerTaken(peer) => NotJoined::PeerTaken(peer),
            reason => NotJoined::NotRedeemable(reason),
        }
    }
}

impl Workspace {
    /// Decides on a hello: `key` is what the channel proved, `secret` the join key that was shown.
    ///
    /// # Errors
    /// [`NotJoined`]; the caller counts it with [`Workspace::note_failure`] and says nothing of it outside.
    pub fn hello(
        &self,
        now: Timestamp,
        source: IpAddr,
        key: PublicKey,
        secret: Option<&JoinSecret>,
    ) -> Result<Step<Welcomed>, NotJoined> {
        let known = self.distribution.member(&key);
        let again = || known.map(|member| Welcomed { peer: member.peer, name: member.name.clone(), joined: false });
        let Some(secret) = secret else { return again().map(Step::nothing).ok_or(NotJoined::Stranger) };
        if !self.attempts.may_try(source, now) {
            return Err(NotJoined::TooMany);
        }
        match self.fold.intent.redeem(secret, key, now)? {
            Redemption::Again(peer) => {
                let name = self.fold.intent.name_of(peer).cloned().ok_or(NotJoined::Stranger)?;
                Ok(Step::nothing(Welcomed { peer, name, joined: false }))
            }
            Redemption::Admit { peer, name, changes } => {
                let welcomed = Welcomed { peer, name, joined: true };
                self.write(now, Actor::Control, Act::Joined { peer }, changes, welcomed).map_err(NotJoined::Rules)
            }
        }
    }

    /// Counts a failure against its source.
    pub fn note_failure(&mut self, source: IpAddr, now: Timestamp) {
        self.attempts.failed(source, now);
    }

    /// Makes a join key; `secret` becomes its secret, 20 bytes of the operating system's randomness.
    ///
    /// # Errors
    /// [`Refused`] when `by` may not, or the rules are against it.
    pub fn create_join_key(
        &self,
        now: Timestamp,
        by: Actor,
        key: JoinKey,
        secret: [u8; 20],
    ) -> Result<Step<JoinSecret>, Refused> {
        let mut draft = self.fold.intent.draft();
        let id = draft.add_join_key(key, |id| JoinSecret::new(id, secret).hash());
        self.write(now, by, Act::JoinKey, draft.into_changes(), JoinSecret::new(id, secret))
    }

    /// Takes a join key back. The peer that it let in, if any, stays.
    ///
    /// # Errors
    /// [`Refused`] when `by` may not, or the rules are against it.
    pub fn revoke_join_key(&self, now: Timestamp, by: Actor, id: JoinKeyId) -> Result<Step<()>, Refused> {
        let mut draft = self.fold.intent.draft();
        draft.update(id, JoinKey::revoked);
        self.write(now, by, Act::JoinKey, draft.into_changes(), ())
    }
}

/// The join keys that would let somebody in now, for people; no secret is in them.
#[must_use]
pub fn open_join_keys(intent: &Intent, now: Timestamp) -> Vec<(JoinKeyId, &JoinKey)> {
    let open = |key: &JoinKey| {
        let live = key.expires().is_none_or(|at| now < at);
        live && !key.is_revoked() && !key.is_used_up()
    };
    intent.join_keys().filter(|(_, key)| open(key)).collect()
}
