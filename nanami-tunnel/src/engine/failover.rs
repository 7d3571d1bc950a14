//! Which carrier of a prefix carries it: decided here, on this host, from its own probes.
//!
//! **Invariants**: a carrier in use is left only when it is dead and another one is alive; a better rank that comes back
//! after a death waits for [`HOLD_DOWN`], so that a gateway that flaps does not take every flow with it. What counts are
//! rounds of probing, not time, so that a host that slept does not take its own absence for everybody's death. Of a carrier
//! that nobody uses, and so nobody asks, nothing is concluded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nanami_model::PublicKey;

/// What is known about every carrier of a prefix with standbys.
#[derive(Debug, Default)]
pub(crate) struct Failover {
    carriers: BTreeMap<PublicKey, Life>,
    /// With whom each shares a prefix.
    companions: BTreeMap<PublicKey, BTreeSet<PublicKey>>,
}

/// What the rounds of probing say about one carrier.
#[derive(Debug, Clone, Copy)]
struct Life {
    /// Rounds are under way.
    is_asked: bool,
    asked_since: Instant,
    round_since: Instant,
    heard: bool,
    misses: u32,
    /// When it came back after it had been dead.
    recovered: Option<Instant>,
}

impl Failover {
    /// Knows exactly these carriers from now on, those of one prefix in each group.
    pub(crate) fn watch(&mut self, now: Instant, groups: impl IntoIterator<Item = Vec<PublicKey>>) {
        self.companions.clear();
        for group in groups {
            for key in &group {
                self.companions.entry(*key).or_default().extend(&group);
            }
        }
        self.carriers.retain(|key, _| self.companions.contains_key(key));
        for key in self.companions.keys() {
            self.carriers.entry(*key).or_insert(Life::unasked(now));
        }
    }

    /// The carriers on which a choice depends in which this one takes part, itself included.
    pub(crate) fn companions(&self, key: &PublicKey) -> impl Iterator<Item = PublicKey> + use<> {
        self.companions.get(key).cloned().unwrap_or_default().into_iter()
    }

    /// Rounds with this carrier begin; with a keypair it was heard. Returns whether that is news. One that was dead when
    /// they ended is so until it is heard.
    pub(crate) fn ask(&mut self, now: Instant, key: &PublicKey, is_ready: bool) -> bool {
        let Some(life) = self.carriers.get_mut(key).filter(|life| !life.is_asked) else { return false };
        (life.is_asked, life.asked_since, life.round_since) = (true, now, now);
        if life.misses < MISSES {
            (life.heard, life.misses) = (is_ready, 0);
        }
        true
    }

    /// Rounds with this carrier end: nobody depends on it.
    pub(crate) fn leave(&mut self, key: &PublicKey) {
        self.carriers.get_mut(key).into_iter().for_each(|life| life.is_asked = false);
    }

    /// All rounds end.
    pub(crate) fn leave_all(&mut self) {
        self.carriers.values_mut().for_each(|life| life.is_asked = false);
    }

    pub(crate) fn is_watched(&self, key: &PublicKey) -> bool {
        self.carriers.contains_key(key)
    }

    /// One round of probing is over and the next one starts; `heard` says when something last came from the carrier.
    pub(crate) fn round(&mut self, now: Instant, key: &PublicKey, heard: Option<Instant>) {
        let Some(life) = self.carriers.get_mut(key) else { return };
        let in_this_round = heard.is_some_and(|heard| heard >= life.round_since);
        life.round_since = now;
        if !in_this_round {
            life.misses += 1;
            return;
        }
        if life.heard && life.misses >= MISSES {
            life.recovered = Some(now);
        }
        (life.heard, life.misses) = (true, 0);
    }

    /// The place in `carriers` that should carry, given that `carrying` does. One that is not watched is neither dead nor
    /// alive: it is not left, and nothing is moved to it.
    pub(crate) fn choose(&self, now: Instant, carriers: &[PublicKey], carrying: usize) -> usize {
        let life = |place: usize| carriers.get(place).and_then(|key| self.carriers.get(key));
        let is_alive = |place: usize| life(place).is_some_and(Life::is_alive);
        if life(carrying).is_some_and(|life| life.is_dead(now)) {
            return (0..carriers.len()).find(|place| is_alive(*place)).unwrap_or(carrying);
        }
        let is_settled = |place: usize| life(place).is_some_and(|life| life.is_settled(now));
        (0..carrying).find(|place| is_settled(*place)).unwrap_or(carrying)
    }
}

impl Life {
    fn unasked(now: Instant) -> Self {
        Self { is_asked: false, asked_since: now, round_since: now, heard: false, misses: 0, recovered: None }
    }

    fn is_alive(&self) -> bool {
        self.is_asked && self.heard && self.misses < MISSES
    }

    fn is_dead(&self, now: Instant) -> bool {
        self.is_asked
            && match self.heard {
                true => self.misses >= MISSES,
                false => now.saturating_duration_since(self.asked_since) >= FIRST_ANSWER,
            }
    }

    /// Alive, and not only just back from the dead.
    fn is_settled(&self, now: Instant) -> bool {
        let held = |at: Instant| now.saturating_duration_since(at) >= HOLD_DOWN;
        self.is_alive() && self.recovered.is_none_or(held)
    }
}

