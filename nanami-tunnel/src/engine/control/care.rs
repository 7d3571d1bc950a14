//! What is due for each neighbor: Noise timers, keepalives, tries to reach it.

use std::time::{Duration, Instant};

use nanami_model::{Neighbor, PublicKey};

use super::super::peer::PeerState;
use super::super::timers::Timer;
use super::{ControlHalf, FIRST_RETRY};

impl ControlHalf {
    /// Whether a neighbor has a keepalive, or is a carrier that somebody depends on. Locks it.
    pub(super) fn must_stay_reachable(&self, now: Instant, key: &PublicKey) -> bool {
        self.map.neighbor(key).is_some_and(|n| n.keepalive().is_some())
            || self.failover.is_watched(key) && self.is_in_use(now, key)
    }

    pub(super) fn tick(&mut self, now: Instant, key: &PublicKey) {
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(key) else { return };
        let mut state = peer.lock(now);
        state.tick(now, &self.shared, *key, &mut self.out);
        if let Some(at) = state.next_tick().filter(|_| !self.leaves_alone(&state)) {
            self.timers.arm(Timer::Noise(*key), at);
        }
    }

    /// Whether nobody waits for an answer that does not come: [`ControlHalf::reach`] asks again in its own time.
    pub(super) fn leaves_alone(&self, state: &PeerState) -> bool {
        self.idle && state.noise.is_only_asking() && state.queue.is_empty()
    }

    /// Keeps a neighbor reachable. TUNNEL.md fact 3: boringtun gives up for good after 90 s; this never does.
    pub(super) fn reach(&mut self, now: Instant, key: &PublicKey) {
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(key) else { return };
        let keepalive = self.map.neighbor(key).and_then(Neighbor::keepalive);
        let wants = self.must_stay_reachable(now, key);
        let mut state = peer.lock(now);
        if !wants && state.queue.is_empty() {
            return;
        }
        state.catch_up(now, &self.shared, *key, &mut self.out);
        let next = if state.noise.is_ready() {
            let quiet_until = |every: Duration| state.sent.map_or(now, |sent| sent + every);
            match keepalive {
                Some(every) if quiet_until(every) <= now => {
                    state.seal(now, &self.shared, &[], &mut self.out);
                    now + every
                }
                Some(every) => quiet_until(every),
                None => now + RETRY,
            }
        } else {
            // Two ends seldom get their maps at one moment: one that was never heard is tried soon again, then ever later.
            let tries = state.endpoint.attempts().min(16);
            let soon = (FIRST_RETRY * 2u32.pow(tries)).min(RETRY);
            let is_new = state.heard.is_none() && soon < RETRY;
            state.initiate(now, &self.shared, *key, is_new || self.idle, &mut self.out);
            let pause = match self.idle {
                true => IDLE_RETRY,
                false if is_new => soon,
                false => RETRY,
            };
            now + pause + Duration::from_millis(self.random.next_u64() % RETRY_JITTER_MS)
        };
        self.timers.arm(Timer::Reach(*key), next);
    }
}

/// How often an unreachable neighbor is tried: WireGuard whitepaper section 6.1, `REKEY_TIMEOUT`.
const RETRY: Duration = Duration::from_secs(5);
/// How often it is tried while nobody looks. Chosen: a radio that is woken once a minute sleeps nearly all the time.
const IDLE_RETRY: Duration = Duration::from_secs(60);
/// Milliseconds of random delay on top: whitepaper section 6.1.
const RETRY_JITTER_MS: u64 = 333;
