//! The one place that knows boringtun: a neighbor's Noise state, and the identity that all of them share.
//!
//! **Invariants**: no call into `Tunn` can panic on bytes from the network; `encapsulate` is called only with a keypair, so
//! that boringtun's own queue stays empty; a keypair sends only after it is confirmed. The numbers in the comments are the
//! facts of TUNNEL.md. boringtun reads its own clock and randomness here (fact 18); nothing else in the engine does.
//!
//! Facts without a line of their own: the replay window is 1,024 packets, so one neighbor's datagrams are opened in the
//! order of their arrival, under its lock (9, 20); own timestamps follow the wall clock of the moment at which the state is
//! made, and an initiation that is too old is counted as `old_handshake`, because a replay and a clock that is behind look
//! the same from here (13); nothing here prints itself (15); boringtun's own byte counts are not used (19); its feature
//! `mock-instant` is banned in `deny.toml` (17).

use std::sync::Arc;
use std::time::{Duration, Instant};

use boringtun::noise::errors::WireGuardError;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519;
use nanami_model::{PresharedKey, PublicKey};

use super::batch::{PADDING, Plain};
use super::indices::{Index, Indices};
use super::peer::PeerIndex;

mod gate;
mod identity;
mod kind;
mod outcome;

pub(crate) use gate::{Gate, Passage};
pub(crate) use identity::Identity;
pub(crate) use kind::Kind;
pub(crate) use outcome::{Dropped, Opened, Tick};

/// The Noise state of one neighbor.
pub(crate) struct Noise {
    theirs: PublicKey,
    preshared: Option<Arc<PresharedKey>>,
    /// What indices of ours lead to.
    number: PeerIndex,
    indices: Arc<Indices>,
    /// Made at the first use and dropped when boringtun gives up or the last keypair ends: a neighbor that does not speak
    /// costs no 11 KiB.
    tunn: Option<Box<Running>>,
    /// The newest initiation that was accepted, which a new `Tunn` must see before any other, so that it refuses older ones
    /// as the dropped one would have (SEC-45).
    newest: Option<Box<[u8; INITIATION]>>,
    keypair: Keypair,
    /// Our index in a response that the other side has not confirmed yet, and when we answered.
    offered: Option<(u32, Instant)>,
    established: Option<Instant>,
    initiated: Option<Instant>,
    ticked: Instant,
    /// The last moment at which boringtun's own clock was compared with ours.
    compared: Instant,
    /// How old boringtun said that its newest keypair was at the last look at its timers.
    age: Duration,
}

/// A `Tunn`, and what names it in datagrams to us (fact 16).
struct Running {
    tunn: Tunn,
    _index: Index,
}

/// Whether there is something to send with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keypair {
    None,
    /// Confirmed, under this index of ours, with so many packets sealed; by a handshake that we began or not, and as old here
    /// as our answer, however late the other side heard it.
    Confirmed {
        index: u32,
        sealed: u64,
        is_initiator: bool,
        born: Instant,
    },
}

impl Noise {
    pub(crate) fn new(
        now: Instant,
        theirs: PublicKey,
        number: PeerIndex,
        indices: Arc<Indices>,
        preshared: Option<Arc<PresharedKey>>,
    ) -> Self {
        Self {
            theirs,
            preshared,
            number,
            indices,
            tunn: None,
            newest: None,
            keypair: Keypair::None,
            offered: None,
            established: None,
            initiated: None,
            ticked: now,
            compared: now,
            age: Duration::ZERO,
        }
    }

    /// Another secret counts, ours or the shared one: no keypair is left, but the memory of what was accepted (fact 12:
    /// boringtun has no setter for the one and keeps too much with the other).
    pub(crate) fn renew(&mut self, now: Instant, preshared: Option<Arc<PresharedKey>>) {
        let newest = self.newest.take();
        *self = Self { newest, ..Self::new(now, self.theirs, self.number, self.indices.clone(), preshared) };
    }

