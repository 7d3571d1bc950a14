//! Which links are measured, and the choice of carriers that follows from it.
//!
//! **Invariant**: nobody is asked but for somebody: a person who wants to know, a packet that passed lately, or one at another
//! carrier of the same prefix; and once each neighbor that the map keeps reachable. Otherwise every neighbor that ever spoke
//! would have a keypair for ever, and a phone's radio would never sleep.

use std::net::IpAddr;
use std::time::Instant;

use nanami_model::{Cidr, Neighbor, PublicKey};

use super::super::event::Event;
use super::super::peer::PeerState;
use super::super::probe::{FAST, SLOW};
use super::super::shared::Snapshot;
use super::super::timers::Timer;
use super::ControlHalf;

impl ControlHalf {
    /// Knows the carriers of the map, and keeps reachable and measures what the map and its use ask for.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.shared.is_down() {
            return;
        }
        let snapshot = self.shared.snapshot.load_full();
        let groups: Vec<Vec<_>> =
            snapshot.table.ranked().iter().map(|prefix| self.askable(&snapshot, *prefix)).collect();
        self.failover.watch(now, groups);
        let keys: Vec<_> = self.map.neighbors().iter().map(Neighbor::key).collect();
        for key in keys {
            if self.must_stay_reachable(now, &key) {
                self.timers.arm_by(Timer::Reach(key), now);
            }
            if self.failover.is_watched(&key) && self.is_in_use(now, &key) {
                self.ask_carrier(now, &snapshot, key);
            }
        }
    }

    /// The carriers of a prefix that can be asked: from the silence of one without a host address nothing is concluded.
    fn askable(&self, snapshot: &Snapshot, prefix: Cidr) -> Vec<PublicKey> {
        let can_be_asked = |slot: &&usize| {
            let neighbor = self.map.neighbor(&snapshot.peers[**slot].key);
            neighbor.is_some_and(|neighbor| probe_addresses(snapshot, **slot, neighbor).is_some())
        };
        let carriers = snapshot.table.carriers(prefix).iter().filter(can_be_asked);
        carriers.map(|slot| snapshot.peers[*slot].key).collect()
    }

    /// Whether packets passed lately, there or at a carrier that could stand in for it, or it for that one. Locks them.
    pub(super) fn is_in_use(&self, now: Instant, key: &PublicKey) -> bool {
        let snapshot = self.shared.snapshot.load();
        let is_used = |key: &PublicKey| {
            snapshot.peer(key).and_then(|peer| peer.if_awake()).is_some_and(|state| state.is_used(now))
        };
        is_used(key) || self.failover.companions(key).any(|other| is_used(&other))
    }

    /// Arms the first probe of a use that is news, or of a keypair for which somebody waits: its moment has passed already.
    pub(super) fn arm_probe(&mut self, key: PublicKey, state: &PeerState) {
        let (established, used) = (state.noise.established(), state.noted_use().filter(|_| !self.idle));
        let asked = established.filter(|_| self.wants_to_know(&key, state));
        let is_asked_anyway = self.failover.is_watched(&key) && self.timers.is_armed(Timer::Probe(key));
        if let Some(at) = asked.or(used).filter(|_| !is_asked_anyway && !self.shared.is_plain()) {
            self.timers.arm_by(Timer::Probe(key), at);
        }
    }

    /// Whether somebody waits for a measurement. Of a neighbor that is kept reachable anyway one is owed without being asked.
    fn wants_to_know(&self, key: &PublicKey, state: &PeerState) -> bool {
        let is_kept = || self.map.neighbor(key).is_some_and(|neighbor| neighbor.keepalive().is_some());
        state.probes.is_wanted() || !self.idle && state.probes.rtt().is_none() && is_kept()
    }

    /// Ends one round of probing and starts the next, if somebody still depends on it.
    pub(super) fn probe_round(&mut self, now: Instant, key: &PublicKey) {
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(key) else { return };
        let is_in_use = self.is_in_use(now, key);
        let (heard, is_ready, is_wanted, is_needed) = {
            let mut state = peer.lock(now);
            state.catch_up(now, &self.shared, *key, &mut self.out);
            let is_needed = !self.idle && (is_in_use || !state.forget_use(now));
            (state.heard, state.noise.is_ready(), self.wants_to_know(key, &state), is_needed)
        };
        match (is_needed, self.failover.is_watched(key)) {
            (true, true) => return self.carrier_round(now, &snapshot, *key, heard),
            (true, false) if is_ready => self.timers.arm(Timer::Probe(*key), now + SLOW),
            (true, false) => {}
            (false, _) => self.failover.leave(key),
        }
        if is_ready && (is_needed || is_wanted) {
            self.probe(now, key);
        }
    }

    /// The same with a carrier. Whoever can stand in for it is asked as well from now on.
    fn carrier_round(&mut self, now: Instant, snapshot: &Snapshot, key: PublicKey, heard: Option<Instant>) {
        let begins = self.ask_carrier(now, snapshot, key);
        self.failover.companions(&key).for_each(|other| _ = self.ask_carrier(now, snapshot, other));
        if begins {
            return;
        }
        self.failover.round(now, &key, heard);
        self.choose_carriers(now, snapshot);
        self.timers.arm(Timer::Probe(key), now + FAST);
        self.probe(now, &key);
    }

    /// Begins rounds with a carrier. `false` if they are under way.
    fn ask_carrier(&mut self, now: Instant, snapshot: &Snapshot, key: PublicKey) -> bool {
        let Some(peer) = snapshot.peer(&key).filter(|_| !self.idle && !self.shared.is_plain()) else { return false };
        let is_ready = peer.if_awake().is_some_and(|state| state.noise.is_ready());
        if !self.failover.ask(now, &key, is_ready) {
            return false;
        }
        self.timers.arm_by(Timer::Reach(key), now);
        self.timers.arm(Timer::Probe(key), now + FAST);
        self.probe(now, &key);
        true
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
        if !state.noise.is_ready() {
            return;
        }
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
