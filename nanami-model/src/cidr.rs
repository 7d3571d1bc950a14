//! Prefixes and addresses of the overlay, read strictly (SEC-20).
//!
//! **Invariant**: a [`Cidr`] has no host bits, and one text: no leading zeros, no sign, no space, no IPv4 address inside
//! IPv6, no zone.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// A range of addresses, such as `10.42.0.0/16` or `fd42::/48`.
///
/// ```
/// use nanami_model::{Cidr, ParseCidrError};
///
/// let pool: Cidr = "10.42.0.0/16".parse()?;
/// assert!(pool.contains("10.42.0.7".parse().unwrap()));
/// let network = pool;
/// assert_eq!("10.42.0.7/16".parse::<Cidr>(), Err(ParseCidrError::HostBits { network }));
/// # Ok::<(), ParseCidrError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseCidrError {
    /// There is no `/` between address and length.
    #[error("a range reads ADDRESS/LENGTH, such as 10.42.0.0/16")]
    NoLength,
    /// What stands before the `/` is not an address.
    #[error(transparent)]
    Address(#[from] ParseAddressError),
    /// What stands behind the `/` is not a length of this family.
    #[error("the length is a number from 0 to {max} without leading zeros")]
    Length {
        /// The longest length of the family.
        max: u8,
    },
    /// The address has bits beyond the length.
    #[error("the address has bits beyond the length; the range itself is {network}")]
    HostBits {
        /// The range with those bits cleared.
        network: Cidr,
    },
}

crate::coded! { ParseCidrError: Caller;
    Self::NoLength => ("value.cidr.no_length", "write a range such as 10.42.0.0/16 or fd42::/48");
    Self::Address(error) => (of error);
    Self::Length { .. } => ("value.cidr.length", "write a length such as the 16 of 10.42.0.0/16");
    Self::HostBits { network } => ("value.cidr.host_bits", format!("write {network}"));
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseAddressError {
    /// A number of an IPv4 address starts with a zero, which some programs read as octal.
    #[error("a number of the address starts with 0, which some programs read as octal; write it without")]
    LeadingZero,
    /// An IPv4 address is written as an IPv6 address.
    #[error("this is an IPv4 address inside IPv6; write {plain}")]
    Mapped {
        /// The same address as plain IPv4.
        plain: Ipv4Addr,
    },
    /// A zone such as `%eth0` follows the address; it means something on one machine only.
    #[error("a zone such as %eth0 means something on one machine only; write the address without it")]
    Zone,
    /// The text is no address.
    #[error("not an IPv4 or IPv6 address")]
    Malformed,
}

crate::coded! { ParseAddressError: Caller;
    Self::LeadingZero => ("value.address.leading_zero", "write the numbers without leading zeros, if they are decimal");
    Self::Mapped { plain } => ("value.address.mapped", format!("write {plain}"));
    Self::Zone => ("value.address.zone", "leave out the % and what follows it");
    Self::Malformed => ("value.address.malformed", "write an address such as 10.42.0.9 or fd42::9");
}

/// Reads one address, strictly.
///
/// # Errors
/// [`ParseAddressError`] says which rule the text breaks.
pub fn parse_address(text: &str) -> Result<IpAddr, ParseAddressError> {
    let zero = |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
    if !text.contains(':') && text.split('.').any(zero) {
        return Err(ParseAddressError::LeadingZero);
    }
    if text.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok()) {
        return Err(ParseAddressError::Zone);
    }
    match text.parse().map_err(|_| ParseAddressError::Malformed)? {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(plain) => Err(ParseAddressError::Mapped { plain }),
            None => Ok(IpAddr::V6(v6)),
        },
        v4 => Ok(v4),
    }
}

