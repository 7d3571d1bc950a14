//! Plaintext in, datagrams out.
//!
//! **Invariant**: a packet goes to the carrier of its destination, or follows the flow that it answers; what goes nowhere
//! is refused at once, to its sender (PLANNING.md section 6).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Datagrams, Packets, Plain};
use super::bucket::{Bucket, Rate};
use super::flows::{Admitted, Way};
use super::icmp::{Unreachable, unreachable};
use super::packet::{Inner, Transport};
use super::recent::Recent;
use super::shared::{Shared, Snapshot};
use super::table::Slot;
use super::usage::Passed;

/// The packet half that seals.
pub struct Outbound {
    shared: Arc<Shared>,
    /// How fast senders on this host, or behind it, are refused.
    refusals: Bucket,
}

/// Why a packet goes nowhere, or where it goes.
enum Route {
    To(Slot, Option<Admitted>),
    Refused(Unreachable),
}

impl Outbound {
    pub(crate) fn new(now: Instant, shared: Arc<Shared>) -> Self {
        Self { shared, refusals: Bucket::new(now, REFUSALS) }
    }

    /// Seals each packet for the neighbor that carries its destination. A packet without a keypair waits and a handshake
    /// starts. For a packet that goes nowhere an ICMP error for its sender is added to `refusals`, unless there are too many.
    pub fn seal(&mut self, now: Instant, packets: &Packets, datagrams: &mut Datagrams, refusals: &mut Packets) {
        let snapshot = self.shared.snapshot.load();
        for plain in packets.plain() {
            let Some(packet) = Inner::parse(plain.packet()) else {
                self.shared.tally.malformed.count();
                continue;
            };
            match self.route(now, &snapshot, &packet) {
                Route::To(slot, admitted) => {
                    self.send(now, &snapshot, (&packet, plain), (slot, admitted), datagrams);
                }
                // How long a packet may be is said as often as it is asked: a sender that is not told loses all of them.
                Route::Refused(why) if !matches!(why, Unreachable::TooBig { .. }) && !self.refusals.take(now) => {
                    self.shared.tally.refusals_withheld.count();
                }
                Route::Refused(why) => {
                    let from = snapshot.own_address(packet.source).unwrap_or(packet.destination);
                    unreachable(from, &packet, why).into_iter().for_each(|refusal| refusals.push(&refusal));
                }
            }
        }
    }

    fn route(&self, now: Instant, snapshot: &Snapshot, packet: &Inner<'_>) -> Route {
        let tally = &self.shared.tally;
        let mtu = self.shared.mtu();
        if packet.bytes.len() > usize::from(mtu) {
            tally.oversized.count();
            return Route::Refused(Unreachable::TooBig { mtu });
        }
        if self.shared.is_plain() {
            return self.route_plain(snapshot, packet);
        }
        if !snapshot.is_own(packet.source) {
            return self.route_foreign(snapshot, packet);
        }
        let Some(egress) = snapshot.table.egress(packet.destination) else {
            tally.no_route.count();
            return Route::Refused(Unreachable::NoRoute);
        };
        let (way, forgotten) = self.shared.flows.outbound(now, packet);
        tally.flows_forgotten.add(forgotten as u64);
        match way {
            Way::Table => Route::To(egress, None),
            Way::Follow(admitted) => {
                let hop = snapshot.by_index(admitted.hop);
                let hop = hop.filter(|hop| snapshot.table.accepts(packet.destination, *hop));
                Route::To(hop.unwrap_or(egress), Some(admitted))
            }
            Way::Revoked => {
                tally.denied.count();
                Route::Refused(Unreachable::Prohibited)
            }
        }
    }

    /// A packet of plain WireGuard: whoever carries its destination gets it.
    fn route_plain(&self, snapshot: &Snapshot, packet: &Inner<'_>) -> Route {
        match snapshot.table.egress(packet.destination) {
            Some(slot) => Route::To(slot, None),
            None => {
                self.shared.tally.no_route.count();
                Route::Refused(Unreachable::NoRoute)
            }
        }
    }

    /// A packet from behind this gateway.
    fn route_foreign(&self, snapshot: &Snapshot, packet: &Inner<'_>) -> Route {
        let Some(allowed) = snapshot.filter.forwards(packet) else {
            self.shared.tally.denied_source.count();
            return Route::Refused(Unreachable::Prohibited);
        };
        match snapshot.table.onward(packet.destination, allowed.toward) {
            Some(slot) => Route::To(slot, None),
            None => {
                self.shared.tally.no_route.count();
                Route::Refused(Unreachable::NoRoute)
            }
        }
    }

    fn send(
        &self,
        now: Instant,
        snapshot: &Snapshot,
        (packet, plain): (&Inner<'_>, Plain<'_>),
        (slot, admitted): (Slot, Option<Admitted>),
        datagrams: &mut Datagrams,
    ) {
        if is_own_datagram(packet, &self.shared.recent) {
            return self.shared.tally.looped.count();
        }
        let peer = &snapshot.peers[slot];
        let mut state = peer.lock(now);
        if let Some(admitted) = admitted
            && !state.usage.record(now, admitted.policy, packet.bytes.len(), Passed::More)
        {
            self.shared.tally.usage_overflow.count();
        }
        state.send(now, &self.shared, peer.key, plain.cut(packet.bytes.len()), datagrams);
    }
}

/// Whether this packet is a datagram that was sealed here a moment ago: a route leads it into the tunnel, its own or that of
/// another neighbor. Sealed, it would come back once more, for ever, and longer each time.
fn is_own_datagram(packet: &Inner<'_>, recent: &Recent) -> bool {
    let Transport::Udp { .. } = packet.transport else { return false };
    packet.bytes.get(packet.payload_at + UDP_HEADER..).is_some_and(|payload| recent.knows(payload))
}

/// How fast packets of this host are refused. As Linux does for all of a host (`icmp_msgs_per_sec`, `icmp_msgs_burst`).
const REFUSALS: Rate = Rate { every: Duration::from_millis(1), burst: 50 };
/// Bytes of a UDP header: RFC 768.
const UDP_HEADER: usize = 8;

impl Outbound {
    /// Whether the control half has to be drained now, because calls of packet halves moved a timer or made an event.
    /// Asked once, it is answered `false` until something else happens.
    pub fn wants_control(&self) -> bool {
        self.shared.take_noted()
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}
