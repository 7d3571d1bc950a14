//! Evidence of use: what a policy carried from each neighbor, and what was denied.
//!
//! **Invariant**: the table of one neighbor is bounded; what does not fit is counted, not recorded.

use std::collections::BTreeMap;
use std::time::Instant;

use nanami_model::{PolicyId, PublicKey};

/// What one policy carried from or to one neighbor since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The policy; `None` for what no policy allows, and for rules outside a workspace.
    pub policy: Option<PolicyId>,
    /// The neighbor that the packets came from or went to.
    pub peer: PublicKey,
    /// Packets that passed.
    pub packets: u64,
    /// Their bytes, with IP headers.
    pub bytes: u64,
    /// Flows that were opened.
    pub flows: u64,
    /// Packets that were refused.
    pub denied: u64,
    /// When one last passed or was refused.
    pub last_used: Instant,
}

/// The usage of one neighbor.
#[derive(Debug, Default)]
pub(crate) struct UsageTable {
    entries: BTreeMap<Option<PolicyId>, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    packets: u64,
    bytes: u64,
    flows: u64,
    denied: u64,
    last: Instant,
}

/// What happened to one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    Passed,
    /// It passed and opened a flow.
    Opened,
    Denied,
}

impl UsageTable {
    /// Records a packet of `length` bytes. `false` if the table is full.
    pub(crate) fn record(&mut self, now: Instant, policy: Option<PolicyId>, length: usize, happened: Happened) -> bool {
        if !self.entries.contains_key(&policy) && self.entries.len() >= MAX_POLICIES {
            return false;
        }
        let fresh = Entry { packets: 0, bytes: 0, flows: 0, denied: 0, last: now };
        let entry = self.entries.entry(policy).or_insert(fresh);
        entry.last = now;
        if happened == Happened::Denied {
            entry.denied += 1;
            return true;
        }
        entry.packets += 1;
        entry.bytes += length as u64;
        entry.flows += u64::from(happened == Happened::Opened);
        true
    }

    pub(crate) fn read(&self, peer: PublicKey) -> impl Iterator<Item = Usage> {
        self.entries.iter().map(move |(policy, entry)| Usage {
            policy: *policy,
            peer,
            packets: entry.packets,
            bytes: entry.bytes,
            flows: entry.flows,
            denied: entry.denied,
            last_used: entry.last,
        })
    }
}

/// Policies for which one neighbor's use is recorded. Chosen: about 6 KiB for a neighbor that uses so many.
const MAX_POLICIES: usize = 64;
