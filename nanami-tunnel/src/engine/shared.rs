//! What the three parts of an engine share: the snapshot of the map, and small things that are counted or noted.
//!
//! **Invariant**: packet calls take no lock that all of them take, but for handshakes and events, which are rare; lock
//! order is one neighbor, then one shard of flows, then a note here.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use nanami_model::{NetworkMap, PublicKey};

use super::bucket::Sources;
use super::counters::Tally;
use super::event::Event;
use super::filter::PacketFilter;
use super::flows::Flows;
use super::indices::Indices;
use super::lock;
use super::noise::{Gate, Identity, Passage};
use super::peer::{Peer, PeerIndex};
use super::recent::Recent;
use super::table::{Slot, Table};

/// Shared by control half, [`Outbound`](super::Outbound) and [`Inbound`](super::Inbound).
pub(crate) struct Shared {
    pub(crate) identity: ArcSwap<Identity>,
    pub(crate) indices: Arc<Indices>,
    pub(crate) enforcement: Enforcement,
    mtu: AtomicU16,
    /// Nothing is said and nothing is answered: the interface is down, or has no key.
    is_down: AtomicBool,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) flows: Flows,
    pub(crate) recent: Recent,
    pub(crate) tally: Tally,
    pub(crate) queued_bytes: AtomicUsize,
    admission: Mutex<Admission>,
    notes: Mutex<Notes>,
    /// Whether there are notes, so that a packet half can ask without the lock.
    noted: AtomicBool,
}

/// What decides about packets besides cryptokey routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// The map's rules; links are probed.
    Map,
    /// Nothing: plain WireGuard.
    Plain,
}

/// Everything that follows from one map, read by packet calls without a lock.
#[derive(Default)]
pub(crate) struct Snapshot {
    /// Our own overlay addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// The neighbors, in the map's order, which is that of their keys.
    pub(crate) peers: Vec<Arc<Peer>>,
    /// Where they are, in the order of their numbers.
    by_index: Box<[(PeerIndex, u32)]>,
    pub(crate) table: Table,
    pub(crate) filter: PacketFilter,
}

impl Snapshot {
    pub(crate) fn new(map: &NetworkMap, peers: Vec<Arc<Peer>>) -> Self {
        let mut by_index: Box<[_]> = (0..).zip(&peers).map(|(slot, peer)| (peer.index, slot)).collect();
        by_index.sort_unstable();
        Self {
            addresses: map.addresses().to_vec(),
            by_index,
            table: Table::of(map),
            filter: PacketFilter::of(map),
            peers,
        }
    }

    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// Our first address of the same family as `like`.
    pub(crate) fn own_address(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().find(|address| address.is_ipv4() == like.is_ipv4()).copied()
    }

    pub(crate) fn slot(&self, key: &PublicKey) -> Option<Slot> {
        self.peers.binary_search_by_key(key, |peer| peer.key).ok()
    }

    pub(crate) fn by_index(&self, index: PeerIndex) -> Option<Slot> {
        let at = self.by_index.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(self.by_index[at].1 as Slot)
    }

    pub(crate) fn peer(&self, key: &PublicKey) -> Option<&Arc<Peer>> {
        self.slot(key).map(|slot| &self.peers[slot])
    }
}

/// What guards against floods of handshakes.
struct Admission {
    gate: Gate,
    sources: Sources,
    second: Instant,
    in_this_second: u32,
}

/// What packet calls leave for the control half.
#[derive(Default)]
struct Notes {
    events: VecDeque<Event>,
    missed: u64,
    touched: BTreeSet<PublicKey>,
}

impl Shared {
    pub(crate) fn new(
        now: Instant,
        identity: Identity,
        indices: Arc<Indices>,
        mtu: u16,
        enforcement: Enforcement,
    ) -> Self {
        let gate = Gate::new(now, &identity);
        let admission = Admission { gate, sources: Sources::default(), second: now, in_this_second: 0 };
        Self {
            identity: ArcSwap::from_pointee(identity),
            indices,
            enforcement,
            mtu: AtomicU16::new(mtu),
            is_down: AtomicBool::new(false),
            snapshot: ArcSwap::default(),
            flows: Flows::default(),
            recent: Recent::new(),
            tally: Tally::default(),
            queued_bytes: AtomicUsize::new(0),
            admission: Mutex::new(admission),
            notes: Mutex::default(),
            noted: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.enforcement == Enforcement::Plain
    }

    /// Bytes of the longest inner packet.
    pub(crate) fn mtu(&self) -> u16 {
        self.mtu.load(Ordering::Relaxed)
    }

    pub(crate) fn set_mtu(&self, mtu: u16) {
        self.mtu.store(mtu, Ordering::Relaxed);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Another private key is ours from now on; cookies made under the old one are worth nothing.
    pub(crate) fn set_identity(&self, now: Instant, identity: Identity) {
        lock(&self.admission).gate = Gate::new(now, &identity);
        self.identity.store(Arc::new(identity));
    }

    /// Whether a handshake message may cost us arithmetic. Under load only senders that proved their address may, and
    /// each of them only so often, as in the kernel (SEC-46).
    pub(crate) fn admits(&self, now: Instant, from: SocketAddr, message: &[u8]) -> Passage {
        if self.is_down() {
            return Passage::Refused;
        }
        let mut admission = lock(&self.admission);
        let passage = admission.gate.check(now, &self.identity.load(), from, message);
        match passage {
            Passage::Open if admission.is_loaded(now) && !admission.sources.take(now, from.ip()) => {
                self.tally.throttled_handshakes.count();
                Passage::Refused
            }
            Passage::Refused => {
                self.tally.unauthentic.count();
                passage
            }
            Passage::Cookie(_) => {
                self.tally.cookies_asked.count();
                passage
            }
            Passage::Open => passage,
        }
    }

    /// Leaves an event for the embedder.
    pub(crate) fn emit(&self, event: Event) {
        let mut notes = lock(&self.notes);
        if notes.events.len() >= MAX_EVENTS {
            notes.events.pop_front();
            notes.missed += 1;
        }
        notes.events.push_back(event);
        self.noted.store(true, Ordering::Release);
    }

    /// Tells the control half that the timers of this neighbor may have changed.
    pub(crate) fn touch(&self, key: PublicKey) {
        let mut notes = lock(&self.notes);
        notes.touched.insert(key);
        self.noted.store(true, Ordering::Release);
    }

    /// Whether packet calls left something for the control half since this was last asked.
    pub(crate) fn take_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed) && self.noted.swap(false, Ordering::Acquire)
    }

    pub(crate) fn take_event(&self) -> Option<Event> {
        let mut notes = lock(&self.notes);
        match std::mem::take(&mut notes.missed) {
            0 => notes.events.pop_front(),
            missed => Some(Event::Lagged { missed }),
        }
    }

    pub(crate) fn take_touched(&self) -> BTreeSet<PublicKey> {
        std::mem::take(&mut lock(&self.notes).touched)
    }
}

impl Admission {
    fn is_loaded(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.in_this_second) = (now, 0);
        }
        self.in_this_second += 1;
        self.in_this_second > LOADED
    }
}

/// Events that wait for the embedder. Chosen: more than a burst of handshakes at a start.
const MAX_EVENTS: usize = 1024;
/// Admitted handshake messages in one second from which sources are limited. Chosen: half of what asks for cookies, so
/// that a source with a valid cookie cannot use all of it.
const LOADED: u32 = 50;
