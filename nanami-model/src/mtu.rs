//! The longest inner packet of a tunnel.
//!
//! **Invariant**: an [`Mtu`] is a number that an interface can have, 576 to 65,535 bytes.

use std::fmt;
use std::str::FromStr;

/// The longest packet that an interface carries, in bytes.
///
/// ```
/// use nanami_model::Mtu;
///
/// assert_eq!("1420".parse::<Mtu>()?.bytes(), 1420);
/// assert!("01420".parse::<Mtu>().is_err() && "575".parse::<Mtu>().is_err());
/// # Ok::<(), nanami_model::ParseMtuError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mtu(u16);

/// Why a number or a text is not an MTU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an MTU is a number from 576 to 65535 without leading zeros")]
pub struct ParseMtuError;

crate::coded! { ParseMtuError: Caller;
    _ => ("value.mtu.range", "write a number of bytes such as 1420");
}

impl Mtu {
    /// The shortest that is accepted: what every host takes (RFC 791 section 3.1). IPv6 wants 1280 (RFC 8200 section 5).
    pub const LEAST: u16 = 576;

    /// The MTU of this many bytes.
    ///
    /// # Errors
    /// [`ParseMtuError`] below [`Mtu::LEAST`].
    pub fn new(bytes: u16) -> Result<Self, ParseMtuError> {
        if bytes < Self::LEAST { Err(ParseMtuError) } else { Ok(Self(bytes)) }
    }

    /// The number of bytes.
    pub fn bytes(self) -> u16 {
        self.0
    }
}

impl FromStr for Mtu {
    type Err = ParseMtuError;

    fn from_str(text: &str) -> Result<Self, ParseMtuError> {
        let canonical = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(bytes) if canonical => Self::new(bytes),
            _ => Err(ParseMtuError),
        }
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

crate::text::text_serde!(Mtu);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_round_trips_or_is_refused() {
        for bytes in 0..=u16::MAX {
            assert_eq!(bytes.to_string().parse::<Mtu>().ok().map(Mtu::bytes), (bytes >= 576).then_some(bytes));
        }
        for bad in ["", "+1420", " 1420", "1420.0", "65536", "１４２０", "0x58c"] {
            assert_eq!(bad.parse::<Mtu>(), Err(ParseMtuError), "{bad:?}");
        }
    }
}
