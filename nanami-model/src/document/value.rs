//! The types that documents write as texts, and how their errors are explained to whoever writes one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::cidr::{Cidr, ParseAddressError, ParseCidrError, parse_address};
use crate::entity::{ParseRoleError, Role};
use crate::key::{ParseKeyError, PublicKey};
use crate::name::{Name, ParseNameError};
use crate::near::nearest;
use crate::service::{ParseServiceError, Service};

/// A type that documents write as a text.
pub(super) trait Written: FromStr<Err: fmt::Display> {
    /// What it is, in messages.
    const KIND: &'static str;

    /// The stable code of the error, and what to write instead.
    fn explain(error: &Self::Err, text: &str) -> (&'static str, String);
}

impl Written for Name {
    const KIND: &'static str = "name";

    fn explain(error: &ParseNameError, text: &str) -> (&'static str, String) {
        let lower = text.to_ascii_lowercase().replace(['_', ' ', '.'], "-");
        let remedy = match lower.parse::<Self>() {
            Ok(name) => format!("write {name}"),
            Err(_) => "write a name such as api-gateway".to_owned(),
        };
        (error.code(), remedy)
    }
}

impl Written for Role {
    const KIND: &'static str = "role";

    fn explain(_: &ParseRoleError, text: &str) -> (&'static str, String) {
        let roles = Role::ALL.map(|role| role.to_string());
        let remedy = match nearest(text, roles.iter().map(String::as_str)).first() {
            Some(role) => format!("did you mean {role}?"),
            None => "write one of the four".to_owned(),
        };
        ("value.role", remedy)
    }
}

impl Written for Cidr {
    const KIND: &'static str = "range";

    fn explain(error: &ParseCidrError, text: &str) -> (&'static str, String) {
        let remedy = match error {
            ParseCidrError::NoLength => match parse_address(text) {
                Ok(address) => format!("write {} for the one address", Self::host(address)),
                Err(_) => "write a range such as 10.42.0.0/16 or fd42::/48".to_owned(),
            },
            ParseCidrError::Address(error) => address_remedy(error, text),
            ParseCidrError::Length { .. } => "write a length such as the 16 of 10.42.0.0/16".to_owned(),
            ParseCidrError::HostBits { network } => format!("write {network}"),
        };
        (error.code(), remedy)
    }
}

/// An address, read as strictly as everywhere: without leading zeros, without IPv4 inside IPv6.
pub(super) struct Address(pub(super) IpAddr);

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        parse_address(text).map(Self)
    }
}

impl Written for Address {
    const KIND: &'static str = "address";

    fn explain(error: &ParseAddressError, text: &str) -> (&'static str, String) {
        (error.code(), address_remedy(error, text))
    }
}

/// The corrected text where there is just one way to correct it.
fn address_remedy(error: &ParseAddressError, text: &str) -> String {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let fixed = match error {
        ParseAddressError::LeadingZero => {
            let plain = |part: &str| match part.trim_start_matches('0') {
                "" => "0".to_owned(),
                digits => digits.to_owned(),
            };
            let fixed = address.split('.').map(plain).collect::<Vec<_>>().join(".");
            parse_address(&fixed).ok()
        }
        ParseAddressError::Mapped { plain } if length.is_none() => Some(IpAddr::V4(*plain)),
        _ => None,
    };
    match (fixed, length) {
        (Some(address), Some(length)) => format!("write {address}/{length}, if the numbers are decimal"),
        (Some(address), None) => format!("write {address}"),
        (None, _) => "write an address such as 10.42.0.9 or fd42::9".to_owned(),
    }
}

impl Written for Service {
    const KIND: &'static str = "service";

    fn explain(error: &ParseServiceError, _: &str) -> (&'static str, String) {
        let remedy = match error {
            ParseServiceError::NoPorts { protocol } => format!("write {protocol}"),
            _ => "write a service such as tcp/443, udp/8000-8010, icmp or any".to_owned(),
        };
        (error.code(), remedy)
    }
}

impl Written for PublicKey {
    const KIND: &'static str = "public key";

    fn explain(error: &ParseKeyError, _: &str) -> (&'static str, String) {
        (error.code(), "write what `wg pubkey` prints, or leave the key out until a node joins".to_owned())
    }
}

/// The one way that answers from behind a gateway can be declared to take.
pub(super) struct Declared;

impl FromStr for Declared {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text == "declared" { Ok(Self) } else { Err("it reads declared, or is left out") }
    }
}

impl Written for Declared {
    const KIND: &'static str = "return path";

    fn explain(_: &&'static str, _: &str) -> (&'static str, String) {
        ("value.return_path", "write declared once what is behind the gateway sends answers back".to_owned())
    }
}
