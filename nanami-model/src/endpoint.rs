//! Endpoints: where a WireGuard device is reached from outside, as a person writes it.
//!
//! **Invariant**: an [`Endpoint`] has one text, `HOST:PORT`, an IPv6 host in brackets. What looks like an address is one; the port is
//! not 0. It is asked of a resolver by whoever opens the socket, never here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::cidr::{ParseAddressError, parse_address};
use crate::host_name::{HostName, ParseHostNameError};

/// A UDP address of a WireGuard device: `vpn.example.org:51820`, `192.0.2.1:51820` or `[2001:db8::1]:51820`.
///
/// ```
/// use nanami_model::{Endpoint, Host, ParseEndpointError};
///
/// let endpoint: Endpoint = "[2001:db8::1]:51820".parse()?;
/// assert_eq!(endpoint.host(), &Host::Address("2001:db8::1".parse().unwrap()));
/// assert_eq!("2001:db8::1:51820".parse::<Endpoint>(), Err(ParseEndpointError::Brackets));
/// # Ok::<(), ParseEndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: Host,
    port: NonZeroU16,
}

/// The host of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, which a resolver turns into addresses.
    Name(HostName),
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEndpointError {
    /// There is no `:` and port behind the host.
    #[error("an endpoint reads HOST:PORT, such as vpn.example.org:51820")]
    NoPort,
    /// The port is no number from 1 to 65535 without leading zeros.
    #[error("the port is a number from 1 to 65535 without leading zeros")]
    Port,
    /// An IPv6 address stands without brackets, so that its end and the port look alike.
    #[error("an IPv6 address stands in brackets, such as [2001:db8::1]:51820")]
    Brackets,
    /// The host looks like an address and is none.
    #[error(transparent)]
    Address(#[from] ParseAddressError),
    /// The host is neither an address nor a name.
    #[error(transparent)]
    Name(#[from] ParseHostNameError),
}

crate::coded! { ParseEndpointError: Caller;
    Self::NoPort => ("value.endpoint.no_port", "write HOST:PORT, such as vpn.example.org:51820");
    Self::Port => ("value.endpoint.port", "write a port from 1 to 65535, such as 51820");
    Self::Brackets => ("value.endpoint.brackets", "write brackets around an IPv6 address and nothing else, such as [2001:db8::1]:51820");
    Self::Address(error) => (of error);
    Self::Name(error) => (of error);
}

impl Endpoint {
    /// This port of this host.
    pub fn new(host: impl Into<Host>, port: NonZeroU16) -> Self {
        Self { host: host.into(), port }
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The UDP port.
    pub fn port(&self) -> NonZeroU16 {
        self.port
    }

    /// The address for a socket; `None` if a resolver has to be asked first.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Address(address) => Some(SocketAddr::new(address, self.port.get())),
            Host::Name(_) => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl From<HostName> for Host {
    fn from(name: HostName) -> Self {
        Self::Name(name)
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let (host, port) = text.rsplit_once(':').ok_or(ParseEndpointError::NoPort)?;
        let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(Some(inner)) if inner.contains(':') => Host::Address(parse_address(inner)?),
            Some(_) => return Err(ParseEndpointError::Brackets),
            None if host.contains(':') => return Err(ParseEndpointError::Brackets),
            None if host.contains('.') && host.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
                Host::Address(parse_address(host)?)
            }
            None => Host::Name(host.parse()?),
        };
        let canonical = !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit());
        match port.parse() {
            Ok(port) if canonical => Ok(Self { host, port }),
            _ => Err(ParseEndpointError::Port),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            Self::Address(v4) => v4.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.host, self.port))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

crate::text::text_serde!(Endpoint);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_mistake_has_its_own_error() {
        for (bad, code) in [
            ("vpn.example.org", "value.endpoint.no_port"),
            ("", "value.endpoint.no_port"),
            ("vpn.example.org:", "value.endpoint.port"),
            ("vpn.example.org:0", "value.endpoint.port"),
            ("vpn.example.org:051820", "value.endpoint.port"),
            ("vpn.example.org:+51820", "value.endpoint.port"),
            ("vpn.example.org:65536", "value.endpoint.port"),
            ("vpn.example.org:５", "value.endpoint.port"),
            ("2001:db8::1", "value.endpoint.brackets"),
            ("[2001:db8::1:51820", "value.endpoint.brackets"),
            ("[192.0.2.1]:51820", "value.endpoint.brackets"),
            ("[vpn.example.org]:51820", "value.endpoint.brackets"),
            ("[::ffff:192.0.2.1]:51820", "value.address.mapped"),
            ("[fe80::1%eth0]:51820", "value.address.zone"),
            ("[::g]:51820", "value.address.malformed"),
            ("192.0.2:51820", "value.address.malformed"),
            ("192.000.2.1:51820", "value.address.leading_zero"),
            ("vpn example:51820", "value.host.label"),
            (":51820", "value.host.length"),
            ("2130706433:51820", "value.host.number"),
        ] {
            assert_eq!(bad.parse::<Endpoint>().unwrap_err().code(), code, "{bad:?}");
        }
    }

    #[test]
    fn a_name_has_no_socket_address_before_it_is_resolved() {
        assert_eq!("vpn.example.org:1".parse::<Endpoint>().unwrap().socket_address(), None);
        for text in ["192.0.2.1:51820", "[2001:db8::1]:1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().socket_address(), text.parse().ok());
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(bits: u128, v4: bool, port in 1u16..) {
            let address: IpAddr = if v4 { (bits as u32).to_be_bytes().into() } else { bits.to_be_bytes().into() };
            prop_assume!(!matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
            let endpoint = Endpoint::new(address, port.try_into().unwrap());
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint.clone()));
            prop_assert_eq!(endpoint.to_string().parse::<SocketAddr>().ok(), endpoint.socket_address());
        }

        #[test]
        fn any_text_reads_as_it_prints_or_not_at_all(text in "[a-fA-F0-9.:x\\[\\]%-]{0,24}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
            }
        }
    }
}
