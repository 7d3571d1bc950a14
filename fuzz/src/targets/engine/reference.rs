//! What an engine has to do, the obvious way: lists, and a look at all of them.

use std::net::IpAddr;

use nanami_model::Cidr;

use super::network::Network;
use super::{NEIGHBORS, OWN, PREFIXES, SOURCES, packet};

/// What becomes of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Here, or at this neighbor.
    Delivered(usize),
    /// For a keypair with this neighbor.
    Waits(usize),
    /// Its sender hears so at once.
    Refused,
    Dropped,
}

/// A flow of UDP, from the engine's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flow {
    own: u16,
    other: (IpAddr, u16),
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The engine's host began it.
    Ours,
    /// A rule let it in, from this neighbor under this secret.
    Theirs(usize, u32),
    /// That rule is gone.
    Revoked,
}

#[derive(Default)]
pub(super) struct Reference {
    pub(super) present: [bool; NEIGHBORS],
    /// By prefix.
    pub(super) owners: [Option<usize>; PREFIXES.len()],
    /// By source, and by port.
    pub(super) accepts: [[bool; 2]; SOURCES.len()],
    /// Whose secret is not the engine's.
    pub(super) is_strange: [bool; NEIGHBORS],
    /// Counts the secrets of each.
    pub(super) secrets: [u32; NEIGHBORS],
    flows: Vec<Flow>,
    /// Packets that wait at the engine for a neighbor.
    waiting: [Vec<Vec<u8>>; NEIGHBORS],
    no_route: u64,
    source_mismatch: u64,
    denied: u64,
}

impl Reference {
    /// The map has changed: flows that it does not allow end, and whoever went takes along what waited.
    pub(super) fn told(&mut self) {
        let flows = std::mem::take(&mut self.flows);
        for mut flow in flows {
            let is_carried = self.egress(flow.other.0).is_some();
            match flow.origin {
                Origin::Ours if !is_carried => continue,
                Origin::Theirs(by, secret) => {
                    let is_there = is_carried || (self.present[by] && self.secrets[by] == secret);
                    if !(is_there && self.is_accepted(flow.other.0, flow.own)) {
                        flow.origin = Origin::Revoked;
                    }
                }
                _ => {}
            }
            self.flows.push(flow);
        }
        for n in (0..NEIGHBORS).filter(|n| !self.present[*n]) {
            self.waiting[n].clear();
        }
    }

    /// The engine's host sends a packet.
    pub(super) fn outbound(&mut self, packet: &[u8]) -> Verdict {
        let (_, (own, other)) = ends(packet);
        let Some(to) = self.egress(other.0) else {
            self.no_route += 1;
            return Verdict::Refused;
        };
        match self.flow(own, other) {
            Some(Flow { origin: Origin::Revoked, .. }) => {
                self.denied += 1;
                return Verdict::Refused;
            }
            Some(_) => {}
            None => self.flows.push(Flow { own, other, origin: Origin::Ours }),
        }
        if !self.is_strange[to] {
            return Verdict::Delivered(to);
        }
        self.waiting[to].push(packet.to_vec());
        Verdict::Waits(to)
    }

    /// A neighbor sends a packet to the engine's own address.
    pub(super) fn inbound(&mut self, from: usize, packet: &[u8]) -> Verdict {
        let ((other, own), _) = ends(packet);
        if self.egress(other.0) != Some(from) {
            self.source_mismatch += 1;
            return Verdict::Dropped;
        }
        if self.flow(own, other).is_some_and(|flow| flow.origin != Origin::Revoked) {
            return Verdict::Delivered(from);
        }
        if !self.is_accepted(other.0, own) {
            self.denied += 1;
            return Verdict::Dropped;
        }
        self.flows.retain(|flow| (flow.own, flow.other) != (own, other));
        self.flows.push(Flow { own, other, origin: Origin::Theirs(from, self.secrets[from]) });
        Verdict::Delivered(from)
    }

    /// Whether anything of a neighbor can be authentic.
    pub(super) fn is_heard(&self, from: usize) -> bool {
        self.present[from] && !self.is_strange[from]
    }

    /// An answer to the last packet that came in by a rule.
    pub(super) fn answer_out(&self) -> Option<Vec<u8>> {
        let flow = self.flows.iter().rev().find(|flow| flow.origin != Origin::Ours)?;
        Some(packet((OWN, flow.own), flow.other))
    }

    /// An answer to the last packet that went out.
    pub(super) fn answer_in(&self) -> Option<Vec<u8>> {
        let flow = self.flows.iter().rev().find(|flow| flow.origin == Origin::Ours)?;
        Some(packet(flow.other, (OWN, flow.own)))
    }

    /// Nothing came out that was not foreseen, what waited left with the first keypair, and everything is counted.
    pub(super) fn check(&mut self, network: &mut Network) {
        for n in 0..NEIGHBORS {
            let mut due = vec![];
            if self.is_heard(n) {
                due = std::mem::take(&mut self.waiting[n]);
            }
            assert_eq!(network.arrived(n), due, "neighbor {n}");
        }
        assert_eq!(network.delivered(), Vec::<Vec<u8>>::new());
        let counted = network.counters();
        let counted = [counted.no_route, counted.source_mismatch, counted.denied];
        assert_eq!(counted, [self.no_route, self.source_mismatch, self.denied], "no route, wrong source, denied");
    }

    /// Who owns the longest prefix that covers an address.
    fn egress(&self, address: IpAddr) -> Option<usize> {
        let owned = PREFIXES.iter().zip(&self.owners).filter_map(|(prefix, owner)| Some((prefix, (*owner)?)));
        let owned = owned.filter(|(_, owner)| self.present[*owner]);
        let covering = owned.map(|(prefix, owner)| (prefix.parse::<Cidr>().expect("a constant"), owner));
        let longest = covering.filter(|(prefix, _)| prefix.contains(address)).max_by_key(|(prefix, _)| prefix.length());
        longest.map(|(_, owner)| owner)
    }

    fn is_accepted(&self, source: IpAddr, port: u16) -> bool {
        let place = SOURCES.iter().position(|one| IpAddr::from(*one) == source);
        place.is_some_and(|place| (1..=2).contains(&port) && self.accepts[place][usize::from(port) - 1])
    }

    fn flow(&self, own: u16, other: (IpAddr, u16)) -> Option<Flow> {
        self.flows.iter().find(|flow| (flow.own, flow.other) == (own, other)).copied()
    }
}

type End = (IpAddr, u16);

/// Of an inbound packet and of an outbound one: the other end, and the engine's port.
fn ends(packet: &[u8]) -> ((End, u16), (u16, End)) {
    let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).expect("four bytes"));
    let port = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    (((address(12), port(20)), port(22)), (port(20), (address(16), port(22))))
}
