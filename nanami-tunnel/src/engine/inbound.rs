//! Datagrams in, plaintext and answers out.
//!
//! **Invariants**: nothing is answered before it is authenticated, but for a cookie under load (SEC-45); a packet is taken
//! only from a neighbor in the accepted set of its source (SEC-41), and passes only by the filter; what is denied is
//! refused at once, to the neighbor that sent it, and counted.

use std::sync::Arc;
use std::time::Instant;

use nanami_model::PolicyId;

use super::batch::{Datagram, Datagrams, Packets, Plain};
use super::event::Event;
use super::flows::Known;
use super::icmp::{self, Unreachable, checksum, unreachable};
use super::noise::{Dropped, Kind, LONGEST, Opened, Passage};
use super::outer::{Ecn, Outer, carry_mark};
use super::packet::Inner;
use super::peer::{Peer, PeerState};
use super::probe::{Seen, recognize};
use super::shared::{Shared, Snapshot};
use super::table::Slot;
use super::usage::Passed;

/// The packet half that opens.
pub struct Inbound {
    shared: Arc<Shared>,
}

/// What becomes of an authenticated packet.
enum Verdict {
    /// It is for this host, or for a host behind it.
    Deliver,
    /// It is for another neighbor of this gateway.
    Forward(Slot),
    /// It was for the engine, or is dropped without a word.
    Done,
}

impl Inbound {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Opens each datagram. Packets that pass are added to `packets`; handshakes, cookies, refusals, answers to probes and
    /// what a gateway forwards to other neighbors to `answers`.
    pub fn open(&mut self, now: Instant, datagrams: &Datagrams, packets: &mut Packets, answers: &mut Datagrams) {
        let snapshot = self.shared.snapshot.load_full();
        for datagram in datagrams.iter() {
            self.open_one(now, &snapshot, datagram, packets, answers);
        }
    }

    fn open_one(
        &mut self,
        now: Instant,
        snapshot: &Snapshot,
        datagram: Datagram<'_>,
        packets: &mut Packets,
        answers: &mut Datagrams,
    ) {
        let Some((kind, slot)) = self.sender_of(now, snapshot, datagram, answers) else { return };
        let shared = &*self.shared;
        let peer = &snapshot.peers[slot];
        let mut state = peer.lock(now);
        state.catch_up(now, shared, peer.key, answers);
        let established = state.noise.established();
        let asked = state.noise.initiated().filter(|_| state.endpoint.attempts() <= 1);
        // As long as any datagram (TUNNEL.md fact 1), and where the packet stays if it passes.
        let buffer = packets.room(LONGEST + 1);
        let opened = state.noise.open(now, &shared.identity.load(), kind, datagram.contents(), buffer);
        let opened = match opened {
            Ok(opened) => opened,
            Err(dropped) => return count_dropped(shared, dropped),
        };
        let packet = match opened {
            Opened::Cookie => return,
            Opened::Packet(packet) => Some(packet),
            Opened::Keepalive => None,
            Opened::Initiation(answer) | Opened::Response(answer) => {
                state.datagram_bytes.sent += answer.len() as u64;
                answers.push_with_outer(datagram.outer().with_ecn(Ecn::NotCapable), answer);
                None
            }
        };
        state.datagram_bytes.received += datagram.contents().len() as u64;
        if let (Kind::Response { .. }, Some(asked)) = (kind, asked) {
            // A handshake is a question and an answer too; where it was asked twice, nobody knows which was answered.
            state.probes.measure(now.saturating_duration_since(asked));
        }
        note_heard(now, shared, peer, &mut state, datagram.outer());
        if state.noise.established() != established {
            state.handshakes += 1;
            state.last_handshake = Some(now);
            shared.emit(Event::Handshake { peer: peer.key });
        }
        if !matches!(kind, Kind::Data { .. }) || state.noise.established() != established {
            shared.touch(peer.key);
        }
        if !state.queue.is_empty() {
            state.flush(now, shared, answers);
        }
        let Some(packet) = packet else { return };
        if !carry_mark(packet, datagram.outer().ecn()) {
            return shared.tally.congestion_dropped.count();
        }
        let Some(packet) = Inner::parse(packet) else { return shared.tally.malformed.count() };
        state.rx_bytes += packet.bytes.len() as u64;
        let verdict = verdict(now, shared, snapshot, slot, &mut state, &packet, answers);
        if !matches!(verdict, Verdict::Done) {
            state.note_use(now, shared, peer.key);
        }
        match verdict {
            Verdict::Deliver => {
                let length = packet.bytes.len();
                packets.commit(length);
            }
            Verdict::Forward(to) => {
                drop(state);
                forward(now, shared, snapshot, &packet, to, answers);
            }
            Verdict::Done => {}
        }
    }

