//! What the tunnel shows, in the words of a report.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use nanami_model::{Alteration, Attempt, Facts, LinkReport, MapItem, NetworkMap, Report, TakenOver, Usage};
use nanami_tunnel::{Link, Tunnel};

/// What was applied, beside which it is seen what somebody else made of it: the tunnel is the embedder's as well.
pub(super) struct Watch {
    applied_at: Instant,
    /// When each altered item was first seen so; as many as a report lists.
    seen: BTreeMap<(Alteration, MapItem), Instant>,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Self {
        Self { applied_at: now, seen: BTreeMap::new() }
    }

    /// The report on a tunnel to which this map was applied.
    pub(super) fn report(&mut self, tunnel: &Tunnel, applied: &NetworkMap, now: Instant) -> Report {
        let running = tunnel.map();
        let report = Report { applied_age: Some(now.saturating_duration_since(self.applied_at)), ..of(tunnel, now) };
        // What runs is said of the map that was handed out: whoever counts further by hand has drifted, and is not ahead.
        let report = Report { epoch: applied.epoch(), generation: applied.generation(), ..report };
        let seen = |how, item: &MapItem| {
            let since = self.seen.get(&(how, item.clone()));
            since.map_or(Duration::ZERO, |since| now.saturating_duration_since(*since))
        };
        let report = report.with_altered(applied, &running, seen);
        let listed = report.altered.iter().map(|altered| (altered.how, altered.item.clone()));
        let seen = listed.map(|item| (item.clone(), self.seen.get(&item).copied().unwrap_or(now)));
        self.seen = seen.collect();
        report
    }
}

fn of(tunnel: &Tunnel, now: Instant) -> Report {
    let map = tunnel.map();
    let mut usage: Vec<_> = tunnel.usage();
    usage.sort_by_key(|entry| std::cmp::Reverse(entry.last_used));
    let mut attempts = tunnel.attempts();
    attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.last));
    let counters = tunnel.counters();
    let untold = attempts.len().saturating_sub(Report::MAX_ATTEMPTS) as u64;
    let mut usage: Vec<_> = usage.iter().filter_map(|entry| of_usage(entry, &map, now)).collect();
    let usage_overflow = usage.len().saturating_sub(Report::MAX_ATTEMPTS) as u64;
    usage.truncate(Report::MAX_ATTEMPTS);
    Report {
        epoch: map.epoch(),
        generation: map.generation(),
        digests: map.digests().to_vec(),
        endpoints: endpoints(tunnel.local_addr()),
        links: tunnel.links().iter().map(|link| of_link(link, now)).collect(),
        taken_over: tunnel.owners().into_iter().map(|(prefix, by)| TakenOver { prefix, by }).collect(),
        usage,
        attempts: attempts.iter().take(Report::MAX_ATTEMPTS).map(|attempt| of_attempt(attempt, &map, now)).collect(),
        attempts_overflow: counters.attempts_overflow + untold,
        dropped: counters.iter().filter(|(_, n)| *n > 0).map(|(reason, n)| (reason.to_owned(), n)).collect(),
        usage_overflow,
        facts: facts(),
        ..Report::default()
    }
}

/// What this build knows of its machine. The version of the operating system is not asked for: reading it differs by system.
fn facts() -> Facts {
    let facts = std::env::consts::OS.parse().into_iter().fold(Facts::unknown(), Facts::with_os);
    env!("CARGO_PKG_VERSION").parse().into_iter().fold(facts, Facts::with_agent_version)
}

fn of_link(link: &Link, now: Instant) -> LinkReport {
    LinkReport {
        key: link.peer,
        endpoint: link.endpoint,
        handshake_age: link.handshake_age(now),
        handshakes: link.handshakes,
        rtt: link.rtt,
        probes: link.probes,
        answered: link.answered,
        received_bytes: link.rx_bytes,
        sent_bytes: link.tx_bytes,
    }
}

fn of_usage(entry: &nanami_tunnel::Usage, map: &NetworkMap, now: Instant) -> Option<Usage> {
    Some(Usage {
        policy: entry.policy?,
        from: map.neighbor(&entry.peer).and_then(|neighbor| neighbor.peer()),
        open: entry.open,
        opened: entry.flows,
        last_use_age: now.saturating_duration_since(entry.last_used),
    })
}

fn of_attempt(entry: &nanami_tunnel::Attempt, map: &NetworkMap, now: Instant) -> Attempt {
    Attempt {
        from: map.neighbor(&entry.peer).and_then(|neighbor| neighbor.peer()),
        to: entry.to,
        service: entry.service,
        count: entry.count,
        last_age: now.saturating_duration_since(entry.last),
    }
}

/// A socket on every address says nothing about where it can be reached; discovery of addresses comes with paths.
fn endpoints(local: SocketAddr) -> Vec<SocketAddr> {
    match local.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => vec![],
        IpAddr::V6(v6) if v6.is_unspecified() => vec![],
        _ => vec![local],
    }
}
