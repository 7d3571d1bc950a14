//! The control half: maps, hints, time; everything that is not a packet.
//!
//! **Invariants**: applying a map never drops the keypairs of a neighbor that stays; after every call that changes it,
//! [`ControlHalf::poll_output`] is drained to [`Output::Wait`], and after packet calls too, because they may have touched a
//! timer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nanami_model::{Cidr, Neighbor, NetworkMap, PresharedKey, PublicKey};

use super::batch::{Datagram, Datagrams};
use super::counters::Counters;
use super::event::Event;
use super::failover::Failover;
use super::link::Link;
use super::map::{Applied, Held, MapError};
use super::peer::{Peer, PeerIndex};
use super::random::Random;
use super::shared::{Shared, Snapshot};
use super::timers::{Timer, Timers};
use super::usage::{Attempt, Usage};

mod care;
mod live;
mod probing;

/// The part of an engine that takes maps, hints and time.
pub struct ControlHalf {
    shared: Arc<Shared>,
    random: Random,
    timers: Timers,
    failover: Failover,
    map: NetworkMap,
    held: Option<Held>,
    /// How many neighbors were named so far.
    named: u64,
    hints: BTreeMap<PublicKey, Vec<SocketAddr>>,
    pins: BTreeMap<PublicKey, SocketAddr>,
    /// Nobody looks: nothing is measured.
    idle: bool,
    preshared: BTreeMap<PublicKey, Arc<PresharedKey>>,
    out: Datagrams,
    /// How many of `out` were handed out.
    sent: usize,
}

/// What an engine wants, one thing at a time.
#[derive(Debug)]
pub enum Output<'a> {
    /// Send this datagram.
    Transmit(Datagram<'a>),
    /// Know this.
    Event(Event),
    /// Nothing more, until this moment or the next input; `None`: until the next input only.
    Wait(Option<Instant>),
}

impl ControlHalf {
    pub(crate) fn new(shared: Arc<Shared>, random: Random) -> Self {
        Self {
            shared,
            random,
            timers: Timers::default(),
            failover: Failover::default(),
            map: NetworkMap::default(),
            held: None,
            named: 0,
            hints: BTreeMap::new(),
            pins: BTreeMap::new(),
            idle: false,
            preshared: BTreeMap::new(),
            out: Datagrams::new(),
            sent: 0,
        }
    }

    /// Enforces a map from now on. Keypairs of neighbors that stay are kept, established flows that it no longer allows
    /// end. Applying the map that is held again changes nothing.
    ///
    /// # Errors
    /// [`MapError::Older`] and [`MapError::Forked`] if the held map is newer or different at the same generation,
    /// [`MapError::Partial`] for a difference. What was enforced before still is.
    pub fn apply(&mut self, now: Instant, map: &NetworkMap) -> Result<Applied, MapError> {
        self.take_map(now, map.clone())
    }

    /// The same, with a map that nobody else needs.
    pub(crate) fn take_map(&mut self, now: Instant, map: NetworkMap) -> Result<Applied, MapError> {
        let generation = map.generation();
        let Some(held) = Held::replaced_by(self.held, &map)? else {
            return Ok(Applied::whole(generation, 0));
        };
        let changed = self.changed_neighbors(&map);
        self.swap_snapshot(&map);
        (self.map, self.held) = (map, Some(held));
        self.preshared.retain(|key, _| self.map.neighbor(key).is_some());
        self.recheck_flows();
        self.watch(now);
        Ok(Applied::whole(generation, changed))
    }

    /// Says where a neighbor may be reached, best first. An address from which something authentic came wins over these.
    /// Hints for a key that no map names yet are kept for a while.
    pub fn handle_hints(&mut self, now: Instant, key: PublicKey, hints: &[SocketAddr]) {
        if self.hints.len() >= MAX_HINTED && !self.hints.contains_key(&key) {
            return;
        }
        self.hints.insert(key, hints.to_vec());
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(&key) else { return };
        let wants = self.must_stay_reachable(now, &key);
        if peer.with_endpoint(|endpoint| endpoint.hint(hints)) {
            self.try_at_once(now, peer, wants);
        }
    }

    /// There is another address to try: whatever was tried before went elsewhere.
    fn try_at_once(&mut self, now: Instant, peer: &Peer, wants: bool) {
        if !wants && peer.if_awake().is_none() {
            return;
        }
        let mut state = peer.lock(now);
        if !state.noise.is_ready() && (wants || !state.queue.is_empty()) {
            state.initiate(now, &self.shared, peer.key, true, &mut self.out);
        }
    }

    /// Measures the link to a neighbor at once; without a keypair a handshake starts first, and the probe follows it.
    pub fn handle_probe(&mut self, now: Instant, key: PublicKey) {
        let snapshot = self.shared.snapshot.load_full();
        let Some(peer) = snapshot.peer(&key) else { return };
        let mut state = peer.lock(now);
        state.catch_up(now, &self.shared, key, &mut self.out);
        if state.noise.is_ready() {
            drop(state);
            return self.probe(now, &key);
        }
        state.probes.want();
        let waited = state.noise.initiated().map(|at| now.saturating_duration_since(at));
        state.initiate(now, &self.shared, key, waited.is_some_and(|waited| waited >= ASKED_RETRY), &mut self.out);
    }