    /// Finds the neighbor that a datagram says it comes from.
    fn sender_of(
        &self,
        now: Instant,
        snapshot: &Snapshot,
        datagram: Datagram<'_>,
        answers: &mut Datagrams,
    ) -> Option<(Kind, Slot)> {
        let (shared, contents) = (&*self.shared, datagram.contents());
        let Some(kind) = Kind::of(contents) else {
            // TUNNEL.md facts 1 and 2: too long for the buffer, or empty, never gets further.
            let tally = &shared.tally;
            if contents.len() > LONGEST {
                tally.oversized.count();
            } else {
                tally.malformed.count();
            }
            return None;
        };
        if matches!(kind, Kind::Initiation | Kind::Response { .. }) {
            match shared.admits(now, datagram.address(), contents) {
                Passage::Open => {}
                Passage::Cookie(cookie) => {
                    answers.push_with_outer(datagram.outer().with_ecn(Ecn::NotCapable), &cookie);
                    return None;
                }
                Passage::Refused => return None,
            }
        }
        let slot = match kind {
            Kind::Initiation => {
                let Some(key) = shared.identity.load().sender_of(contents) else {
                    shared.tally.unauthentic.count();
                    return None;
                };
                let slot = snapshot.slot(&key);
                if slot.is_none() {
                    shared.tally.unknown_key.count();
                }
                slot
            }
            Kind::Response { index } | Kind::Cookie { index } | Kind::Data { index, .. } => {
                let slot = shared.indices.neighbor(index).and_then(|neighbor| snapshot.by_index(neighbor));
                if slot.is_none() {
                    shared.tally.unauthentic.count();
                }
                slot
            }
        };
        slot.map(|slot| (kind, slot))
    }
}

fn count_dropped(shared: &Shared, dropped: Dropped) {
    let tally = &shared.tally;
    match dropped {
        Dropped::Unauthentic => tally.unauthentic.count(),
        Dropped::Replayed => tally.replayed.count(),
        Dropped::OldInitiation => tally.old_handshake.count(),
        Dropped::Malformed => tally.malformed.count(),
    }
}

fn note_heard(now: Instant, shared: &Shared, peer: &Peer, state: &mut PeerState, from: Outer) {
    let known = state.heard.replace(now).is_some();
    if state.endpoint.heard_from(from) && known {
        shared.emit(Event::EndpointChanged { peer: peer.key, endpoint: from.remote() });
    }
}

/// Source check, probes, filter; refuses what is denied.
fn verdict(
    now: Instant,
    shared: &Shared,
    snapshot: &Snapshot,
    slot: Slot,
    state: &mut PeerState,
    packet: &Inner<'_>,
    answers: &mut Datagrams,
) -> Verdict {
    if !snapshot.table.accepts(packet.source, slot) {
        shared.tally.source_mismatch.count();
        return Verdict::Done;
    }
    if shared.is_plain() {
        return Verdict::Deliver;
    }
    match recognize(packet) {
        // Whatever address was asked: the question is about the way to this end of it, not about somebody behind.
        Some(Seen::Question) if state.probes.may_answer(now) => {
            state.seal(now, shared, &icmp::echo_reply(packet), answers);
            return Verdict::Done;
        }
        Some(Seen::Question) => {
            shared.tally.probes_withheld.count();
            return Verdict::Done;
        }
        Some(Seen::Answer { nonce }) if snapshot.is_own(packet.destination) => {
            state.probes.answered(now, nonce);
            return Verdict::Done;
        }
        _ => {}
    }
    if !snapshot.is_own(packet.destination) {
        return forward_verdict(now, shared, snapshot, slot, state, packet, answers);
    }
    let by = snapshot.peers[slot].index;
    match shared.flows.inbound(now, packet, by) {
        Known::Reply => return Verdict::Deliver,
        Known::Admitted(policy) => {
            record(now, shared, state, policy, packet, Passed::More);
            return Verdict::Deliver;
        }
        Known::No => {}
    }
    if packet.quoted().is_some_and(|quoted| shared.flows.knows_quoted(now, &quoted)) {
        return Verdict::Deliver;
    }
    match snapshot.filter.accepts(packet) {
        Some(allowed) => {
            let forgotten = shared.flows.admit(now, packet, allowed.policy, by);
            shared.tally.flows_forgotten.add(forgotten as u64);
            record(now, shared, state, allowed.policy, packet, Passed::Opened);
            Verdict::Deliver
        }
        None => {
            shared.tally.denied.count();
            refuse(now, shared, snapshot, state, packet, answers);
            Verdict::Done
        }
    }
}