    /// Whether a packet can be sealed now.
    pub(crate) fn is_ready(&self) -> bool {
        // Fact 8: sending stops long before the counter is used up (WireGuard whitepaper section 6.1).
        matches!(self.keypair, Keypair::Confirmed { sealed, .. } if sealed < REKEY_AFTER_MESSAGES)
    }

    /// When the keypair in use was agreed on.
    pub(crate) fn established(&self) -> Option<Instant> {
        self.established.filter(|_| matches!(self.keypair, Keypair::Confirmed { .. }))
    }

    /// When we last sent an initiation that is not answered.
    pub(crate) fn initiated(&self) -> Option<Instant> {
        self.initiated
    }

    /// Seals one inner packet, or a keepalive if it is empty, into `buffer`, which holds at least [`sealed_room`] bytes.
    /// Returns the length; `None` without a keypair.
    pub(crate) fn seal(&mut self, packet: Plain<'_>, mtu: u16, pad: &mut Vec<u8>, buffer: &mut [u8]) -> Option<usize> {
        let ready = self.is_ready();
        let (Keypair::Confirmed { sealed, .. }, Some(running)) = (&mut self.keypair, &mut self.tunn) else {
            return None;
        };
        if !ready {
            return None;
        }
        *sealed += 1;
        let length = padded(packet.packet().len(), mtu);
        // Fact 1: `encapsulate` panics when the buffer is shorter than source + 32; `sealed_room` is what callers give.
        if buffer.len() < length + DATA_OVERHEAD {
            return None;
        }
        let source = match packet.padded(length) {
            Some(source) => source,
            None => {
                pad.clear();
                pad.extend_from_slice(packet.packet());
                pad.resize(length, 0);
                pad
            }
        };
        match running.tunn.encapsulate(source, buffer) {
            TunnResult::WriteToNetwork(datagram) => Some(datagram.len()),
            _ => None,
        }
    }

