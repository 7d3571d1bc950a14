//! Ranges and addresses, as documents write them. The standard library is the second opinion.

use std::net::IpAddr;

use nanami_model::{Cidr, parse_address};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(address) = parse_address(text)
    {
        assert_eq!(text.parse::<IpAddr>(), Ok(address), "two parsers read two addresses");
    }
    let outcome = text::reads_as_printed::<Cidr>(data);
    if let Some(cidr) = text::read::<Cidr>(data) {
        assert_eq!(Cidr::new(cidr.address(), cidr.length()), Ok(cidr), "it has host bits");
        assert!(cidr.contains(cidr.address()) && cidr.contains(cidr.last()));
    }
    outcome
}
