//! Who an operator is: the seam for your own login, and bearer tokens as the one that is built in.
//!
//! **Invariant: there is no default credential.** A control plane without an identity lets no operator in. Tokens are opaque,
//! drawn from the operating system's randomness, kept as hashes, compared in constant time; each ends, and taking one back
//! works at the next request (SEC-07; the rules are the model's `TokenTable`). What a user may do is not said here but by
//! the roles in the workspace.

use std::{
    fmt, fs,
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use nanami_model::{
    ApiToken, Bearer, Exposed, Name, SessionToken, Timestamp, TokenId, TokenRecord, TokenRefused, TokenTable, name,
};
use tracing::info;

use crate::clock::{Clock, SystemClock};

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The name of the user.
    pub user: Name,
    /// The one workspace that the proof is good for; `None` means every one in which the user has a role.
    pub workspace: Option<Name>,
}

impl Identified {
    /// A user, in every workspace in which they have a role.
    #[must_use]
    pub fn user(user: Name) -> Identified {
        Identified { user, workspace: None }
    }
}

/// A request does not prove who it comes from. One answer for every reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request does not prove who it comes from")]
pub struct AuthError;

/// Authenticates operators. Yours to implement: your product's sessions, an OpenID provider.
pub trait Identity: Send + Sync + 'static {
    /// Who this request comes from.
    ///
    /// # Errors
    /// [`AuthError`] when it does not prove it.
    fn authenticate(
        &self,
        request: &http::request::Parts,
    ) -> impl Future<Output = Result<Identified, AuthError>> + Send;
}

/// [`Identity`] behind a pointer.
pub(crate) trait ErasedIdentity: Send + Sync + 'static {
    fn authenticate<'a>(
        &'a self,
        request: &'a http::request::Parts,
    ) -> Pin<Box<dyn Future<Output = Result<Identified, AuthError>> + Send + 'a>>;
}

impl<I: Identity> ErasedIdentity for I {
    fn authenticate<'a>(
        &'a self,
        request: &'a http::request::Parts,
    ) -> Pin<Box<dyn Future<Output = Result<Identified, AuthError>> + Send + 'a>> {
        Box::pin(Identity::authenticate(self, request))
    }
}

/// Lets nobody in: what a control plane has until it is given an identity.
pub(crate) struct Nobody;

impl Identity for Nobody {
    async fn authenticate(&self, _: &http::request::Parts) -> Result<Identified, AuthError> {
        Err(AuthError)
    }
}

/// Bearer tokens for users, in the header `authorization: Bearer nnm_api_…` or `nnm_ses_…`.
///
/// ```
/// use nanami_control::Tokens;
/// use nanami_model::name;
///
/// let tokens = Tokens::default();
/// let token = tokens.issue(name!("netops"))?;
/// assert!(token.expose().starts_with("nnm_api_"));
/// assert_eq!(format!("{token:?}"), "Token(…)");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Tokens {
    table: Mutex<TokenTable>,
    clock: Arc<dyn Clock>,
}

/// A bearer token, shown once.
pub struct Token {
    id: TokenId,
    text: Exposed,
}

impl Token {
    /// The text that goes into the header after `Bearer `.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// By what it is taken back. Not a secret.
    #[must_use]
    pub fn id(&self) -> TokenId {
        self.id
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens::with_clock(SystemClock)
    }
}

impl Tokens {
    /// No tokens, which will end by this clock.
    #[must_use]
    pub fn with_clock(clock: impl Clock) -> Tokens {
        Tokens { table: Mutex::default(), clock: Arc::new(clock) }
    }

