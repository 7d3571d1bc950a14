//! Host names: what a resolver is asked for, read strictly.
//!
//! **Invariant**: a [`HostName`] is 1 to 253 characters of RFC 1123 labels in lower case, joined by dots; its last label is no
//! number, because a resolver would take the whole for an IPv4 address (`127.1`, `0x7f000001`).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::name::Name;

/// The name of a host in the DNS, such as `vpn.example.org`. Upper case is read, lower case is kept.
///
/// ```
/// use nanami_model::HostName;
///
/// let host: HostName = "VPN.example.org".parse()?;
/// assert_eq!(host.as_str(), "vpn.example.org");
/// assert!("127.1".parse::<HostName>().is_err());
/// # Ok::<(), nanami_model::ParseHostNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

/// Why a text is not a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseHostNameError {
    /// The text is empty or has more than 253 characters.
    #[error("a host name has 1 to 253 characters, this one has {length}")]
    Length {
        /// How many bytes the text has.
        length: usize,
    },
    /// A label is empty, too long, or holds a character that labels cannot have.
    #[error("the parts between dots are 1 to 63 of a-z, 0-9 and inner '-'")]
    Label,
    /// The last label is a number, so that resolvers read the whole as an IPv4 address.
    #[error("its last part is a number, so that resolvers read an IPv4 address; write that in full")]
    Number,
}

crate::coded! { ParseHostNameError: Caller;
    Self::Length { .. } => ("value.host.length", "write a host name such as vpn.example.org");
    Self::Label => ("value.host.label", "write a host name such as vpn.example.org");
    Self::Number => ("value.host.number", "write the address with all of its four numbers, such as 192.0.2.1");
}

impl HostName {
    /// Longest host name, in bytes (RFC 1035 section 2.3.4, without the root's dot and length).
    pub const MAX_LENGTH: usize = 253;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = ParseHostNameError;

    fn from_str(text: &str) -> Result<Self, ParseHostNameError> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(ParseHostNameError::Length { length: text.len() });
        }
        let lower = text.to_ascii_lowercase();
        if !lower.split('.').all(Name::is_name) {
            return Err(ParseHostNameError::Label);
        }
        match lower.rsplit('.').next().is_some_and(is_number) {
            true => Err(ParseHostNameError::Number),
            false => Ok(Self(lower.into())),
        }
    }
}

/// Whether `inet_aton` takes the label for a number: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let digits = label.strip_prefix("0x").unwrap_or(label);
    let hex = digits.len() < label.len();
    digits.bytes().all(|b| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() })
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

crate::text::text_serde!(HostName);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_resolver_reads_as_a_number_is_no_name() {
        for good in ["a", "localhost", "vpn.example.org", "xn--bcher-kva.example", "1.example", "0xg", "a.0b1"] {
            assert_eq!(good.parse::<HostName>().unwrap().to_string(), good);
        }
        for (bad, code) in [
            ("", "value.host.length"),
            (&*"a.".repeat(127), "value.host.length"),
            (".", "value.host.label"),
            ("a.", "value.host.label"),
            ("-a.example", "value.host.label"),
            ("a_b.example", "value.host.label"),
            ("bücher.example", "value.host.label"),
            ("a b", "value.host.label"),
            ("a\n", "value.host.label"),
            ("a%eth0", "value.host.label"),
            ("127.1", "value.host.number"),
            ("2130706433", "value.host.number"),
            ("0x7f000001", "value.host.number"),
            ("0X7F.0X1", "value.host.number"),
            ("a.0x", "value.host.number"),
        ] {
            assert_eq!(bad.parse::<HostName>().unwrap_err().code(), code, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_as_it_prints_or_not_at_all(text in "[a-zA-Z0-9.x-]{0,20}") {
            if let Ok(host) = text.parse::<HostName>() {
                prop_assert_eq!(host.to_string().parse::<HostName>(), Ok(host.clone()));
                prop_assert_eq!(host.as_str(), text.to_ascii_lowercase());
                prop_assert!(text.parse::<std::net::IpAddr>().is_err());
            }
        }
    }
}
