//! Who an operator is: the seam for your own login, and bearer tokens as the one that is built in.
//!
//! **Invariant: there is no default credential.** A control plane without an identity lets no operator in. Tokens are opaque,
//! drawn from the operating system's randomness, kept as hashes, compared in constant time; taking one back
//! works at the next request. What a user may do is not said here but by the roles in the workspace.

use std::{fmt, fs, future::Future, io, path::Path, pin::Pin, sync::RwLock};

use nanami_model::Name;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The name of the user.
    pub user: Name,
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

/// Bearer tokens for users, in the header `authorization: Bearer nnm_api_…`.
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
#[derive(Default)]
pub struct Tokens {
    issued: RwLock<Vec<Issued>>,
}

#[derive(Clone)]
struct Issued {
    user: Name,
    hash: [u8; 32],
}

/// A bearer token, shown once.
pub struct Token(Zeroizing<String>);

impl Token {
    /// The text that goes into the header after `Bearer `.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Tokens {
    /// Makes a token for a user; the user may have others.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub fn issue(&self, user: Name) -> io::Result<Token> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut *secret).map_err(io::Error::other)?;
        let body = Zeroizing::new(format!("{PREFIX}{}", *base32(&*secret)));
        let token = Token(Zeroizing::new(format!("{}{}", *body, check(&body))));
        self.write().push(Issued { user, hash: hash(&token.0) });
        Ok(token)
    }

    /// Takes all tokens of a user back, from the next request on.
    pub fn revoke(&self, user: &Name) {
        self.write().retain(|issued| issued.user != *user);
    }

    /// Reads the hashes that [`Tokens::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not a user and a hash.
    pub fn load(path: &Path) -> io::Result<Tokens> {
        let bad =
            |line: usize| io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not a user and a hash"));
        let parse = |(at, line): (usize, &str)| {
            let (user, hash) = line.split_once(' ').ok_or_else(|| bad(at + 1))?;
            let hash = blake3::Hash::from_hex(hash).map_err(|_| bad(at + 1))?;
            Ok(Issued { user: user.parse().map_err(|_| bad(at + 1))?, hash: *hash.as_bytes() })
        };
        let text = fs::read_to_string(path)?;
        let issued = text.lines().enumerate().map(parse).collect::<io::Result<_>>()?;
        Ok(Tokens { issued: RwLock::new(issued) })
    }

    /// Writes users and hashes, one per line, to a private file. Nothing in it lets anybody in.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let line = |issued: &Issued| format!("{} {}\n", issued.user, blake3::Hash::from(issued.hash));
        let text = self.read().iter().map(line).collect::<String>();
        crate::files::write_private(path, text.as_bytes())
    }

    /// The user of a token; every hash is compared, in constant time.
    fn user(&self, token: &str) -> Option<Name> {
        let body = token.len().checked_sub(CHECK_LENGTH).and_then(|at| token.split_at_checked(at));
        let (body, given) = body.filter(|(body, _)| body.starts_with(PREFIX))?;
        if check(body) != given {
            return None;
        }
        let wanted = hash(token);
        let compare = |found: Option<Name>, issued: &Issued| match bool::from(issued.hash.ct_eq(&wanted)) {
            true => Some(issued.user.clone()),
            false => found,
        };
        self.read().iter().fold(None, compare)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Issued>> {
        self.issued.read().expect("no holder of this lock panics")
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Vec<Issued>> {
        self.issued.write().expect("no holder of this lock panics")
    }
}

impl Identity for Tokens {
    async fn authenticate(&self, request: &http::request::Parts) -> Result<Identified, AuthError> {
        let header = request.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or(AuthError)?;
        self.user(token).map(|user| Identified { user }).ok_or(AuthError)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("issued", &self.read().len()).finish()
    }
}

fn hash(token: &str) -> [u8; 32] {
    blake3::derive_key("nanami 2026 bearer token v1", token.as_bytes())
}

/// Six characters by which typing errors are caught and scanners recognise a token (SEC-01).
fn check(body: &str) -> String {
    let hash = blake3::derive_key("nanami 2026 bearer token check v1", body.as_bytes());
    base32(&hash[..5])[..CHECK_LENGTH].to_owned()
}

/// Crockford's alphabet, which has no look-alikes; `bytes` is a multiple of five long.
fn base32(bytes: &[u8]) -> Zeroizing<String> {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 8 / 5));
    for chunk in bytes.chunks(5) {
        let bits = chunk.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for place in (0..8).rev() {
            text.push(char::from(ALPHABET[(bits >> (5 * place)) as usize & 31]));
        }
    }
    text
}

const PREFIX: &str = "nnm_api_";
/// 160 bits (SEC-01 asks for 128 at least).
const SECRET_BYTES: usize = 20;
const CHECK_LENGTH: usize = 6;

#[cfg(test)]
mod tests {
    use nanami_model::name;

    use super::*;

    #[test]
    fn sec_08_a_token_is_its_users_alone_until_it_is_taken_back() {
        let tokens = Tokens::default();
        let [netops, lead] = [name!("netops"), name!("platform-lead")].map(|user| tokens.issue(user).unwrap());
        assert_eq!(tokens.user(netops.expose()), Some(name!("netops")));
        assert_eq!(tokens.user(lead.expose()), Some(name!("platform-lead")));
        assert_eq!(Tokens::default().user(netops.expose()), None, "two instances share no secret");
        tokens.revoke(&name!("netops"));
        assert_eq!(tokens.user(netops.expose()), None);
        assert_eq!(tokens.user(lead.expose()), Some(name!("platform-lead")));
    }

    #[test]
    fn sec_01_every_typing_error_is_caught_and_other_kinds_are_no_tokens() {
        let tokens = Tokens::default();
        let token = tokens.issue(name!("netops")).unwrap();
        let text = token.expose();
        assert_eq!(text.len(), 8 + 32 + 6);
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'7' { b'8' } else { b'7' };
            assert_eq!(tokens.user(std::str::from_utf8(&changed).unwrap()), None, "position {at}");
        }
        for other in ["", "é", "nnm_api_", &text.replace("nnm_api_", "nnm_jk_"), &text[..45]] {
            assert_eq!(tokens.user(other), None, "{other}");
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
        assert!(!text.contains(&token.expose()[8..40]) && text.starts_with("netops "), "{text}");
        assert_eq!(Tokens::load(&path).unwrap().user(token.expose()), Some(name!("netops")));
        fs::write(&path, "netops zz\n").unwrap();
        assert!(Tokens::load(&path).unwrap_err().to_string().contains("line 1"));
    }
}