    /// Makes a token for a program that acts for a user, good for 90 days; the user may have others.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn issue(&self, user: Name) -> io::Result<Token> {
        self.issue_until(user, None, self.clock.now().after(API_LIFE))
    }

    /// Makes a token for a program that acts for a user, in one workspace or in all of theirs, good until `ends`.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn issue_until(&self, user: Name, workspace: Option<Name>, ends: Timestamp) -> io::Result<Token> {
        let bearer = Bearer::Api(ApiToken::new(TokenId::from_bytes(fresh()?), fresh()?));
        let record = TokenRecord::new(&bearer, user, AUDIENCE.clone(), self.clock.now(), ends);
        Ok(self.keep(&bearer, workspace.into_iter().fold(record, TokenRecord::with_workspace)))
    }

    /// Makes a token for a person who has just logged in: good for twelve hours, and while it is used at least once an hour.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn start_session(&self, user: Name) -> io::Result<Token> {
        let bearer = Bearer::Session(SessionToken::new(TokenId::from_bytes(fresh()?), fresh()?));
        let now = self.clock.now();
        let record = TokenRecord::new(&bearer, user, AUDIENCE.clone(), now, now.after(SESSION_LIFE));
        Ok(self.keep(&bearer, record.with_idle_limit(SESSION_IDLE)))
    }

    /// Replaces the token of this text by a fresh one of the same kind, user and end; the old one is refused from then on.
    ///
    /// # Errors
    /// When the text is no good token, or the operating system has no randomness.
    pub fn rotate(&self, text: &str) -> io::Result<Token> {
        let refused = |_| io::Error::from(io::ErrorKind::PermissionDenied);
        let old: Bearer = text.parse().map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
        let (id, secret) = (TokenId::from_bytes(fresh()?), fresh()?);
        let fresh = match old {
            Bearer::Session(_) => Bearer::Session(SessionToken::new(id, secret)),
            Bearer::Api(_) => Bearer::Api(ApiToken::new(id, secret)),
        };
        self.table().rotate(&old, &fresh, &AUDIENCE, self.clock.now()).map_err(refused)?;
        Ok(Token { id, text: fresh.expose() })
    }

    /// Takes all tokens of a user back, from the next request on.
    pub fn revoke(&self, user: &Name) {
        self.table().revoke_user(user);
    }

    /// Takes one token back, from the next request on; whether there was one.
    pub fn revoke_token(&self, id: TokenId) -> bool {
        self.table().revoke(id)
    }

    /// Reads the hashes that [`Tokens::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what [`Tokens::save`] writes.
    pub fn load(path: &Path) -> io::Result<Tokens> {
        let table = serde_json::from_slice(&fs::read(path)?).map_err(|error| {
            let what = format!("not a file of tokens; remove it, and issue the tokens again: {error}");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        Ok(Tokens { table: Mutex::new(table), clock: Arc::new(SystemClock) })
    }

    /// Writes what is kept of each token that has not ended to a private file. Nothing in it lets anybody in.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut table = self.table();
        table.forget_ended(self.clock.now());
        crate::files::write_private(path, &serde_json::to_vec_pretty(&*table).map_err(io::Error::other)?)
    }

    /// Whose token this is.
    fn holder(&self, text: &str) -> Result<Identified, NotHeld> {
        let bearer: Bearer = text.parse().map_err(|_| NotHeld::NoToken)?;
        let mut table = self.table();
        let record = table.admit(&bearer, &AUDIENCE, self.clock.now()).map_err(NotHeld::Refused)?;
        Ok(Identified { user: record.user().clone(), workspace: record.workspace().cloned() })
    }

    fn keep(&self, bearer: &Bearer, record: TokenRecord) -> Token {
        let mut table = self.table();
        table.forget_ended(self.clock.now());
        table.keep(bearer.id(), record);
        Token { id: bearer.id(), text: bearer.expose() }
    }

    fn table(&self) -> MutexGuard<'_, TokenTable> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

/// Why a text let nobody in; for the trace.
#[derive(Debug, thiserror::Error)]
enum NotHeld {
    #[error("not a token")]
    NoToken,
    #[error("token refused")]
    Refused(#[source] TokenRefused),
}

impl Identity for Tokens {
    async fn authenticate(&self, request: &http::request::Parts) -> Result<Identified, AuthError> {
        let header = request.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or(AuthError)?;
        self.holder(token).map_err(|reason| {
            // The one place where the reason is said.
            info!(target: "nanami::operators", ?reason, "operator refused");
            AuthError
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issued", &self.table().iter().len()).finish()
    }
}

fn fresh<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Who takes these tokens: the HTTP API for operators.
static AUDIENCE: std::sync::LazyLock<Name> = std::sync::LazyLock::new(|| name!("operators"));
/// Chosen: a quarter of a year, after which somebody looks whether the program is still wanted.
const API_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// Chosen: a working day.
const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// Chosen: a long meeting.
const SESSION_IDLE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn user(tokens: &Tokens, text: &str) -> Option<Name> {
        tokens.holder(text).ok().map(|identified| identified.user)
    }

    /// A clock that a test sets.
    #[derive(Clone, Default)]
    struct At(Arc<AtomicU64>);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn sec_08_a_token_is_its_users_alone_until_it_is_taken_back() {
        let tokens = Tokens::default();
        let [netops, lead] = [name!("netops"), name!("platform-lead")].map(|user| tokens.issue(user).unwrap());
        assert_eq!(user(&tokens, netops.expose()), Some(name!("netops")));
        assert_eq!(user(&tokens, lead.expose()), Some(name!("platform-lead")));
        assert_eq!(user(&Tokens::default(), netops.expose()), None, "two instances share no secret");
        tokens.revoke(&name!("netops"));
        assert_eq!(user(&tokens, netops.expose()), None);
        assert!(tokens.revoke_token(lead.id()));
        assert_eq!(user(&tokens, lead.expose()), None);
    }

    #[test]
    fn sec_07_sessions_end_and_rotate_and_a_program_s_token_ends_too() {
        let clock = At::default();
        let tokens = Tokens::with_clock(clock.clone());
        let (session, api) = (tokens.start_session(name!("lead")).unwrap(), tokens.issue(name!("ci")).unwrap());
        assert!(session.expose().starts_with("nnm_ses_") && api.expose().starts_with("nnm_api_"));
        let set = |after: Duration| clock.0.store(after.as_millis() as u64, Ordering::SeqCst);
        set(SESSION_IDLE - Duration::from_millis(1));
        let fresh = tokens.rotate(session.expose()).unwrap();
        assert_eq!(user(&tokens, session.expose()), None, "rotation ends the old one");
        assert_eq!(user(&tokens, fresh.expose()), Some(name!("lead")));
        assert!(tokens.rotate(session.expose()).is_err());
        set(SESSION_IDLE * 2);
        assert_eq!(user(&tokens, fresh.expose()), None, "it was idle for an hour");
        assert_eq!(user(&tokens, api.expose()), Some(name!("ci")));
        set(API_LIFE);
        assert_eq!(user(&tokens, api.expose()), None, "the end is exclusive");
    }

    #[test]
    fn sec_07_a_token_may_be_bound_to_one_workspace() {
        let tokens = Tokens::default();
        let ends = tokens.clock.now().after(API_LIFE);
        let token = tokens.issue_until(name!("ci"), Some(name!("acme")), ends).unwrap();
        assert_eq!(tokens.holder(token.expose()).unwrap().workspace, Some(name!("acme")));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let tokens = Tokens::default();
        let token = tokens.issue(name!("netops")).unwrap();
        let text = token.expose();
        for other in [
            "",
            "é",
            "nnm_api_",
            &text.replace("nnm_api_", "nnm_jk_"),
            &text.replace("nnm_api_", "nnm_ses_"),
            &text[..62],
        ] {
            assert_eq!(user(&tokens, other), None, "{other}");
        }
    }

    #[test]
    fn the_file_holds_hashes_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        let tokens = Tokens::default();
        let token = tokens.issue(name!("netops")).unwrap();
        tokens.save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&token.expose()[25..57]) && text.contains("netops"), "{text}");
        assert_eq!(user(&Tokens::load(&path).unwrap(), token.expose()), Some(name!("netops")));
        fs::write(&path, "netops zz\n").unwrap();
        assert!(Tokens::load(&path).unwrap_err().to_string().contains("line 1"));
    }
}
