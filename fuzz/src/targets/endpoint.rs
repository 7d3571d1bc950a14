//! Endpoints and host names, as `wg-quick` files write them. The standard library is the second opinion.

use std::net::{IpAddr, SocketAddr};

use nanami_model::{Endpoint, Host, HostName};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let outcome = text::reads_as_printed::<Endpoint>(data);
    if let (Some(endpoint), Ok(text)) = (text::read::<Endpoint>(data), std::str::from_utf8(data)) {
        match endpoint.host() {
            Host::Address(_) => assert_eq!(text.parse::<SocketAddr>().ok(), endpoint.socket_address(), "two addresses"),
            Host::Name(_) => assert!(text.parse::<SocketAddr>().is_err(), "an address is read as a name"),
        }
    }
    match (text::reads_as_printed::<HostName>(data), text::read::<IpAddr>(data)) {
        (Outcome::Taken, Some(address)) => panic!("{address} is read as a name"),
        (Outcome::Taken, None) => Outcome::Taken,
        (Outcome::Refused, _) => outcome,
    }
}
