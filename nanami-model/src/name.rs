//! Names: RFC 1123 labels in lower case, the only text that renderers put into configurations (SEC-21).
//!
//! **Invariant**: a `Name` is 1 to 63 characters of `a-z`, `0-9` and `-`, neither first nor last a `-`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of an object, unique among the objects of its kind in a workspace.
///
/// ```
/// use nanami_model::Name;
///
/// let name: Name = "api-gateway".parse()?;
/// assert_eq!(name.as_str(), "api-gateway");
/// assert!("API gateway".parse::<Name>().is_err());
/// # Ok::<(), nanami_model::ParseNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseNameError {
    /// The text is empty.
    #[error("a name is not empty")]
    Empty,
    /// The text has more than 63 characters.
    #[error("a name has at most 63 characters, this one has {length}")]
    TooLong {
        /// How many bytes the text has.
        length: usize,
    },
    /// A character is outside the alphabet, or a `-` stands first or last.
    #[error("a name is made of a-z, 0-9 and inner '-'; {character:?} at position {position} is not allowed")]
    Character {
        /// The first character that does not fit.
        character: char,
        /// Its position, counted in characters from 1.
        position: usize,
    },
}

crate::coded! { ParseNameError: Caller;
    Self::Empty => ("value.name.empty", "write a name such as api-gateway");
    Self::TooLong { .. } => ("value.name.too_long", "choose a shorter name");
    Self::Character { .. } => ("value.name.character", "write a name such as api-gateway");
}

impl Name {
    /// Longest name, in bytes: one DNS label (RFC 1035 section 2.3.4).
    pub const MAX_LENGTH: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is a name; `const`, so that [`name!`](crate::name!) checks literals when they are compiled.
    #[doc(hidden)]
    pub const fn is_name(text: &str) -> bool {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > Self::MAX_LENGTH {
            return false;
        }
        let mut i = 0;
        while i < bytes.len() {
            let inner = i > 0 && i + 1 < bytes.len();
            let fits = matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9') || (bytes[i] == b'-' && inner);
            if !fits {
                return false;
            }
            i += 1;
        }
        true
    }
}

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, ParseNameError> {
        if text.is_empty() {
            return Err(ParseNameError::Empty);
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(ParseNameError::TooLong { length: text.len() });
        }
        let last = text.chars().count();
        for (i, character) in text.chars().enumerate() {
            let inner = i > 0 && i + 1 < last;
            let fits = matches!(character, 'a'..='z' | '0'..='9') || (character == '-' && inner);
            if !fits {
                return Err(ParseNameError::Character { character, position: i + 1 });
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

crate::text::text_serde!(Name);

/// A [`Name`](crate::Name) from a literal that the compiler checks.
///
/// ```
/// assert_eq!(nanami_model::name!("ci-runner").as_str(), "ci-runner");
/// ```
///
/// ```compile_fail
/// nanami_model::name!("CI runner");
/// ```
#[macro_export]
macro_rules! name {
    ($text:literal) => {{
        const _: () = assert!($crate::Name::is_name($text), "not a name: 1 to 63 of a-z, 0-9 and inner '-'");
        $text.parse::<$crate::Name>().expect("checked when this was compiled")
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_and_nothing_else_is() {
        for good in ["a", "0", "a-b", "api-gateway", "x".repeat(63).as_str()] {
            assert!(good.parse::<Name>().is_ok() && Name::is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a b", "a\n", "é", "a.b", "x".repeat(64).as_str(), "a\"", "\u{202e}a"]
        {
            assert!(bad.parse::<Name>().is_err() && !Name::is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_error_points_at_the_character() {
        let error = "prodé x".parse::<Name>().unwrap_err();
        assert_eq!(error, ParseNameError::Character { character: 'é', position: 5 });
    }
}
