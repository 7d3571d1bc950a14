//! One neighbor while it runs: keypairs, endpoint, waiting packets, evidence.
//!
//! **Invariants**: one lock guards all of it and is never held over I/O (TUNNEL.md fact 20); a packet is sealed only with
//! a keypair, else it waits in a bounded queue of ours (SEC-47); the endpoint changes only on what was authenticated
//! (SEC-44). A neighbor with which nothing was ever begun is a few words in memory.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nanami_model::{PresharedKey, PublicKey};

use super::batch::{Datagrams, Plain};
use super::bucket::{Bucket, Rate};
use super::endpoint::Endpoint;
use super::event::Event;
use super::indices::Indices;
use super::lock;
use super::noise::{Noise, Tick, sealed_room};
use super::outer::Ecn;
use super::probe::Probes;
use super::queue::Queue;
use super::shared::Shared;
use super::usage::UsageTable;

/// A number that names a neighbor on this host, for as long as it is in the map; nobody else learns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PeerIndex(u64);

impl PeerIndex {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// A neighbor, shared by the three parts of the engine.
pub(crate) struct Peer {
    pub(crate) key: PublicKey,
    pub(crate) index: PeerIndex,
    indices: Arc<Indices>,
    state: Mutex<Stored>,
}

/// What the lock of a neighbor guards.
enum Stored {
    /// Nothing was begun with it yet.
    Asleep(Asleep),
    Awake(Box<PeerState>),
}

/// What is known about a neighbor before anything is begun.
#[derive(Default)]
struct Asleep {
    preshared: Option<Arc<PresharedKey>>,
    endpoint: Endpoint,
    gone: bool,
}

/// A neighbor that is awake, while it is locked.
pub(crate) struct Locked<'a>(MutexGuard<'a, Stored>);

/// A neighbor with which something was begun.
pub(crate) struct PeerState {
    pub(crate) noise: Noise,
    pub(crate) endpoint: Endpoint,
    pub(crate) queue: Queue,
    pub(crate) probes: Probes,
    pub(crate) usage: UsageTable,
    /// How fast what it sends is refused.
    pub(crate) refusals: Bucket,
    /// When something authentic last came.
    pub(crate) heard: Option<Instant>,
    /// When something was last sealed.
    pub(crate) sent: Option<Instant>,
    /// When a packet of somebody's last passed, in either direction: no probe and no keepalive.
    used: Option<Instant>,
    /// The control half has been told that it is in use, and has not found since that it is no longer.
    is_use_noted: bool,
    pub(crate) handshakes: u64,
    /// When the last of them was completed; its keypair may be gone.
    pub(crate) last_handshake: Option<Instant>,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
    /// Bytes of whole datagrams, handshakes and keepalives included.
    pub(crate) datagram_bytes: Exchanged,
    /// The neighbor is in the map no more; whoever still has an older snapshot sends nothing.
    gone: bool,
    /// Scratch for padding.
    pad: Vec<u8>,
}

/// Bytes in both directions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Exchanged {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

impl Peer {
    pub(crate) fn new(
        key: PublicKey,
        index: PeerIndex,
        indices: Arc<Indices>,
        preshared: Option<Arc<PresharedKey>>,
    ) -> Self {
        let asleep = Asleep { preshared, ..Asleep::default() };
        Self { key, index, indices, state: Mutex::new(Stored::Asleep(asleep)) }
    }

    /// It has another secret: keypairs end, everything else goes on (TUNNEL.md fact 12).
    pub(crate) fn renew(&self, now: Instant, preshared: Option<Arc<PresharedKey>>) {
        match &mut *lock(&self.state) {
            Stored::Asleep(asleep) => asleep.preshared = preshared,
            Stored::Awake(state) => state.noise.renew(now, preshared),
        }
    }

