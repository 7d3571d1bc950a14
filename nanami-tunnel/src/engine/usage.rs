//! Evidence: what a policy carried from and to each neighbor, and what neighbors attempted in vain.
//!
//! **Invariant**: both tables of one neighbor are bounded; what does not fit is counted, not recorded.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use nanami_model::{PolicyId, Protocol, PublicKey, Service};

use super::packet::Inner;

/// What one policy carried from or to one neighbor since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The policy; `None` for rules outside a workspace.
    pub policy: Option<PolicyId>,
    /// The neighbor that the packets came from or went to.
    pub peer: PublicKey,
    /// Packets that passed.
    pub packets: u64,
    /// Their bytes, with IP headers.
    pub bytes: u64,
    /// Flows that were opened. A gateway keeps no flows of what it forwards and counts none.
    pub flows: u64,
    /// Flows that are open now.
    pub open: u64,
    /// When a packet last passed.
    pub last_used: Instant,
}

/// What one neighbor attempted and was refused, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The neighbor that sent the packets.
    pub peer: PublicKey,
    /// Where they should have gone.
    pub to: IpAddr,
    /// To what; [`Service::ANY`] for a protocol without ports of its own.
    pub service: Service,
    /// Packets that were refused.
    pub count: u64,
    /// When the last one was.
    pub last: Instant,
}

/// The evidence about one neighbor.
#[derive(Debug, Default)]
pub(crate) struct UsageTable {
    used: BTreeMap<Option<PolicyId>, Used>,
    attempts: BTreeMap<(IpAddr, Service), (u64, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Used {
    packets: u64,
    bytes: u64,
    flows: u64,
    last: Instant,
}

/// Whether a packet that passed opened a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed {
    More,
    Opened,
}

impl UsageTable {
    /// Records a packet of `length` bytes that passed. `false` if the table is full.
    pub(crate) fn record(&mut self, now: Instant, policy: Option<PolicyId>, length: usize, passed: Passed) -> bool {
        if !self.used.contains_key(&policy) && self.used.len() >= MAX_POLICIES {
            return false;
        }
        let used = self.used.entry(policy).or_insert(Used { packets: 0, bytes: 0, flows: 0, last: now });
        used.last = now;
        used.packets += 1;
        used.bytes += length as u64;
        used.flows += u64::from(passed == Passed::Opened);
        true
    }

    /// Records a packet that was refused. `false` if the table is full.
    pub(crate) fn attempt(&mut self, now: Instant, packet: &Inner<'_>) -> bool {
        let service = match packet.service() {
            Some((Protocol::Tcp, port)) => Service::tcp(port),
            Some((Protocol::Udp, port)) => Service::udp(port),
            Some((Protocol::Icmp, _)) => Service::ICMP,
            None => Service::ANY,
        };
        let key = (packet.destination, service);
        if !self.attempts.contains_key(&key) && self.attempts.len() >= MAX_ATTEMPTS {
            return false;
        }
        let (count, last) = self.attempts.entry(key).or_insert((0, now));
        *count += 1;
        *last = now;
        true
    }

    /// `open` says how many flows of a policy are open with this neighbor.
    pub(crate) fn usage(&self, peer: PublicKey, open: impl Fn(Option<PolicyId>) -> u64) -> Vec<Usage> {
        let usage = |(policy, used): (&Option<PolicyId>, &Used)| Usage {
            policy: *policy,
            peer,
            packets: used.packets,
            bytes: used.bytes,
            flows: used.flows,
            open: open(*policy),
            last_used: used.last,
        };
        self.used.iter().map(usage).collect()
    }

    pub(crate) fn attempts(&self, peer: PublicKey) -> Vec<Attempt> {
        let attempt = |((to, service), (count, last)): (&(IpAddr, Service), &(u64, Instant))| Attempt {
            peer,
            to: *to,
            service: *service,
            count: *count,
            last: *last,
        };
        self.attempts.iter().map(attempt).collect()
    }
}

/// Policies for which one neighbor's use is recorded. Chosen: about 5 KiB for a neighbor that uses so many.
const MAX_POLICIES: usize = 64;
/// Destinations and services for which one neighbor's attempts are recorded. Chosen: what a report holds of all.
const MAX_ATTEMPTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::packet::tests::{SYN, tcp};
    use super::*;

    #[test]
    fn a_port_scan_fills_a_bounded_table() {
        let (mut table, now) = (UsageTable::default(), Instant::now());
        let peer = nanami_model::PrivateKey::from_bytes([1; 32]).public();
        let scan = (1..=1000u16).map(|port| tcp("10.0.0.9:4000", &format!("10.0.0.1:{port}"), SYN));
        let recorded = scan.filter(|packet| table.attempt(now, &Inner::parse(packet).unwrap())).count();
        assert_eq!((recorded, table.attempts(peer).len()), (MAX_ATTEMPTS, MAX_ATTEMPTS));
        assert_eq!(table.attempts(peer)[0].service, Service::tcp(1));
    }
}
