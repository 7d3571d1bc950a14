//! What happened in a world: its digest, and how often what is rare.

use std::collections::BTreeMap;

/// One world after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed that it followed from.
    pub seed: u64,
    /// The digest of every datagram, packet and event, with its time.
    pub digest: String,
    /// How often each thing happened that tests wait for.
    pub rare: Rare,
}

/// How often things happened, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rare(BTreeMap<&'static str, u64>);

impl Rare {
    pub(crate) fn count(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        debug_assert!(EXPECTED.contains(&what), "{what} is not expected");
        *self.0.entry(what).or_default() += times;
    }

    pub(crate) fn most(&mut self, what: &'static str, value: u64) {
        let most = self.0.entry(what).or_default();
        *most = (*most).max(value);
    }

    /// Adds what happened in another world.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            if ["slowest", "largest"].iter().any(|most| what.starts_with(most)) {
                self.most(what, *times);
            } else {
                *self.0.entry(what).or_default() += times;
            }
        }
    }

    /// Everything that has to happen somewhere, with how often it did.
    pub fn expected(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EXPECTED.iter().map(|what| (*what, self.0.get(what).copied().unwrap_or_default()))
    }

    /// What was measured, beside what was counted.
    pub fn measured(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().filter(|(what, _)| !EXPECTED.contains(what)).map(|(what, value)| (*what, *value))
    }
}

/// What a run over many seeds must have met, so that it cannot pass by doing nothing.
const EXPECTED: &[&str] = &[
    "NATs rebooted",
    "addresses moved between hosts",
    "attempts not recorded",
    "cookies heard",
    "datagrams corrupted",
    "datagrams duplicated",
    "datagrams filtered by a NAT",
    "datagrams lost",
    "datagrams overtaken",
    "datagrams replayed",
    "datagrams to an expired mapping of a NAT",
    "datagrams too long for their link",
    "endpoints changed",
    "failovers",
    "floods of initiations",
    "flows forgotten for others",
    "handshakes",
    "hosts remapped by a NAT",
    "maps that came after a newer one",
    "maps that came twice",
    "neighbors kept by keepalives alone",
    "outages over 90 s",
    "packets delivered",
    "packets delivered behind a gateway",
    "packets dropped from a full queue",
    "packets forwarded between neighbors",
    "packets replied to",
    "peers lost",
    "preshared keys changed",
    "processes stalled",
    "quiet ends",
    "refusals heard",
    "rekeys",
    "restarts",
    "roams",
    "rules revoked",
    "replies to revoked flows",
    "scans",
    "sleeps over 180 s",
    "sources spoofed",
    "starts with an old map",
    "times healed",
    "wall clocks set back",
];