    /// The network under this host changed: every neighbor that this host speaks to is told from its new address at once,
    /// with a handshake, because the old way back may be gone.
    pub fn handle_network_changed(&mut self, now: Instant) {
        self.handle_port_changed(now);
        let snapshot = self.shared.snapshot.load_full();
        for peer in &snapshot.peers {
            let wants = self.must_stay_reachable(now, &peer.key);
            let Some(mut state) = peer.if_awake() else { continue };
            if wants || state.noise.is_ready() || !state.queue.is_empty() {
                state.initiate(now, &self.shared, peer.key, true, &mut self.out);
            }
        }
    }

    /// This host has other sockets: every neighbor with a keypair hears from them at once.
    pub(crate) fn handle_port_changed(&mut self, now: Instant) {
        let snapshot = self.shared.snapshot.load_full();
        for (peer, mut state) in snapshot.peers.iter().filter_map(|peer| Some((peer, peer.if_awake()?))) {
            state.endpoint.forget_local();
            state.catch_up(now, &self.shared, peer.key, &mut self.out);
            state.seal(now, &self.shared, &[], &mut self.out);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Noise(key) => self.tick(now, &key),
                Timer::Reach(key) => self.reach(now, &key),
                Timer::Probe(key) => self.probe_round(now, &key),
                Timer::Flows => {
                    if let Some(next) = self.shared.flows.sweep(now) {
                        self.timers.arm(Timer::Flows, next.max(now + SWEEP));
                    }
                }
            }
        }
    }

    /// The next thing that the engine wants.
    pub fn poll_output(&mut self) -> Output<'_> {
        self.arm_touched();
        if self.sent < self.out.len() {
            let datagram = self.out.get(self.sent).expect("`sent` is below the length");
            self.sent += 1;
            return Output::Transmit(datagram);
        }
        self.out.clear();
        self.sent = 0;
        match self.shared.take_event() {
            Some(event) => Output::Event(event),
            None => Output::Wait(self.timers.next()),
        }
    }

    /// What did not go through, by reason.
    pub fn counters(&self) -> Counters {
        self.shared.tally.read()
    }

    /// The links to all neighbors, by key.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        let snapshot = self.shared.snapshot.load_full();
        let links: Vec<_> = snapshot.peers.iter().map(|peer| link_of(peer)).collect();
        links.into_iter()
    }

    /// The link to one neighbor.
    pub fn link(&self, key: &PublicKey) -> Option<Link> {
        self.shared.snapshot.load().peer(key).map(|peer| link_of(peer))
    }

    /// The prefixes that a standby carries now, each with that standby.
    pub fn owners(&self) -> Vec<(Cidr, PublicKey)> {
        let snapshot = self.shared.snapshot.load();
        let table = &snapshot.table;
        let taken_over = table.ranked().iter().filter(|prefix| table.carrying(**prefix) > 0);
        taken_over
            .map(|prefix| (*prefix, snapshot.peers[table.carriers(*prefix)[table.carrying(*prefix)]].key))
            .collect()
    }

    /// What policies carried, for each neighbor.
    pub fn usage(&self) -> Vec<Usage> {
        let (snapshot, open) = (self.shared.snapshot.load(), self.shared.flows.open_by_policy());
        let awake = snapshot.peers.iter().filter_map(|peer| Some((peer, peer.if_awake()?)));
        let usage = awake.flat_map(|(peer, state)| {
            let open = |policy| open.get(&(peer.index, policy)).copied().unwrap_or_default();
            state.usage.usage(peer.key, open)
        });
        usage.collect()
    }

    /// What neighbors attempted and were refused.
    pub fn attempts(&self) -> Vec<Attempt> {
        let snapshot = self.shared.snapshot.load();
        let awake = snapshot.peers.iter().filter_map(|peer| Some((peer, peer.if_awake()?)));
        awake.flat_map(|(peer, state)| state.usage.attempts(peer.key)).collect()
    }

    /// The map that is enforced.
    pub fn map(&self) -> &NetworkMap {
        &self.map
    }

    /// The driver could not hand on so many packets that came.
    #[cfg_attr(not(any(feature = "tokio", feature = "tun")), expect(dead_code, reason = "only a driver counts these"))]
    pub(crate) fn count_undelivered(&self, packets: u64) {
        self.shared.tally.undelivered.add(packets);
    }

    fn changed_neighbors(&self, map: &NetworkMap) -> usize {
        let came_or_changed = map.neighbors().iter().filter(|n| self.map.neighbor(&n.key()) != Some(n)).count();
        let went = self.map.neighbors().iter().filter(|n| map.neighbor(&n.key()).is_none()).count();
        came_or_changed + went
    }

    fn swap_snapshot(&mut self, map: &NetworkMap) {
        let old = self.shared.snapshot.load_full();
        let mut peers = Vec::with_capacity(map.neighbors().len());
        for neighbor in map.neighbors() {
            peers.push(match old.peer(&neighbor.key()) {
                Some(peer) => peer.clone(),
                None => Arc::new(self.new_peer(neighbor)),
            });
        }
        let new = Snapshot::new(map, peers);
        keep_carriers(&old, &new);
        self.shared.snapshot.store(Arc::new(new));
        for gone in old.peers.iter().filter(|peer| map.neighbor(&peer.key).is_none()) {
            gone.forget(&self.shared);
            for timer in [Timer::Noise(gone.key), Timer::Reach(gone.key), Timer::Probe(gone.key)] {
                self.timers.disarm(timer);
            }
        }
    }

    fn new_peer(&mut self, neighbor: &Neighbor) -> Peer {
        self.named += 1;
        let (index, indices) = (PeerIndex::new(self.named), self.shared.indices.clone());
        let peer = Peer::new(neighbor.key(), index, indices, self.preshared.get(&neighbor.key()).cloned());
        if let Some(hints) = self.hints.get(&neighbor.key()) {
            peer.with_endpoint(|endpoint| endpoint.hint(hints));
        }
        if let Some(at) = self.pins.get(&neighbor.key()) {
            peer.with_endpoint(|endpoint| endpoint.pin(Some(*at)));
        }
        peer
    }

    /// Ends the flows that the new map does not allow.
    fn recheck_flows(&self) {
        let snapshot = self.shared.snapshot.load();
        self.shared.flows.recheck(
            |key, admitted| {
                let carried = snapshot.by_index(admitted.hop).is_some() || snapshot.table.egress(key.other.0).is_some();
                let allowed = snapshot.filter.accepts_flow(key).filter(|_| carried && snapshot.is_own(key.own.0));
                allowed.map(|allowed| allowed.policy)
            },
            |key| snapshot.is_own(key.own.0) && snapshot.table.egress(key.other.0).is_some(),
        );
    }

    /// Arms the timers of neighbors whose handshakes packet calls moved on.
    fn arm_touched(&mut self) {
        let touched = self.shared.take_touched();
        if touched.is_empty() {
            return;
        }
        let snapshot = self.shared.snapshot.load_full();
        for key in touched {
            let Some(state) = snapshot.peer(&key).and_then(|peer| peer.if_awake()) else { continue };
            if let Some(at) = state.next_tick().filter(|_| !self.leaves_alone(&state)) {
                self.timers.arm_by(Timer::Noise(key), at);
            }
            let tries_soon = state.heard.is_none() && !self.leaves_alone(&state);
            if let Some(initiated) = state.noise.initiated().filter(|_| tries_soon) {
                self.timers.arm_by(Timer::Reach(key), initiated + FIRST_RETRY);
            }
            self.arm_probe(key, &state);
            if !self.shared.is_plain()
                && let Some(established) = state.noise.established()
            {
                self.timers.arm_by(Timer::Flows, established + SWEEP);
            }
        }
    }
}

