//! Identities: how people prove to be a user.
//!
//! **Invariant**: issuer and subject are printable text without spaces, 1 to 255 bytes each, compared byte by byte. Nothing
//! is inferred from an identity, least of all from what an address in it looks like.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who somebody is to an identity provider: OpenID Connect's `iss` and `sub` (OpenID Connect Core 1.0, section 2).
///
/// ```
/// use nanami_model::Identity;
///
/// let netops = Identity::new("https://login.example.com", "248289761001")?;
/// assert_eq!(netops.subject(), "248289761001");
/// # Ok::<(), nanami_model::ParseIdentityError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Identity {
    issuer: Box<str>,
    subject: Box<str>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Parts {
    issuer: String,
    subject: String,
}

/// Why two texts are no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdentityError {
    /// A text is empty.
    #[error("the {part} of an identity is not empty")]
    Empty {
        /// `issuer` or `subject`.
        part: &'static str,
    },
    /// A text is longer than 255 bytes.
    #[error("the {part} of an identity has at most 255 bytes, this one has {length}")]
    TooLong {
        /// `issuer` or `subject`.
        part: &'static str,
        /// How many bytes it has.
        length: usize,
    },
    /// A text holds a space, or a character that does not print.
    #[error("the {part} of an identity is printable ASCII without spaces; {character:?} is not")]
    Character {
        /// `issuer` or `subject`.
        part: &'static str,
        /// The first character that does not fit.
        character: char,
    },
}

crate::coded! { ParseIdentityError: Caller;
    Self::Empty { part } => ("value.identity.empty", format!("write the {part} as the provider's tokens say it in iss or sub"));
    Self::TooLong { .. } => ("value.identity.too_long", "write what the provider's tokens say in iss or sub");
    Self::Character { .. } => ("value.identity.character", "write what the provider's tokens say in iss or sub");
}

impl Identity {
    /// Longest issuer and longest subject, in bytes (OpenID Connect Core 1.0, section 2: `sub` has at most 255).
    pub const MAX_LENGTH: usize = 255;

    /// The identity `subject` as `issuer` tells it.
    ///
    /// # Errors
    /// [`ParseIdentityError`] if one of them is empty, too long, or holds what does not print.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, ParseIdentityError> {
        Ok(Self { issuer: checked("issuer", issuer)?, subject: checked("subject", subject)? })
    }

    /// Who says so, such as `https://login.example.com`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who it is to the issuer; means nothing to anybody else.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

fn checked(part: &'static str, text: &str) -> Result<Box<str>, ParseIdentityError> {
    if text.is_empty() {
        return Err(ParseIdentityError::Empty { part });
    }
    if text.len() > Identity::MAX_LENGTH {
        return Err(ParseIdentityError::TooLong { part, length: text.len() });
    }
    match text.chars().find(|character| !character.is_ascii_graphic()) {
        Some(character) => Err(ParseIdentityError::Character { part, character }),
        None => Ok(text.into()),
    }
}

impl fmt::Display for Identity {
    /// `SUBJECT at ISSUER`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.subject, self.issuer)
    }
}

impl TryFrom<Parts> for Identity {
    type Error = ParseIdentityError;

    fn try_from(parts: Parts) -> Result<Self, ParseIdentityError> {
        Self::new(&parts.issuer, &parts.subject)
    }
}

impl From<Identity> for Parts {
    fn from(identity: Identity) -> Self {
        Self { issuer: identity.issuer.into(), subject: identity.subject.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_print_or_fit_is_no_identity() {
        let code = |issuer: &str, subject: &str| Identity::new(issuer, subject).unwrap_err().code();
        assert_eq!(code("", "a"), "value.identity.empty");
        assert_eq!(code("a", ""), "value.identity.empty");
        assert_eq!(code("a", &"x".repeat(256)), "value.identity.too_long");
        for bad in ["a b", "a\n", "é", "\u{202e}a", "\0"] {
            assert_eq!(code("https://login.example.com", bad), "value.identity.character", "{bad:?}");
        }
        assert!(Identity::new(&"x".repeat(255), "auth0|5f7c8ec7c33c6c004bbafe82").is_ok());
    }
}
