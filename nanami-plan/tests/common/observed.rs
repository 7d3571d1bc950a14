//! Reports as peers would send them.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use std::time::Duration;

use nanami_model::{Attempt, Generation, Intent, LinkReport, PeerId, Report, Timestamp, Usage};
use nanami_plan::Desired;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_545_275_000);

/// A peer that runs its map at this generation; its tunnels are up, each with its own age and round trip.
pub(crate) fn report_of(desired: &Desired, peer: &str, generation: u64) -> Report {
    let map = desired.map_for(desired.intent().id(peer).unwrap()).unwrap();
    let mut named: Vec<_> = map.neighbors().iter().map(|n| (n.name().unwrap().clone(), n.key())).collect();
    named.sort();
    let link = |n: u64, key| LinkReport {
        key,
        endpoint: None,
        handshake_age: Some(Duration::from_secs(9 + n)),
        handshakes: 1,
        rtt: Some(Duration::from_millis(3 + 5 * n)),
        probes: 0,
        answered: 0,
        received_bytes: 0,
        sent_bytes: 0,
    };
    let links = (0..).zip(named).map(|(n, (_, key))| link(n, key)).collect();
    let digests = map.digests().to_vec();
    Report { generation: Generation::new(generation), digests, links, ..Report::default() }
}

pub(crate) fn attempt(intent: &Intent, from: &str, to: &str, service: &str, count: u64, ago: u64) -> Attempt {
    let to = intent.get(intent.id::<PeerId>(to).unwrap()).unwrap().addresses()[0];
    let last_age = Duration::from_secs(ago);
    Attempt { from: Some(intent.id(from).unwrap()), to, service: service.parse().unwrap(), count, last_age }
}

pub(crate) fn usage(intent: &Intent, policy: &str, from: &str, open: u64, ago: u64) -> Usage {
    let (policy, from) = (intent.id(policy).unwrap(), Some(intent.id(from).unwrap()));
    Usage { policy, from, open, opened: open + 1, last_use_age: Duration::from_secs(ago) }
}
