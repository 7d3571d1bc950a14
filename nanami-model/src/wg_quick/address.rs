//! An interface's own address, with the length of the network around it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::cidr::{Cidr, ParseCidrError, parse_address, parse_with_length};

/// An address of an interface and how many of its leading bits name the network around it: `10.42.0.7/24`. Without a length the
/// address stands alone, as `wg-quick` has it.
///
/// ```
/// use nanami_model::wg_quick::InterfaceAddress;
///
/// let address: InterfaceAddress = "10.42.0.7/24".parse()?;
/// assert_eq!(address.network().to_string(), "10.42.0.0/24");
/// assert_eq!("10.42.0.7".parse::<InterfaceAddress>()?.to_string(), "10.42.0.7/32");
/// # Ok::<(), nanami_model::ParseCidrError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceAddress {
    address: IpAddr,
    length: u8,
}

impl InterfaceAddress {
    /// This address in the network of its `length` leading bits.
    ///
    /// # Errors
    /// [`ParseCidrError::Length`] if the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, ParseCidrError> {
        match Cidr::new(address, length) {
            Ok(_) | Err(ParseCidrError::HostBits { .. }) => Ok(Self { address, length }),
            Err(error) => Err(error),
        }
    }

    /// This address alone.
    pub fn host(address: IpAddr) -> Self {
        Self { address, length: Cidr::host(address).length() }
    }

    /// The address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits name the network.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// The network around it.
    pub fn network(&self) -> Cidr {
        match Cidr::new(self.address, self.length) {
            Ok(network) | Err(ParseCidrError::HostBits { network }) => network,
            Err(_) => unreachable!("the length fits the family: `new` refuses every other"),
        }
    }
}

impl FromStr for InterfaceAddress {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        if !text.contains('/') {
            return Ok(Self::host(parse_address(text)?));
        }
        let (address, length) = parse_with_length(text)?;
        Self::new(address, length)
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips(bits: u128, v4: bool, length in 0u8..=140) {
            let address: IpAddr = if v4 { (bits as u32).to_be_bytes().into() } else { bits.to_be_bytes().into() };
            prop_assume!(!matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
            let Ok(own) = InterfaceAddress::new(address, length) else {
                prop_assert!(length > Cidr::host(address).length());
                return Ok(());
            };
            prop_assert_eq!(own.to_string().parse(), Ok(own));
            prop_assert!(own.network().contains(address));
        }
    }
}