/// Rounds without a sign of life after which a carrier is dead. Chosen: two may be lost on a bad path.
const MISSES: u32 = 3;
/// How long a carrier that was never heard may still be on its way. Chosen: above a handshake and its first repetition
/// would be 5 s; a standby that is there already carries meanwhile.
const FIRST_ANSWER: Duration = Duration::from_secs(3);
/// How long a better rank must have been back. Chosen: a gateway that restarts in a loop comes back every few seconds.
pub(crate) const HOLD_DOWN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use nanami_model::PrivateKey;

    fn carriers() -> [PublicKey; 2] {
        [1, 2].map(|n| PrivateKey::from_bytes([n; 32]).public())
    }

    /// All of them are in use.
    fn watch(failover: &mut Failover, now: Instant, carriers: &[PublicKey]) {
        failover.watch(now, [carriers.to_vec()]);
        carriers.iter().for_each(|key| assert!(failover.ask(now, key, false)));
    }

    fn rounds(failover: &mut Failover, now: Instant, key: &PublicKey, heard: Option<Instant>, n: u32) {
        (0..n).for_each(|_| failover.round(now, key, heard));
    }

    #[test]
    fn a_dead_owner_is_replaced_after_three_silent_rounds_and_not_before() {
        let (now, [owner, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        watch(&mut failover, now, &carriers());
        failover.round(now, &owner, Some(now));
        failover.round(now, &standby, Some(now));
        rounds(&mut failover, now, &owner, None, 2);
        assert_eq!(failover.choose(now, &carriers(), 0), 0);
        failover.round(now, &owner, None);
        assert_eq!(failover.choose(now, &carriers(), 0), 1);
    }

    #[test]
    fn silence_of_a_carrier_that_cannot_be_asked_means_nothing() {
        let (now, [_, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        watch(&mut failover, now, &[standby]);
        failover.round(now, &standby, Some(now));
        assert_eq!(failover.choose(now + Duration::from_secs(60), &carriers(), 0), 0);
    }

    #[test]
    fn a_dead_standby_is_never_chosen() {
        let (now, [owner, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        watch(&mut failover, now, &carriers());
        for key in [owner, standby] {
            failover.round(now, &key, Some(now));
            rounds(&mut failover, now, &key, None, 3);
        }
        assert_eq!(failover.choose(now, &carriers(), 0), 0);
    }

    #[test]
    fn an_owner_that_comes_back_waits_for_the_hold_down_unless_the_standby_dies() {
        let (start, [owner, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        watch(&mut failover, start, &carriers());
        failover.round(start, &owner, Some(start));
        failover.round(start, &standby, Some(start));
        rounds(&mut failover, start, &owner, None, 3);
        let back = start + Duration::from_secs(10);
        failover.round(back, &owner, Some(back));
        assert_eq!(failover.choose(back + HOLD_DOWN - Duration::from_secs(1), &carriers(), 1), 1);
        assert_eq!(failover.choose(back + HOLD_DOWN, &carriers(), 1), 0);
        rounds(&mut failover, back, &standby, None, 3);
        assert_eq!(failover.choose(back, &carriers(), 1), 0);
    }

    #[test]
    fn an_owner_that_was_never_heard_gives_way_and_gets_its_prefix_at_its_first_answer() {
        let (start, [owner, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        watch(&mut failover, start, &carriers());
        failover.round(start, &standby, Some(start));
        assert_eq!(failover.choose(start + Duration::from_secs(1), &carriers(), 0), 0);
        let later = start + FIRST_ANSWER;
        assert_eq!(failover.choose(later, &carriers(), 0), 1);
        failover.round(later, &owner, Some(later));
        assert_eq!(failover.choose(later, &carriers(), 1), 0);
    }

    #[test]
    fn nothing_is_concluded_about_carriers_that_nobody_uses() {
        let (start, [owner, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        failover.watch(start, [carriers().to_vec()]);
        assert_eq!(failover.choose(start + Duration::from_secs(60), &carriers(), 0), 0, "never asked");
        watch(&mut failover, start, &carriers());
        failover.round(start, &owner, Some(start));
        failover.round(start, &standby, Some(start));
        carriers().iter().for_each(|key| failover.leave(key));
        let later = start + Duration::from_secs(60);
        assert_eq!(failover.choose(later, &carriers(), 0), 0);
        // One keypair is still there, the other one is gone: its carrier has as long as one that is new.
        assert!(failover.ask(later, &owner, false) && failover.ask(later, &standby, true));
        rounds(&mut failover, later, &owner, None, 3);
        failover.round(later, &standby, Some(later));
        assert_eq!(failover.choose(later, &carriers(), 0), 0);
        assert_eq!(failover.choose(later + FIRST_ANSWER, &carriers(), 0), 1);
    }

    #[test]
    fn who_was_dead_when_nobody_asked_any_more_is_still_held_down_when_it_is_back() {
        let (start, [owner, standby], mut failover) = (Instant::now(), carriers(), Failover::default());
        watch(&mut failover, start, &carriers());
        failover.round(start, &owner, Some(start));
        failover.round(start, &standby, Some(start));
        rounds(&mut failover, start, &owner, None, 3);
        failover.leave_all();
        let later = start + Duration::from_secs(600);
        carriers().iter().for_each(|key| assert!(failover.ask(later, key, false)));
        failover.round(later, &standby, Some(later));
        assert_eq!(failover.choose(later, &carriers(), 1), 1);
        failover.round(later, &owner, Some(later));
        assert_eq!(failover.choose(later + HOLD_DOWN - Duration::from_secs(1), &carriers(), 1), 1);
        assert_eq!(failover.choose(later + HOLD_DOWN, &carriers(), 1), 0);
    }
}
