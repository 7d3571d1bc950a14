//! What changes beside the map while an engine runs: secrets, endpoints, the MTU, and whether the interface is up.
//!
//! **Invariant**: a change of one neighbor's secret touches no other neighbor (SEC-50); secrets are in no map.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use nanami_model::{PresharedKey, PrivateKey, PublicKey};

use super::super::MAX_MTU;
use super::super::noise::Identity;
use super::super::timers::Timer;
use super::{ControlHalf, MAX_HINTED};

impl ControlHalf {
    /// Gives this end another private key. Keypairs made under the old one end at once; what waits or is kept alive starts
    /// a handshake under the new one.
    pub fn handle_private_key(&mut self, now: Instant, key: &PrivateKey) {
        self.shared.set_identity(now, Identity::new(key));
        self.renew(now, |_| true);
    }

    /// Sets or removes the secrets that are mixed into handshakes with these neighbors; one that the map does not name yet
    /// has it when the next map does. A keypair that was made under another secret ends.
    pub fn handle_preshared_keys(
        &mut self,
        now: Instant,
        keys: impl IntoIterator<Item = (PublicKey, Option<PresharedKey>)>,
    ) {
        let mut changed = BTreeSet::new();
        for (key, preshared) in keys {
            if self.preshared.get(&key).map(Arc::as_ref) == preshared.as_ref() {
                continue;
            }
            match preshared {
                Some(preshared) => self.preshared.insert(key, Arc::new(preshared)),
                None => self.preshared.remove(&key),
            };
            changed.insert(key);
        }
        self.renew(now, |key| changed.contains(key));
    }

    /// Says where a neighbor is, on the word of somebody who may decide: it wins over where it was heard from, until it is
    /// heard from somewhere else.
    pub fn handle_endpoint(&mut self, now: Instant, key: PublicKey, at: SocketAddr) {
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(&key) else { return };
        let wants = self.must_stay_reachable(now, &key) && !self.shared.is_down();
        peer.with_endpoint(|endpoint| endpoint.set(at));
        self.try_at_once(now, peer, wants);
    }

    /// Pins a neighbor to an address: what is sent to it goes there and nowhere else, whatever is heard from elsewhere, until
    /// it is pinned to another one or, with `None`, followed again (SEC-44). An answer to a handshake still goes to where that
    /// came from. A pin for a key that no map names yet is kept, as hints are.
    pub fn handle_pin(&mut self, now: Instant, key: PublicKey, at: Option<SocketAddr>) {
        match at {
            Some(_) if self.pins.len() >= MAX_HINTED && !self.pins.contains_key(&key) => return,
            Some(at) => _ = self.pins.insert(key, at),
            None => _ = self.pins.remove(&key),
        }
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(&key) else { return };
        let wants = at.is_some() && self.must_stay_reachable(now, &key) && !self.shared.is_down();
        peer.with_endpoint(|endpoint| endpoint.pin(at));
        self.try_at_once(now, peer, wants);
    }

    /// Sets the longest inner packet, in bytes; IPv4 needs 68.
    pub fn handle_mtu(&mut self, mtu: u16) {
        self.shared.set_mtu(mtu.clamp(LEAST_MTU, MAX_MTU));
    }

    /// The interface went down: keypairs end, waiting packets are dropped; nothing is due, said or answered until
    /// [`ControlHalf::handle_up`].
    pub fn handle_down(&mut self, now: Instant) {
        self.shared.set_down(true);
        self.renew(now, |_| true);
        self.timers.clear();
        self.failover.leave_all();
        for mut state in self.shared.snapshot.load_full().peers.iter().filter_map(|peer| peer.if_awake()) {
            state.queue.clear(&self.shared);
        }
    }

    /// The interface is up: neighbors with a keepalive are reached again.
    pub fn handle_up(&mut self, now: Instant) {
        self.shared.set_down(false);
        self.watch(now);
    }

    /// Nobody looks at this host, or somebody does again. Idle, links are not measured, so that no standby takes over; a neighbor
    /// that should be reachable and is not is tried once a minute. Keepalives go on.
    pub fn handle_idle(&mut self, now: Instant, idle: bool) {
        if std::mem::replace(&mut self.idle, idle) == idle {
            return;
        }
        if idle {
            self.failover.leave_all();
        }
        let snapshot = self.shared.snapshot.load_full();
        for peer in &snapshot.peers {
            if idle {
                self.timers.disarm(Timer::Probe(peer.key));
                continue;
            }
            let Some(state) = peer.if_awake() else { continue };
            if !self.shared.is_plain() && state.noise.is_ready() {
                self.timers.arm_by(Timer::Probe(peer.key), now);
            }
            if state.next_tick().is_some() {
                self.timers.arm_by(Timer::Noise(peer.key), now);
            }
        }
        if !idle {
            self.watch(now);
        }
    }

    /// Starts anew with these neighbors, under indices of which nobody has heard.
    fn renew(&mut self, now: Instant, which: impl Fn(&PublicKey) -> bool) {
        let snapshot = self.shared.snapshot.load_full();
        for peer in snapshot.peers.iter().filter(|peer| which(&peer.key)) {
            peer.renew(now, self.preshared.get(&peer.key).cloned());
            self.timers.disarm(Timer::Noise(peer.key));
            let waits = || peer.if_awake().is_some_and(|state| !state.queue.is_empty());
            if !self.shared.is_down() && (self.must_stay_reachable(now, &peer.key) || waits()) {
                self.timers.arm(Timer::Reach(peer.key), now);
            }
        }
    }
}

/// Bytes. RFC 791: every link carries this.
const LEAST_MTU: u16 = 68;