    /// Locks it, to begin something with it.
    pub(crate) fn lock(&self, now: Instant) -> Locked<'_> {
        let mut stored = lock(&self.state);
        if let Stored::Asleep(asleep) = &mut *stored {
            let Asleep { preshared, endpoint, gone } = std::mem::take(asleep);
            let noise = Noise::new(now, self.key, self.index, self.indices.clone(), preshared);
            *stored = Stored::Awake(Box::new(PeerState { endpoint, gone, ..PeerState::new(now, noise) }));
        }
        Locked(stored)
    }

    /// Locks it if anything was ever begun with it.
    pub(crate) fn if_awake(&self) -> Option<Locked<'_>> {
        let stored = lock(&self.state);
        matches!(*stored, Stored::Awake(_)).then_some(Locked(stored))
    }

    /// Looks at where it is, or says so.
    pub(crate) fn with_endpoint<T>(&self, look: impl FnOnce(&mut Endpoint) -> T) -> T {
        match &mut *lock(&self.state) {
            Stored::Asleep(asleep) => look(&mut asleep.endpoint),
            Stored::Awake(state) => look(&mut state.endpoint),
        }
    }

    /// Drops keys and waiting packets at once (SEC-50).
    pub(crate) fn forget(&self, shared: &Shared) {
        let mut stored = lock(&self.state);
        if let Stored::Awake(state) = &mut *stored {
            state.queue.clear(shared);
        }
        *stored = Stored::Asleep(Asleep { gone: true, ..Asleep::default() });
    }
}

impl Deref for Locked<'_> {
    type Target = PeerState;

    fn deref(&self) -> &PeerState {
        match &*self.0 {
            Stored::Awake(state) => state,
            Stored::Asleep(_) => unreachable!("made only of those that are awake"),
        }
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut PeerState {
        match &mut *self.0 {
            Stored::Awake(state) => state,
            Stored::Asleep(_) => unreachable!("made only of those that are awake"),
        }
    }
}

impl PeerState {
    fn new(now: Instant, noise: Noise) -> Self {
        Self {
            noise,
            endpoint: Endpoint::default(),
            queue: Queue::default(),
            probes: Probes::new(now),
            usage: UsageTable::default(),
            refusals: Bucket::new(now, REFUSALS),
            heard: None,
            sent: None,
            used: None,
            is_use_noted: false,
            handshakes: 0,
            last_handshake: None,
            rx_bytes: 0,
            tx_bytes: 0,
            datagram_bytes: Exchanged::default(),
            gone: false,
            pad: Vec::new(),
        }
    }