    /// Opens a datagram whose [`Kind`] is known. `buffer` is at least [`LONGEST`] bytes: facts 1 and 2 are about shorter
    /// ones and about empty datagrams, which have no kind.
    pub(crate) fn open<'a>(
        &mut self,
        now: Instant,
        identity: &Identity,
        kind: Kind,
        datagram: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<Opened<'a>, Dropped> {
        if datagram.is_empty() || datagram.len() > buffer.len() || has_low_order_ephemeral(kind, datagram) {
            return Err(Dropped::Unauthentic);
        }
        // Fact 8: such a counter would overflow inside the replay window.
        if matches!(kind, Kind::Data { counter, .. } if counter >= REJECT_AFTER_MESSAGES) {
            return Err(Dropped::Unauthentic);
        }
        let result = self.tunn(identity).decapsulate(None, datagram, buffer);
        match (kind, result) {
            (_, TunnResult::Err(error)) => Err(Dropped::from(error)),
            (Kind::Initiation, TunnResult::WriteToNetwork(response)) => {
                self.newest = datagram.try_into().ok().map(Box::new);
                self.offer(now, response);
                Ok(Opened::Initiation(response))
            }
            (Kind::Response { index }, TunnResult::WriteToNetwork(keepalive)) => {
                self.confirm(now, index, true);
                (self.initiated, self.age) = (None, Duration::ZERO);
                Ok(Opened::Response(keepalive))
            }
            (Kind::Cookie { .. }, TunnResult::Done) => Ok(Opened::Cookie),
            (Kind::Data { index, .. }, TunnResult::Done) => {
                self.heard_under(now, index);
                Ok(Opened::Keepalive)
            }
            (
                Kind::Data { index, .. },
                TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _),
            ) => {
                self.heard_under(now, index);
                Ok(Opened::Packet(packet))
            }
            _ => Err(Dropped::Malformed),
        }
    }

    /// Starts a handshake into `buffer`. `None` while one is under way, unless it is `forced`.
    pub(crate) fn initiate<'a>(
        &mut self,
        now: Instant,
        identity: &Identity,
        forced: bool,
        buffer: &'a mut [u8],
    ) -> Option<&'a [u8]> {
        match self.tunn(identity).format_handshake_initiation(buffer, forced) {
            TunnResult::WriteToNetwork(initiation) => {
                self.initiated = Some(now);
                Some(initiation)
            }
            _ => None,
        }
    }

    /// Lets boringtun look at its timers: retransmission, rekeying, passive keepalive, the end of keypairs. Fact 4: nothing
    /// else looks at the age of a keypair, so this runs before any packet when [`Noise::is_stale`]. `sent` is when something was
    /// last sealed.
    pub(crate) fn tick<'a>(&mut self, now: Instant, sent: Option<Instant>, buffer: &'a mut [u8]) -> Tick<'a> {
        self.ticked = now;
        let Some(Running { tunn, .. }) = self.tunn.as_deref_mut() else { return Tick::Nothing };
        let mut unsent = [0; INITIATION];
        let result = tunn.update_timers(&mut unsent);
        let (length, gave_up) = match result {
            TunnResult::WriteToNetwork(datagram) => (datagram.len(), false),
            TunnResult::Err(WireGuardError::ConnectionExpired) => (0, true),
            _ => (0, false),
        };
        let age = tunn.time_since_last_handshake();
        self.age = age.unwrap_or_default();
        if age.is_none() {
            self.keypair = Keypair::None;
        }
        if gave_up {
            (self.initiated, self.offered, self.tunn) = (None, None, None);
            self.keypair = Keypair::None;
            return Tick::GaveUp;
        }
        if length == 0 && self.keypair == Keypair::None && self.initiated.is_none() && self.offered.is_none() {
            // Its keypair ended unused: what a later one needs to know is in `newest`.
            self.tunn = None;
            return Tick::Nothing;
        }
        if length == 0 {
            return self.rekey(now, sent, buffer);
        }
        if length == INITIATION {
            self.initiated = Some(now);
        }
        buffer[..length].copy_from_slice(&unsent[..length]);
        Tick::Send(&buffer[..length])
    }

    /// Whoever began a keypair replaces it in time. boringtun does, unless both sides began at once: then each may take itself
    /// for the responder of a keypair that nobody has, when both answers were lost, or of the one in use, when both arrived. And
    /// one to whom an answer came late takes the keypair for younger than it is at the other end. So a responder that still
    /// sends does it as well, when the other side had the time for three tries.
    fn rekey<'a>(&mut self, now: Instant, sent: Option<Instant>, buffer: &'a mut [u8]) -> Tick<'a> {
        let Keypair::Confirmed { sealed: 1.., is_initiator, born, .. } = self.keypair else { return Tick::Nothing };
        let since = |at: Instant| now.saturating_duration_since(at);
        let is_used = is_initiator || sent.is_some_and(|sent| sent >= born + REKEY_AFTER_TIME);
        let patience = if is_initiator { REKEY_TIMEOUT } else { 3 * REKEY_TIMEOUT };
        let is_old = is_used && since(born) >= REKEY_AFTER_TIME + patience;
        let is_asking = self.initiated.is_some_and(|asked| since(asked) < REKEY_TIMEOUT);
        let (true, false, Some(running)) = (is_old, is_asking, &mut self.tunn) else { return Tick::Nothing };
        match running.tunn.format_handshake_initiation(buffer, true) {
            TunnResult::WriteToNetwork(initiation) => {
                self.initiated = Some(now);
                Tick::Send(initiation)
            }
            _ => Tick::Nothing,
        }
    }

    /// Whether the timers have not been looked at for so long that they come before the next packet.
    pub(crate) fn is_stale(&mut self, now: Instant) -> bool {
        let Some(Running { tunn, .. }) = self.tunn.as_deref() else { return false };
        if now.saturating_duration_since(self.ticked) > STALE {
            return true;
        }
        // On Linux the clock behind `now` stands still while the machine sleeps, and boringtun's does not. It counts a new
        // keypair from the last look on; without one a look costs no more than the question. Once for each batch.
        let age = || tunn.time_since_last_handshake();
        std::mem::replace(&mut self.compared, now) != now
            && age().is_none_or(|age| age.saturating_sub(self.age) > STALE)
    }

    /// Whether the timers have been left alone because nothing was under way.
    pub(crate) fn is_left_alone(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.ticked) > 2 * TICK
    }

    /// Whether there is a keypair and nothing else is under way.
    pub(crate) fn is_settled(&self) -> bool {
        self.established().is_some() && self.initiated.is_none() && self.offered.is_none()
    }

    /// Whether all that is under way is an initiation that nobody has answered.
    pub(crate) fn is_only_asking(&self) -> bool {
        self.established().is_none() && self.initiated.is_some() && self.offered.is_none()
    }

    /// When [`Noise::tick`] has something to look at again; `None` while nothing is under way.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        let busy =
            self.initiated.is_some() || self.offered.is_some() || matches!(self.keypair, Keypair::Confirmed { .. });
        busy.then(|| self.ticked + TICK)
    }

    fn tunn(&mut self, identity: &Identity) -> &mut Tunn {
        let (theirs, preshared, newest) = (self.theirs, self.preshared.as_deref(), self.newest.as_deref());
        let running = self.tunn.get_or_insert_with(|| {
            let index = self.indices.draw(self.number);
            let (secret, gate) = (identity.secret.clone(), identity.behind_gate.clone());
            let (theirs, preshared) = (x25519::PublicKey::from(*theirs.as_bytes()), preshared.map(|key| *key.expose()));
            // Persistent keepalive is ours (fact 3: boringtun's ends for good when a peer is away for 90 s).
            let mut tunn = Tunn::new(secret, theirs, preshared, None, index.bits(), Some(gate));
            if let Some(newest) = newest {
                // It sees the newest initiation that an earlier one accepted, before anything else: later, the keypair that
                // this makes could take the place of the one in use. What it answers goes nowhere, and nobody can confirm
                // it, because the other side forgot that handshake.
                let _ = tunn.decapsulate(None, newest, &mut [0; INITIATION]);
            }
            Box::new(Running { tunn, _index: index })
        });
        &mut running.tunn
    }

    /// We answered an initiation: a keypair waits for the first packet under it before it may send.
    fn offer(&mut self, now: Instant, response: &[u8]) {
        let Some(index) = response.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) else {
            return;
        };
        (self.offered, self.age) = (Some((index, now)), Duration::ZERO);
        // boringtun keeps eight keypairs by index; the new one may have taken the place of the one in use.
        if matches!(self.keypair, Keypair::Confirmed { index: used, .. } if used % SLOTS == index % SLOTS) {
            self.keypair = Keypair::None;
        }
    }

    fn heard_under(&mut self, now: Instant, index: u32) {
        if self.offered.is_some_and(|(offered, _)| offered == index) || self.keypair == Keypair::None {
            self.confirm(now, index, false);
        }
    }

    fn confirm(&mut self, now: Instant, index: u32, is_initiator: bool) {
        let offered = self.offered.take_if(|(offered, _)| *offered == index);
        let born = offered.map_or(now, |(_, at)| at);
        self.keypair = Keypair::Confirmed { index, sealed: 0, is_initiator, born };
        self.established = Some(now);
    }
}

