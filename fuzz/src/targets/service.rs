//! Services, as documents write them. The standard library has none, so ports are asked one by one.

use nanami_model::{Protocol, Service};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let outcome = text::reads_as_printed::<Service>(data);
    if let Some(service) = text::read::<Service>(data) {
        let (first, last) = service.ports();
        assert!(first <= last, "a range that ends before it begins");
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let meant = service.protocol().is_none_or(|own| own == protocol);
            assert_eq!(service.covers(protocol, first), meant, "its own first port");
            assert_eq!(service.covers(protocol, last), meant, "its own last port");
        }
    }
    outcome
}
