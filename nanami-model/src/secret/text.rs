//! The text form that all kinds of secrets share: `nnm_<kind>_`, sixteen characters that find the record, `_`, 32 that
//! prove it, six that catch typing errors and let scanners recognise one (SEC-01).
//!
//! **Invariant**: one text per secret. The alphabet is Crockford's base32, which has no look-alikes; nothing is normalised.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Exposed;

/// 80 bits that find the record of a secret; they are no secret themselves (SEC-01 asks for 64 at least).
pub(super) const ID_BYTES: usize = 10;
/// 160 bits (SEC-01 asks for 128 at least).
pub(super) const SECRET_BYTES: usize = 20;
const CHECK_LENGTH: usize = 6;
/// Longest prefix, two parts, the stroke between them, the check.
const MAX_LENGTH: usize = 8 + 16 + 1 + 32 + CHECK_LENGTH;

/// A text is not a secret of the wanted kind. The error holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseSecretError {
    /// It is one of another kind.
    #[error("this is {found}, not {wanted}")]
    WrongKind {
        /// The kind that the caller asked for, with its article.
        wanted: &'static str,
        /// The kind that the text is, with its article.
        found: &'static str,
    },
    /// It is none at all, or a character is wrong.
    #[error("{wanted} reads {prefix}, two parts and a check; this text is not one, or a character is wrong")]
    Malformed {
        /// The kind that the caller asked for, with its article.
        wanted: &'static str,
        /// What such a text begins with.
        prefix: &'static str,
    },
}

crate::coded! { ParseSecretError: Caller;
    Self::WrongKind { wanted, .. } => ("value.secret.wrong_kind", format!("give {wanted}"));
    Self::Malformed { .. } => ("value.secret.malformed", "copy it whole, from the first character to the last, or have a new one made");
}

/// What makes one kind of secret another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// What its text begins with.
    pub(super) prefix: &'static str,
    /// What people call it, with its article.
    pub(super) noun: &'static str,
    /// Separates its hashes from those of all other kinds.
    pub(super) hash: &'static str,
    /// Separates its checks from those of all other kinds.
    pub(super) check: &'static str,
}

/// The two halves of a secret of any kind.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Halves {
    pub(super) id: [u8; ID_BYTES],
    pub(super) secret: [u8; SECRET_BYTES],
}

impl Halves {
    /// What is stored. The secret has 160 bits of entropy, so that no slow hash is needed.
    pub(super) fn hash(&self, kind: Kind) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(kind.hash);
        hasher.update(&self.id);
        hasher.update(&self.secret);
        *hasher.finalize().as_bytes()
    }

    pub(super) fn expose(&self, kind: Kind) -> Exposed {
        let mut text = String::with_capacity(MAX_LENGTH);
        text.push_str(kind.prefix);
        push_base32(&mut text, &self.id);
        text.push('_');
        push_base32(&mut text, &self.secret);
        let check = check(kind, &text);
        text.push_str(&check);
        Exposed::new(text)
    }

    pub(super) fn parse(kind: Kind, text: &str) -> Result<Self, ParseSecretError> {
        let malformed = ParseSecretError::Malformed { wanted: kind.noun, prefix: kind.prefix };
        let at = text.len().checked_sub(CHECK_LENGTH).filter(|at| text.is_char_boundary(*at)).ok_or(malformed)?;
        let (body, given) = text.split_at(at);
        let Some(rest) = body.strip_prefix(kind.prefix) else {
            let other = super::kinds::ALL.iter().find(|other| body.starts_with(other.prefix));
            return Err(
                other.map_or(malformed, |other| ParseSecretError::WrongKind { wanted: kind.noun, found: other.noun })
            );
        };
        let (id, secret) = rest.split_once('_').ok_or(malformed)?;
        if !bool::from(check(kind, body).as_bytes().ct_eq(given.as_bytes())) {
            return Err(malformed);
        }
        let id = crate::id::decode(id).ok_or(malformed)?;
        let secret = crate::id::decode(secret).ok_or(malformed)?;
        Ok(Self { id, secret })
    }
}

struct Base32<'a>(&'a [u8]);

impl fmt::Display for Base32<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::id::encode(self.0, f)
    }
}

/// Straight into the text, without a string between that nobody wipes.
fn push_base32(text: &mut String, bytes: &[u8]) {
    use fmt::Write as _;
    write!(text, "{}", Base32(bytes)).expect("a string takes every text");
}

fn check(kind: Kind, body: &str) -> String {
    let hash = blake3::derive_key(kind.check, body.as_bytes());
    Base32(&hash[..5]).to_string()[..CHECK_LENGTH].to_owned()
}