impl Cidr {
    /// Every IPv4 address.
    pub const ALL_V4: Self = Self(IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)));
    /// Every IPv6 address.
    pub const ALL_V6: Self = Self(IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)));

    /// The range of `length` leading bits of `address`.
    ///
    /// # Errors
    /// [`ParseCidrError::Length`] if the family has fewer bits; [`ParseCidrError::HostBits`] if the address has bits beyond.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, ParseCidrError> {
        let max = if address.is_ipv4() { 32 } else { 128 };
        let net = IpNet::new(address, length).map_err(|_| ParseCidrError::Length { max })?;
        match net.addr() == net.network() {
            true => Ok(Self(net)),
            false => Err(ParseCidrError::HostBits { network: Self(net.trunc()) }),
        }
    }

    /// The range that holds just this address.
    pub fn host(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        self.0.network()
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        self.0.broadcast()
    }

    /// How many leading bits all addresses share: 0 to 32, or 0 to 128.
    pub fn length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether this is a range of IPv4 addresses.
    pub fn is_ipv4(&self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }

    /// Whether this range holds just one address.
    pub fn is_host(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }

    /// Whether `address` is in this range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether all of `other` is in this range.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// The range of this many leading bits around this one.
    pub(crate) fn truncated(&self, length: u8) -> Self {
        let shorter = IpNet::new(self.address(), length.min(self.length()));
        shorter.map_or(*self, |net| Self(net.trunc()))
    }

    /// How many leading bits the first addresses of the two share; `None` if they are of different families.
    pub(crate) fn common_bits(&self, other: &Self) -> Option<u8> {
        let bits = match (self.address(), other.address()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return None,
        };
        u8::try_from(bits).ok()
    }

    /// Whether the two ranges share an address. Ranges nest or are disjoint.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let (address, length) = parse_with_length(text)?;
        Self::new(address, length)
    }
}

/// Reads `ADDRESS/LENGTH`; the address may have bits beyond the length, the length may be too long for the family.
pub(crate) fn parse_with_length(text: &str) -> Result<(IpAddr, u8), ParseCidrError> {
    let (address, length) = text.split_once('/').ok_or(ParseCidrError::NoLength)?;
    let address = parse_address(address)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    let canonical = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
    match length.parse::<u8>() {
        Ok(length) if canonical => Ok((address, length)),
        _ => Err(ParseCidrError::Length { max }),
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        Self::host(address)
    }
}

crate::text::text_serde!(Cidr);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_mistake_has_its_own_error() {
        let parse = |text: &str| text.parse::<Cidr>().unwrap_err().code();
        assert_eq!(parse("10.0.0.0"), "value.cidr.no_length");
        assert_eq!(parse("010.0.0.0/8"), "value.address.leading_zero");
        assert_eq!(parse("10.0.0.0/08"), "value.cidr.length");
        assert_eq!(parse("10.0.0.0/33"), "value.cidr.length");
        assert_eq!(parse("10.0.0.0/+8"), "value.cidr.length");
        assert_eq!(parse("10.0.0.0/"), "value.cidr.length");
        assert_eq!(parse("10.0.0.1/8"), "value.cidr.host_bits");
        assert_eq!(parse("::ffff:10.0.0.0/104"), "value.address.mapped");
        assert_eq!(parse("fe80::%eth0/64"), "value.address.zone");
        assert_eq!(parse("fe80:%eth0/64"), "value.address.malformed");
        assert_eq!(parse("10.0/8"), "value.address.malformed");
        assert_eq!(parse("10.0.0.0/8/8"), "value.cidr.length");
        assert_eq!(parse(" 10.0.0.0/8"), "value.address.malformed");
    }

    proptest! {
        #[test]
        fn text_round_trips(bits: u128, v4: bool, length in 0u8..=128) {
            let address: IpAddr = if v4 { Ipv4Addr::from_bits(bits as u32).into() } else { Ipv6Addr::from_bits(bits).into() };
            let length = if v4 { length % 33 } else { length };
            let cidr = match Cidr::new(address, length) {
                Ok(cidr) => cidr,
                Err(ParseCidrError::HostBits { network }) => network,
                Err(error) => panic!("{error}"),
            };
            prop_assert!(cidr.contains(address));
            if !matches!(cidr.address(), IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
                prop_assert_eq!(cidr.to_string().parse::<Cidr>(), Ok(cidr));
            }
        }

        #[test]
        fn any_text_parses_to_its_own_rendering_or_not_at_all(text in "[0-9a-f.:/+ ]{0,24}") {
            if let Ok(cidr) = text.parse::<Cidr>() {
                prop_assert_eq!(cidr.to_string().parse::<Cidr>(), Ok(cidr));
                prop_assert!(text.parse::<IpNet>().is_ok());
            }
        }
    }
}
