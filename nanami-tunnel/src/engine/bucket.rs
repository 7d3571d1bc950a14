//! Token buckets: so many at once, so many a second.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A bucket that refills over time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    rate: Rate,
    /// The moment at which the bucket will be full again.
    full_at: Instant,
}

/// How a bucket fills: one token per `every`, `burst` at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) every: Duration,
    pub(crate) burst: u32,
}

impl Bucket {
    pub(crate) fn new(now: Instant, rate: Rate) -> Self {
        Self { rate, full_at: now }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.rate.every;
        let allowed = full_at.saturating_duration_since(now) <= self.rate.every * self.rate.burst;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// A bounded table of buckets, one for each source of handshakes (SEC-46).
#[derive(Debug, Default)]
pub(crate) struct Sources {
    buckets: BTreeMap<IpAddr, Bucket>,
}

impl Sources {
    /// Takes a token of this source. When the table is full of sources that are all active, nobody new gets one.
    pub(crate) fn take(&mut self, now: Instant, source: IpAddr) -> bool {
        let source = aggregate(source);
        if !self.buckets.contains_key(&source) && self.buckets.len() >= MAX_SOURCES {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= MAX_SOURCES {
                return false;
            }
        }
        self.buckets.entry(source).or_insert_with(|| Bucket::new(now, PER_SOURCE)).take(now)
    }
}

/// An IPv6 host usually has a whole /64, so that counts as one source.
fn aggregate(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) & !u128::from(u64::MAX)).to_be_bytes()),
    }
}

/// Handshakes of one source under load: the kernel's 20 a second, 5 at once (its `ratelimiter.c`).
const PER_SOURCE: Rate = Rate { every: Duration::from_millis(50), burst: 5 };
/// Sources that are remembered. Chosen: about 400 KiB.
const MAX_SOURCES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, PER_SOURCE);
        assert_eq!((0..10).filter(|_| bucket.take(start)).count(), 5);
        let later = start + Duration::from_millis(50);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 1);
    }

    #[test]
    fn the_table_of_sources_is_bounded_and_swept() {
        let start = Instant::now();
        let mut sources = Sources::default();
        let ip = |n: u32| IpAddr::from(n.to_be_bytes());
        assert_eq!((0..2 * MAX_SOURCES as u32).filter(|n| sources.take(start, ip(*n))).count(), MAX_SOURCES);
        assert!(sources.take(start + Duration::from_secs(1), ip(u32::MAX)), "the others have gone quiet");
        assert_eq!(sources.buckets.len(), 1);
    }
}