/// Fact 10: WireGuard pads to 16 bytes (whitepaper section 5.4.6), but never beyond the MTU.
fn padded(length: usize, mtu: u16) -> usize {
    length.next_multiple_of(PADDING).min(usize::from(mtu).max(length))
}

/// Fact 11: the ephemeral key of a handshake message is compared with the low-order points, because from outside
/// nobody can ask boringtun whether the exchange contributed.
pub(super) fn has_low_order_ephemeral(kind: Kind, datagram: &[u8]) -> bool {
    let ephemeral = match kind {
        Kind::Initiation => datagram.get(8..40),
        Kind::Response { .. } => datagram.get(12..44),
        _ => None,
    };
    let bytes: Option<[u8; 32]> = ephemeral.and_then(|bytes| bytes.try_into().ok());
    bytes.is_some_and(|bytes| PublicKey::from_bytes(bytes).is_err())
}

/// Bytes that sealing a packet of `length` bytes may take.
pub(crate) fn sealed_room(length: usize) -> usize {
    length.next_multiple_of(PADDING) + DATA_OVERHEAD
}

/// Bytes of each message: WireGuard whitepaper section 5.4.
const INITIATION: usize = 148;
const RESPONSE: usize = 92;
const COOKIE: usize = 64;
const DATA_OVERHEAD: usize = 32;
/// Bytes of the longest UDP payload there can be, and so of every buffer that a datagram is opened into.
pub(crate) const LONGEST: usize = 65_535;
/// Packets under one keypair before a new one is wanted: whitepaper section 6.1.
const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
/// Counters that are not accepted any more: whitepaper section 6.1.
const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);
/// Age of a keypair at which whoever began it begins another, and how long an initiation waits for its answer: whitepaper
/// section 6.1.
const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);
const REKEY_TIMEOUT: Duration = Duration::from_secs(5);
/// Keypairs that boringtun keeps, by index modulo this: its source.
const SLOTS: u32 = 8;
/// How old a look at the timers may be when a packet comes: TUNNEL.md fact 4.
const STALE: Duration = Duration::from_millis(250);
/// How often the timers of a busy neighbor are looked at. Chosen: boringtun's shortest timer is 5 s.
const TICK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    const NUMBER: PeerIndex = PeerIndex::new(1);

    fn indices() -> Arc<Indices> {
        Arc::new(Indices::new(Random::new([0; 32])))
    }

    #[test]
    fn sec_51_each_tunn_has_random_bits_of_its_own_and_gives_them_back() {
        let [ours, theirs] = [[1; 32], [2; 32]].map(nanami_model::PrivateKey::from_bytes);
        let (now, identity, indices) = (Instant::now(), Identity::new(&ours), indices());
        let mut noise = Noise::new(now, theirs.public(), NUMBER, indices.clone(), None);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..8 {
            let mut buffer = [0; 256];
            let initiation = noise.initiate(now, &identity, true, &mut buffer).expect("it asks");
            let index = u32::from_le_bytes([initiation[4], initiation[5], initiation[6], initiation[7]]);
            assert_eq!(indices.neighbor(index), Some(NUMBER));
            assert!(seen.insert(index >> 8), "{seen:?}");
            // As after its last keypair, or after giving up.
            noise.tunn = None;
            assert_eq!(indices.neighbor(index), None);
        }
    }

    #[test]
    fn sec_43_sending_stops_and_asks_for_another_keypair_long_before_the_counter_ends() {
        let [ours, theirs] = [[1; 32], [2; 32]].map(nanami_model::PrivateKey::from_bytes);
        let (now, identity) = (Instant::now(), Identity::new(&ours));
        let mut noise = Noise::new(now, theirs.public(), NUMBER, indices(), None);
        let mut buffer = vec![0; LONGEST];
        assert!(noise.initiate(now, &identity, false, &mut buffer).is_some());
        noise.keypair =
            Keypair::Confirmed { index: 0, sealed: REKEY_AFTER_MESSAGES - 1, is_initiator: false, born: now };
        assert!(noise.is_ready());
        noise.keypair = Keypair::Confirmed { index: 0, sealed: REKEY_AFTER_MESSAGES, is_initiator: false, born: now };
        assert!(!noise.is_ready());
        assert_eq!(noise.seal(Plain::alone(&[0x45; 20]), 1420, &mut Vec::new(), &mut buffer), None);
        assert!(noise.initiate(now, &identity, true, &mut buffer).is_some(), "it asks for another one");
        const { assert!(REKEY_AFTER_MESSAGES < REJECT_AFTER_MESSAGES) };
    }
}
