//! Versions of operating systems and agents.
//!
//! **Invariant**: a version is one to four numbers, compared one after the other; a missing number is zero, so that `14` and
//! `14.0` are one version. The text has no trailing `.0`.

use std::fmt;
use std::str::FromStr;

/// A version such as `14.5` or `10.0.19045`.
///
/// ```
/// use nanami_model::Version;
///
/// let (old, new): (Version, Version) = ("9.10".parse()?, "10".parse()?);
/// assert!(old < new && "10.0.0".parse::<Version>()? == new);
/// assert_eq!(old.to_string(), "9.10");
/// # Ok::<(), nanami_model::ParseVersionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u32; PARTS]);

/// chosen: Windows has four numbers, others have fewer.
const PARTS: usize = 4;

/// A text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a version is one to four numbers with dots between, such as 14.5, without leading zeros")]
pub struct ParseVersionError;

crate::coded! { ParseVersionError: Caller;
    _ => ("value.version", "write a version such as 14.5");
}

impl Version {
    /// The version of these numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self([major, minor, patch, 0])
    }

    /// The four numbers; those that the text leaves out are zero.
    pub const fn parts(self) -> [u32; 4] {
        self.0
    }
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let mut parts = [0; PARTS];
        for (at, part) in text.split('.').enumerate() {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            let number = part.parse().ok().filter(|_| digits).ok_or(ParseVersionError)?;
            *parts.get_mut(at).ok_or(ParseVersionError)? = number;
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.iter().rposition(|part| *part != 0).unwrap_or(0);
        let parts: Vec<_> = self.0[..=last].iter().map(u32::to_string).collect();
        f.pad(&parts.join("."))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::text::text_serde!(Version);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_with_dots_are_versions_and_nothing_else_is() {
        for (text, printed) in
            [("0", "0"), ("1", "1"), ("1.0", "1"), ("0.0.1", "0.0.1"), ("10.0.19045.4", "10.0.19045.4")]
        {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), printed);
        }
        for bad in ["", ".", "1.", "01", "1.2.3.4.5", "+1", "1 ", "4294967296", "1-rc", "v1", "１"] {
            assert_eq!(bad.parse::<Version>(), Err(ParseVersionError), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(parts: [u32; PARTS]) {
            prop_assert_eq!(Version(parts).to_string().parse::<Version>(), Ok(Version(parts)));
        }
    }
}
