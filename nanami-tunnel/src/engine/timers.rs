//! The control half's timers: named, in one table.
//!
//! **Invariant**: each timer is armed at most once; without an armed timer there is no deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use nanami_model::PublicKey;

/// What may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A neighbor's Noise timers: retransmission, rekeying, the end of keypairs.
    Noise(PublicKey),
    /// A neighbor that must stay reachable: persistent keepalive, or the next try.
    Reach(PublicKey),
    /// A neighbor's next probe.
    Probe(PublicKey),
    /// Flows that have been quiet for too long.
    Flows,
}

/// When each timer is due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<Timer, Instant>,
    order: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Arms a timer, instead of when it was armed for.
    pub(crate) fn arm(&mut self, timer: Timer, at: Instant) {
        self.disarm(timer);
        self.due.insert(timer, at);
        self.order.insert((at, timer));
    }

    /// Arms a timer unless it is armed for an earlier moment.
    pub(crate) fn arm_by(&mut self, timer: Timer, at: Instant) {
        if self.due.get(&timer).is_none_or(|due| *due > at) {
            self.arm(timer, at);
        }
    }

    /// Disarms all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.due.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// Takes the timer that has been due for longest.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.order.first()?;
        (at <= now).then(|| {
            self.disarm(timer);
            timer
        })
    }

    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        self.due.contains_key(&timer)
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timers_come_in_order_and_once() {
        let (start, mut timers) = (Instant::now(), Timers::default());
        let key = nanami_model::PrivateKey::from_bytes([1; 32]).public();
        assert_eq!(timers.next(), None);
        timers.arm(Timer::Flows, start + Duration::from_secs(2));
        timers.arm(Timer::Probe(key), start + Duration::from_secs(1));
        timers.arm_by(Timer::Probe(key), start + Duration::from_secs(9));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        let later = start + Duration::from_secs(3);
        assert_eq!(timers.take_due(start), None);
        let order: Vec<_> = std::iter::from_fn(|| timers.take_due(later)).collect();
        assert_eq!(order, [Timer::Probe(key), Timer::Flows]);
        assert_eq!(timers.next(), None);
    }
}