/// A new map does not end a failover: whoever carries a prefix goes on if the new map still ranks it.
fn keep_carriers(old: &Snapshot, new: &Snapshot) {
    for prefix in old.table.ranked() {
        let carrier = old.table.carriers(*prefix).get(old.table.carrying(*prefix));
        let Some(carrier) = carrier.map(|slot| old.peers[*slot].key) else { continue };
        let place = new.table.carriers(*prefix).iter().position(|slot| new.peers[*slot].key == carrier);
        new.table.switch(*prefix, place.unwrap_or(0));
    }
}

fn link_of(peer: &Peer) -> Link {
    let endpoint = peer.with_endpoint(|endpoint| endpoint.for_data()).map(|outer| outer.remote());
    let Some(state) = peer.if_awake() else { return Link::untouched(peer.key, endpoint) };
    let (probes, answered) = state.probes.counts();
    Link {
        handshake: state.noise.established(),
        last_handshake: state.last_handshake,
        handshakes: state.handshakes,
        heard: state.heard,
        rtt: state.probes.rtt(),
        probes,
        answered,
        rx_bytes: state.rx_bytes,
        tx_bytes: state.tx_bytes,
        rx_datagram_bytes: state.datagram_bytes.received,
        tx_datagram_bytes: state.datagram_bytes.sent,
        ..Link::untouched(peer.key, endpoint)
    }
}

impl std::fmt::Debug for ControlHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlHalf").field("generation", &self.map.generation()).finish_non_exhaustive()
    }
}

/// How soon a neighbor that was never heard is tried again, at first. Chosen: above most round trips; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// How soon an embedder that asks again gets another initiation. Chosen: above any round trip.
const ASKED_RETRY: Duration = Duration::from_secs(1);
/// How often flows are swept. Chosen: the shortest-lived live a minute.
const SWEEP: Duration = Duration::from_secs(60);
/// Keys whose hints are kept. Chosen: as many as a large map has neighbors.
const MAX_HINTED: usize = 16_384;
