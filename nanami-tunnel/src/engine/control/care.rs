//! What is due for each neighbor: Noise timers, keepalives, tries to reach it, probes, and the choice of carriers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use nanami_model::{Cidr, Neighbor, PublicKey};

use super::super::event::Event;
use super::super::peer::PeerState;
use super::super::probe::{FAST, SLOW};
use super::super::shared::Snapshot;
use super::super::timers::Timer;
use super::{ControlHalf, FIRST_RETRY};

impl ControlHalf {
    /// Arms what the map asks for: carriers with standbys are probed fast, and they and neighbors with a keepalive are
    /// kept reachable.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.shared.is_down() {
            return;
        }
        let snapshot = self.shared.snapshot.load_full();
        let carriers = snapshot.table.ranked().iter().flat_map(|prefix| snapshot.table.carriers(*prefix));
        // A carrier without a host address of its own cannot be asked, so nothing is concluded from its silence.
        let can_be_asked = |slot: &&usize| {
            let neighbor = self.map.neighbor(&snapshot.peers[**slot].key);
            neighbor.is_some_and(|neighbor| probe_addresses(&snapshot, **slot, neighbor).is_some())
        };
        let carriers: Vec<_> = carriers.filter(can_be_asked).map(|slot| snapshot.peers[*slot].key).collect();
        self.failover.watch(now, &carriers);
        let keys: Vec<_> = self.map.neighbors().iter().map(Neighbor::key).collect();
        for key in keys {
            if self.must_stay_reachable(&key) {
                self.timers.arm_by(Timer::Reach(key), now);
            }
            if self.failover.is_watched(&key) && !self.idle {
                self.timers.arm_by(Timer::Probe(key), now + FAST);
            }
        }
    }

    pub(super) fn must_stay_reachable(&self, key: &PublicKey) -> bool {
        self.failover.is_watched(key) || self.map.neighbor(key).is_some_and(|n| n.keepalive().is_some())
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
        let mut state = peer.lock(now);
        if !self.must_stay_reachable(key) && state.queue.is_empty() {
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

    /// Ends one round of probing and starts the next.
    pub(super) fn probe_round(&mut self, now: Instant, key: &PublicKey) {
        let watched = self.failover.is_watched(key);
        let every = if watched { FAST } else { SLOW };
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(key) else { return };
        let (heard, is_ready) = {
            let mut state = peer.lock(now);
            state.catch_up(now, &self.shared, *key, &mut self.out);
            (state.heard, state.noise.is_ready())
        };
        if watched {
            self.failover.round(now, key, heard);
            self.choose_carriers(now, &snapshot);
        }
        if is_ready {
            self.probe(now, key);
        }
        if (watched || is_ready) && !self.idle {
            self.timers.arm(Timer::Probe(*key), now + every);
        }
    }

    /// Asks a neighbor that has a keypair, unless this is plain WireGuard: its host would get the question.
    pub(super) fn probe(&mut self, now: Instant, key: &PublicKey) {
        if self.shared.is_plain() {
            return;
        }
        let snapshot = self.shared.snapshot.load_full();
        let (Some(slot), Some(neighbor)) = (snapshot.slot(key), self.map.neighbor(key)) else { return };
        let Some((from, to)) = probe_addresses(&snapshot, slot, neighbor) else { return };
        let mut state = snapshot.peers[slot].lock(now);
        let question = state.probes.ask(now, from, to, self.random.next_u64());
        state.seal(now, &self.shared, &question, &mut self.out);
    }

    fn choose_carriers(&mut self, now: Instant, snapshot: &Snapshot) {
        let table = &snapshot.table;
        for prefix in table.ranked() {
            let carriers: Vec<_> = table.carriers(*prefix).iter().map(|slot| snapshot.peers[*slot].key).collect();
            let carrying = table.carrying(*prefix);
            let chosen = self.failover.choose(now, &carriers, carrying);
            if chosen != carrying {
                table.switch(*prefix, chosen);
                let (from, to) = (carriers[carrying], carriers[chosen]);
                self.shared.emit(Event::OwnerChanged { prefix: *prefix, from, to });
            }
        }
    }
}

/// Our address and one that the neighbor carries, of one family: a host prefix that goes to it and to nobody before it. Where
/// it is that of somebody behind a gateway, the gateway itself answers: an engine answers every question of a neighbor. An
/// implementation that knows no probes hands the question on, and is measured together with who is behind it.
fn probe_addresses(snapshot: &Snapshot, slot: usize, neighbor: &Neighbor) -> Option<(IpAddr, IpAddr)> {
    let hosts = neighbor.allowed_ips().iter().filter(|prefix| prefix.is_host()).map(Cidr::address);
    let mut hosts = hosts.filter(|host| snapshot.table.accepts(*host, slot));
    hosts.find_map(|host| Some((snapshot.own_address(host)?, host)))
}

/// How often an unreachable neighbor is tried: WireGuard whitepaper section 6.1, `REKEY_TIMEOUT`.
const RETRY: Duration = Duration::from_secs(5);
/// How often it is tried while nobody looks. Chosen: a radio that is woken once a minute sleeps nearly all the time.
const IDLE_RETRY: Duration = Duration::from_secs(60);
/// Milliseconds of random delay on top: whitepaper section 6.1.
const RETRY_JITTER_MS: u64 = 333;
