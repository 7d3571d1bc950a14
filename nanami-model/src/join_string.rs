//! Join strings: all that a peer needs to join, in one line of text.
//!
//! **Invariant**: the text names where control listens, the workspace, control's public key and a join key, each once. It is
//! a secret as long as the join key lives: it prints as `…`.

use std::fmt;
use std::str::FromStr;

use crate::endpoint::Endpoint;
use crate::key::PublicKey;
use crate::name::Name;
use crate::secret::{Exposed, JoinSecret};

/// `nanami://HOST:PORT/WORKSPACE?key=CONTROL_PUBLIC_KEY#JOIN_KEY`.
pub struct JoinString {
    authority: String,
    workspace: Name,
    control: PublicKey,
    secret: JoinSecret,
}

/// Which part of a text keeps it from being a join string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a join string: {part} is missing or wrong; it reads nanami://HOST:PORT/WORKSPACE?key=KEY#JOIN_KEY")]
pub struct ParseJoinStringError {
    part: &'static str,
}

crate::coded! { ParseJoinStringError: Caller;
    _ => ("value.join_string", "copy the join string whole, or have a new one made");
}

impl JoinString {
    /// The join string for a workspace whose control, with this key, listens at `authority` (`host:port`).
    ///
    /// # Errors
    /// [`ParseJoinStringError`] if the authority is no host with a port.
    pub fn new(
        authority: &str,
        workspace: Name,
        control: PublicKey,
        secret: JoinSecret,
    ) -> Result<Self, ParseJoinStringError> {
        let authority = check_authority(authority)?;
        Ok(Self { authority, workspace, control, secret })
    }

    /// Where control listens: `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The workspace to join.
    pub fn workspace(&self) -> &Name {
        &self.workspace
    }

    /// The key by which control proves itself.
    pub fn control(&self) -> PublicKey {
        self.control
    }

    /// The join key.
    pub fn secret(&self) -> &JoinSecret {
        &self.secret
    }

    /// The text that a person hands over.
    pub fn expose(&self) -> Exposed {
        let (key, secret) = (self.control.to_string(), self.secret.expose());
        let parts = ["nanami://", &self.authority, "/", self.workspace.as_str(), "?key=", &key, "#", &secret];
        // Room for all of it at once: a text that grows leaves copies of its beginning behind.
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| text.push_str(part));
        Exposed::new(text)
    }
}

/// Read as every other `HOST:PORT` is, and in the one form that it prints in: a secret has one text.
fn check_authority(text: &str) -> Result<String, ParseJoinStringError> {
    let read = text.parse::<Endpoint>().ok().map(|endpoint| endpoint.to_string());
    read.filter(|canonical| canonical == text).ok_or(ParseJoinStringError { part: "HOST:PORT" })
}

impl FromStr for JoinString {
    type Err = ParseJoinStringError;

    fn from_str(text: &str) -> Result<Self, ParseJoinStringError> {
        let part = |part| ParseJoinStringError { part };
        let rest = text.strip_prefix("nanami://").ok_or(part("nanami://"))?;
        let (rest, secret) = rest.split_once('#').ok_or(part("JOIN_KEY"))?;
        let (rest, control) = rest.split_once("?key=").ok_or(part("KEY"))?;
        let (authority, workspace) = rest.split_once('/').ok_or(part("WORKSPACE"))?;
        Self::new(
            authority,
            workspace.parse().map_err(|_| part("WORKSPACE"))?,
            control.parse().map_err(|_| part("KEY"))?,
            secret.parse().map_err(|_| part("JOIN_KEY"))?,
        )
    }
}

impl fmt::Debug for JoinString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinString(nanami://{}/{}, …)", self.authority, self.workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JoinKeyId, PrivateKey, name};

    fn join(authority: &str) -> Result<JoinString, ParseJoinStringError> {
        let secret = JoinSecret::new(JoinKeyId::from_bytes([5; 10]), [6; 20]);
        JoinString::new(authority, name!("acme"), PrivateKey::from_bytes([7; 32]).public(), secret)
    }

    #[test]
    fn text_round_trips_for_names_and_both_families() {
        for authority in ["127.0.0.1:8080", "[::1]:1", "control.example.org:65535"] {
            let text = join(authority).unwrap().expose();
            assert_eq!(text.parse::<JoinString>().unwrap().expose(), text);
        }
        for bad in ["127.0.0.1", "host:0", "host:070", "host:", ":1", "a b:1", "[::g]:1", "ho/st:1", "host:65536"] {
            assert!(join(bad).is_err(), "{bad}");
        }
        // What resolvers read in several ways, and what has another text that means the same.
        for bad in ["2130706433:1", "127.1:1", "[::ffff:127.0.0.1]:1", "[fe80::1%eth0]:1", "Host:1", "[0::1]:1"] {
            assert!(join(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_names_the_part() {
        let text = join("127.0.0.1:1").unwrap().expose();
        for (from, to, part) in [
            ("nanami://", "http://", "nanami://"),
            ("acme", "Acme", "WORKSPACE"),
            ("?key=", "?key=A", "KEY"),
            ("#nnm_jk_", "#nnm_jk", "JOIN_KEY"),
            (":1/", "/", "HOST:PORT"),
        ] {
            assert_eq!(text.replacen(from, to, 1).parse::<JoinString>().unwrap_err().part, part);
        }
    }

    #[test]
    fn the_secret_does_not_print() {
        let join = join("127.0.0.1:1").unwrap();
        assert!(!format!("{join:?}").contains("nnm_jk_"));
    }
}
