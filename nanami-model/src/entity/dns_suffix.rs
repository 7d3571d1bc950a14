//! DNS suffixes: under which the peers of a network are to be found by name (SEC-21).
//!
//! **Invariant**: a suffix is RFC 1123 labels in lower case with dots between, at most 189 bytes in all, so that a peer's name
//! of 63 bytes and the dot before it still fit into the 253 of a domain name.

use std::fmt;
use std::str::FromStr;

use crate::name::{Name, ParseNameError};

/// A suffix such as `prod.acme.internal`.
///
/// ```
/// use nanami_model::DnsSuffix;
///
/// let suffix: DnsSuffix = "prod.acme.internal".parse()?;
/// assert_eq!(suffix.as_str(), "prod.acme.internal");
/// assert!("prod..internal".parse::<DnsSuffix>().is_err());
/// # Ok::<(), nanami_model::ParseDnsSuffixError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsSuffix(Box<str>);

/// Why a text is no DNS suffix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseDnsSuffixError {
    /// The text has more than 189 bytes.
    #[error("a DNS suffix has at most 189 bytes, this one has {length}")]
    TooLong {
        /// How many bytes it has.
        length: usize,
    },
    /// A label is none.
    #[error("label {position} of the DNS suffix is none")]
    Label {
        /// Which one, counted from 1.
        position: usize,
        /// What is wrong with it.
        source: ParseNameError,
    },
}

crate::coded! { ParseDnsSuffixError: Caller;
    Self::TooLong { .. } => ("value.dns_suffix.too_long", "choose a shorter suffix");
    Self::Label { .. } => ("value.dns_suffix.label", "write a suffix such as prod.acme.internal");
}

impl DnsSuffix {
    /// Longest suffix, in bytes: 253 (RFC 1035 section 2.3.4, as text without the root) less a name and its dot.
    pub const MAX_LENGTH: usize = 253 - Name::MAX_LENGTH - 1;

    /// The suffix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DnsSuffix {
    type Err = ParseDnsSuffixError;

    fn from_str(text: &str) -> Result<Self, ParseDnsSuffixError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ParseDnsSuffixError::TooLong { length: text.len() });
        }
        for (at, label) in text.split('.').enumerate() {
            label.parse::<Name>().map_err(|source| ParseDnsSuffixError::Label { position: at + 1, source })?;
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for DnsSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DnsSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

crate::text::text_serde!(DnsSuffix);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_21_labels_with_dots_are_a_suffix_and_nothing_else_is() {
        for good in ["internal", "a.b", "prod-1.acme.internal", ["a"; 95].join(".").as_str()] {
            assert_eq!(good.parse::<DnsSuffix>().unwrap().to_string(), good);
        }
        for bad in
            ["", ".", "a.", ".a", "A", "a_b", "a b", "a\n", "é.de", ["a"; 96].join(".").as_str(), "a..b", "\"", "a;b"]
        {
            assert!(bad.parse::<DnsSuffix>().is_err(), "{bad:?}");
        }
    }
}
