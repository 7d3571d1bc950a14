//! How often a source may fail to join (SEC-06).
//!
//! **Invariant: memory is bounded, and a flood from one source locks out nobody else.** Only failures count, and only against
//! their source: a limit per join key would let anybody who knows a key's public id lock its rightful holder out, and 160
//! random bits need no such help.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use nanami_model::Timestamp;

/// Failures per source. The oldest entry gives way when the table is full.
#[derive(Debug, Default)]
pub struct Attempts {
    sources: BTreeMap<IpAddr, Bucket>,
}

/// Failures that have not been forgotten yet, as of `at`.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    failures: u32,
    at: Timestamp,
}

impl Attempts {
    /// Whether this source may try now.
    #[must_use]
    pub fn may_try(&self, source: IpAddr, now: Timestamp) -> bool {
        self.sources.get(&subject(source)).is_none_or(|bucket| bucket.drained(now).failures < BURST)
    }

    /// Counts a failure.
    pub fn failed(&mut self, source: IpAddr, now: Timestamp) {
        let source = subject(source);
        let bucket = self.sources.get(&source).map_or(Bucket { failures: 0, at: now }, |bucket| bucket.drained(now));
        let failures = (bucket.failures + 1).min(BURST);
        self.sources.insert(source, Bucket { failures, ..bucket });
        if self.sources.len() > MAX_SOURCES {
            self.make_room(now);
        }
    }

    /// Drops who has nothing left to forget; when that is nobody, the one that failed least and longest ago.
    fn make_room(&mut self, now: Timestamp) {
        self.sources.retain(|_, bucket| bucket.drained(now).failures > 0);
        if self.sources.len() > MAX_SOURCES {
            let least = self.sources.iter().min_by_key(|(_, bucket)| (bucket.failures, bucket.at)).map(|(ip, _)| *ip);
            least.map(|source| self.sources.remove(&source));
        }
    }
}

impl Bucket {
    fn drained(self, now: Timestamp) -> Bucket {
        let periods = now.since(self.at).as_millis() / FORGET_ONE.as_millis();
        let forgotten = u32::try_from(periods).unwrap_or(u32::MAX);
        if forgotten == 0 {
            return self;
        }
        Bucket { failures: self.failures.saturating_sub(forgotten), at: now }
    }
}

/// One host: an address, or the /64 that an IPv6 host chooses from.
fn subject(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// Chosen: a broken installer that retries hard, and a whole office behind one address that mistypes.
const BURST: u32 = 100;
/// Chosen: one guess per second of a 160-bit secret.
const FORGET_ONE: Duration = Duration::from_secs(1);
/// Chosen: under a megabyte.
const MAX_SOURCES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn sec_06_a_flood_stops_its_source_and_nobody_else() {
        let (mut attempts, flood) = (Attempts::default(), IpAddr::from([10, 0, 0, 1]));
        for _ in 0..10_000 {
            attempts.failed(flood, at(0));
        }
        assert!(!attempts.may_try(flood, at(999)));
        assert!(attempts.may_try(IpAddr::from([10, 0, 0, 2]), at(0)));
        assert!(attempts.may_try(flood, at(1000)), "it is forgotten second by second");
    }

    #[test]
    fn sec_06_the_table_is_bounded_and_keeps_the_worst() {
        let (mut attempts, flood) = (Attempts::default(), IpAddr::from([10, 0, 0, 1]));
        for _ in 0..BURST {
            attempts.failed(flood, at(0));
        }
        for i in 0..8_000u32 {
            attempts.failed(IpAddr::from(i.to_be_bytes().map(|byte| byte | 1)), at(1));
            assert!(attempts.sources.len() <= MAX_SOURCES);
        }
        assert!(!attempts.may_try(flood, at(500)));
    }

    #[test]
    fn a_host_does_not_escape_within_its_own_prefix() {
        let mut attempts = Attempts::default();
        for i in 0..BURST {
            attempts.failed(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, i as u16]), at(0));
        }
        assert!(!attempts.may_try(IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]), at(0)));
        assert!(attempts.may_try(IpAddr::from([0x2001, 0xdb8, 0, 2, 9, 9, 9, 9]), at(0)));
    }
}
