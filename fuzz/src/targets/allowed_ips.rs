//! AllowedIPs, addresses of interfaces and MTUs, as `wg-quick` files write them.

use nanami_model::wg_quick::InterfaceAddress;
use nanami_model::{AllowedIps, Cidr, Mtu};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let outcomes = [
        text::reads_as_printed::<AllowedIps>(data),
        text::reads_as_printed::<InterfaceAddress>(data),
        text::prints_as_read::<Mtu>(data),
    ];
    if let Some(allowed) = text::read::<AllowedIps>(data) {
        assert!(allowed.as_slice().is_sorted_by(|a, b| a < b), "not sorted, or not each once");
        // Nothing is aggregated: every range is one that the text names.
        let text = std::str::from_utf8(data).expect("it was read");
        let named: Vec<&str> = text.split(',').map(|part| part.trim_matches(' ')).collect();
        let read = |part: &&str| part.parse::<Cidr>().ok().or_else(|| Some(Cidr::host(part.parse().ok()?)));
        let named: Vec<Cidr> = named.iter().filter_map(read).collect();
        assert!(allowed.iter().all(|range| named.contains(&range)) && named.iter().all(|range| allowed.has(range)));
    }
    if outcomes.contains(&Outcome::Taken) { Outcome::Taken } else { Outcome::Refused }
}