    /// Sends a packet now, or lets it wait and asks for a keypair.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        shared: &Shared,
        key: PublicKey,
        packet: Plain<'_>,
        out: &mut Datagrams,
    ) {
        if self.gone {
            return;
        }
        self.note_use(now, shared, key);
        self.catch_up(now, shared, key, out);
        if !self.seal_plain(now, shared, packet, out) {
            self.queue.push(shared, packet.packet());
            self.initiate(now, shared, key, false, out);
        }
    }

    /// A packet of somebody's passes.
    pub(crate) fn note_use(&mut self, now: Instant, shared: &Shared, key: PublicKey) {
        self.used = Some(now);
        if !std::mem::replace(&mut self.is_use_noted, true) {
            shared.touch(key);
        }
    }

    /// Whether packets passed lately.
    pub(crate) fn is_used(&self, now: Instant) -> bool {
        self.used.is_some_and(|used| now.saturating_duration_since(used) < IN_USE)
    }

    /// Since when the control half should look at what the use asks for.
    pub(crate) fn noted_use(&self) -> Option<Instant> {
        self.used.filter(|_| self.is_use_noted)
    }

    /// The control half has found that nobody depends on it: it wants to be told of the next packet. `false` if one passed
    /// meanwhile.
    pub(crate) fn forget_use(&mut self, now: Instant) -> bool {
        self.is_use_noted = self.is_used(now);
        !self.is_use_noted
    }

    /// Seals a packet, or a keepalive if it is empty. `false` without a keypair.
    pub(crate) fn seal(&mut self, now: Instant, shared: &Shared, packet: &[u8], out: &mut Datagrams) -> bool {
        self.seal_plain(now, shared, Plain::alone(packet), out)
    }

    fn seal_plain(&mut self, now: Instant, shared: &Shared, plain: Plain<'_>, out: &mut Datagrams) -> bool {
        let packet = plain.packet();
        let Some(to) = self.endpoint.for_data().filter(|_| self.noise.is_ready()) else { return false };
        let (noise, pad, bytes) = (&mut self.noise, &mut self.pad, &mut self.datagram_bytes.sent);
        out.push_with(to.with_ecn(Ecn::of_packet(packet)), sealed_room(packet.len()), |buffer| {
            let length = noise.seal(plain, shared.mtu(), pad, buffer).unwrap_or_default();
            *bytes += length as u64;
            shared.recent.note(&buffer[..length]);
            length
        });
        self.sent = Some(now);
        self.tx_bytes += packet.len() as u64;
        true
    }

    /// Sends what has been waiting for a keypair (TUNNEL.md fact 14: whenever one is confirmed, by either side).
    pub(crate) fn flush(&mut self, now: Instant, shared: &Shared, out: &mut Datagrams) {
        while self.noise.is_ready() {
            let Some(packet) = self.queue.pop(shared) else { break };
            self.seal(now, shared, &packet, out);
        }
    }

    /// Starts a handshake if there is somewhere to send it. One under way is left alone unless this is `forced`.
    pub(crate) fn initiate(
        &mut self,
        now: Instant,
        shared: &Shared,
        key: PublicKey,
        forced: bool,
        out: &mut Datagrams,
    ) {
        let mut buffer = [0; 256];
        if !self.endpoint.is_known() || shared.is_down() {
            return;
        }
        // boringtun counts a handshake from its last look at the clock.
        self.catch_up(now, shared, key, out);
        if let Some(initiation) = self.noise.initiate(now, &shared.identity.load(), forced, &mut buffer)
            && let Some(to) = self.endpoint.for_initiation()
        {
            self.datagram_bytes.sent += initiation.len() as u64;
            shared.recent.note(initiation);
            out.push_with_outer(to, initiation);
            shared.touch(key);
        }
    }

    /// Looks at the timers first when the last look is too old (TUNNEL.md fact 4).
    pub(crate) fn catch_up(&mut self, now: Instant, shared: &Shared, key: PublicKey, out: &mut Datagrams) {
        if self.noise.is_stale(now) {
            if self.noise.is_left_alone(now) {
                // What comes now has timers of its own.
                shared.touch(key);
            }
            self.tick(now, shared, key, out);
        }
    }

    /// When the timers have something to look at again. Where both directions have been quiet for long enough that nothing
    /// waits for an answer or a keepalive any more, that is the end of the keypair, and it may come a little late: no packet
    /// passes before the timers were looked at.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let soon = self.noise.next_tick()?;
        let is_quiet = |last: Instant| soon.saturating_duration_since(last) > QUIET;
        let alone = self.noise.is_settled() && self.heard.max(self.sent).is_none_or(is_quiet);
        Some(if alone { soon + LEFT_ALONE } else { soon })
    }

    /// Looks at the timers.
    pub(crate) fn tick(&mut self, now: Instant, shared: &Shared, key: PublicKey, out: &mut Datagrams) {
        let mut buffer = [0; 256];
        match self.noise.tick(now, self.sent, &mut buffer) {
            Tick::Nothing => {}
            Tick::Send(datagram) => {
                let rekeys = self.noise.initiated() == Some(now);
                let to = if rekeys { self.endpoint.for_initiation() } else { self.endpoint.for_data() };
                if let Some(to) = to {
                    self.datagram_bytes.sent += datagram.len() as u64;
                    shared.recent.note(datagram);
                    out.push_with_outer(to, datagram);
                }
            }
            Tick::GaveUp => {
                self.queue.clear(shared);
                if self.heard.take().is_some() {
                    shared.emit(Event::PeerLost { peer: key });
                }
            }
        }
    }
}

/// How long boringtun's timers may still want something after the last packet: whitepaper section 6.1, `KEEPALIVE_TIMEOUT` and
/// `REKEY_TIMEOUT`, and a second.
const QUIET: Duration = Duration::from_secs(16);
/// How long the timers of a quiet neighbor are left alone. Chosen: a radio that is woken once a minute sleeps nearly all the time.
const LEFT_ALONE: Duration = Duration::from_secs(60);
/// How long a neighbor is in use after a packet. Chosen: whitepaper section 6.5 gives a neighbor as long to answer,
/// `KEEPALIVE_TIMEOUT` and `REKEY_TIMEOUT`; whoever is quiet for longer loses a second at most when a gateway died meanwhile.
const IN_USE: Duration = Duration::from_secs(15);
/// How fast the packets of one neighbor are refused. Chosen: enough for a person and a port scan to be told at once,
/// little enough that refusing costs less than being asked.
const REFUSALS: Rate = Rate { every: Duration::from_millis(20), burst: 50 };