/// What a gateway does with a packet for somebody else.
fn forward_verdict(
    now: Instant,
    shared: &Shared,
    snapshot: &Snapshot,
    slot: Slot,
    state: &mut PeerState,
    packet: &Inner<'_>,
    answers: &mut Datagrams,
) -> Verdict {
    let allowed = snapshot.filter.forwards(packet);
    let onward = allowed.and_then(|allowed| snapshot.table.onward(packet.destination, allowed.toward));
    match allowed {
        // Back to where it came from is no way onward.
        Some(allowed) if onward != Some(slot) => {
            record(now, shared, state, allowed.policy, packet, Passed::More);
            onward.map_or(Verdict::Deliver, Verdict::Forward)
        }
        _ => {
            shared.tally.denied_forward.count();
            refuse(now, shared, snapshot, state, packet, answers);
            Verdict::Done
        }
    }
}

fn record(
    now: Instant,
    shared: &Shared,
    state: &mut PeerState,
    policy: Option<PolicyId>,
    packet: &Inner<'_>,
    passed: Passed,
) {
    if !state.usage.record(now, policy, packet.bytes.len(), passed) {
        shared.tally.usage_overflow.count();
    }
}

/// Says at once that a packet is denied, and remembers the attempt.
fn refuse(
    now: Instant,
    shared: &Shared,
    snapshot: &Snapshot,
    state: &mut PeerState,
    packet: &Inner<'_>,
    answers: &mut Datagrams,
) {
    if !state.usage.attempt(now, packet) {
        shared.tally.attempts_overflow.count();
    }
    if !state.refusals.take(now) {
        return shared.tally.refusals_withheld.count();
    }
    let from = snapshot.own_address(packet.source);
    if let Some(refusal) = from.and_then(|from| unreachable(from, packet, Unreachable::Prohibited)) {
        state.seal(now, shared, &refusal, answers);
    }
}

/// Seals a packet for another neighbor, one hop further on its way.
fn forward(now: Instant, shared: &Shared, snapshot: &Snapshot, packet: &Inner<'_>, to: Slot, answers: &mut Datagrams) {
    let Some(onward) = one_hop_further(packet) else { return shared.tally.malformed.count() };
    let peer = &snapshot.peers[to];
    peer.lock(now).send(now, shared, peer.key, Plain::alone(&onward), answers);
}

/// The packet with its hop limit lowered; `None` when that was the last hop.
fn one_hop_further(packet: &Inner<'_>) -> Option<Vec<u8>> {
    let mut bytes = packet.bytes.to_vec();
    let at = if packet.source.is_ipv4() { 8 } else { 7 };
    bytes[at] = bytes[at].checked_sub(1).filter(|hops| *hops > 0)?;
    if packet.source.is_ipv4() {
        let header = usize::from(bytes[0] & 0x0f) * 4;
        bytes[10..12].copy_from_slice(&[0, 0]);
        let sum = checksum([&bytes[..header], &[]]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    Some(bytes)
}

impl Inbound {
    /// Whether the control half has to be drained now, because calls of packet halves moved a timer or made an event.
    /// Asked once, it is answered `false` until something else happens.
    pub fn wants_control(&self) -> bool {
        self.shared.take_noted()
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound").finish_non_exhaustive()
    }
}
