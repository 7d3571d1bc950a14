//! Node: what one peer must know, entry by entry, without a map being made.
//!
//! **Invariant**: its neighbors are those of the peer's map, its accepts are that map's accept rules, pair by pair; pending peers
//! are left out as they are there. Walking a node in memory that was used before allocates nothing, unless
//! denies speak of routes or the peer bears a gateway.

use nanami_model::{Cidr, Destination, GatewayId, NetworkId, PeerId, PolicyId, PublicKey, RouteId, Services, Slot};

use crate::access::expand::{Scratch, Toward};
use crate::bitmap::{Bitmap, bits};
use crate::desired::Desired;
use crate::paths::{Way, first_hops};

/// A view of what one peer must know.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    desired: &'a Desired,
    id: PeerId,
    slot: Slot<PeerId>,
}

/// One thing that a peer must know.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A tunnel to another peer.
    Neighbor {
        /// The other peer, by its slot.
        peer: Slot<PeerId>,
        /// Its key.
        key: &'a PublicKey,
    },
    /// Another peer may begin flows to this one.
    Accept {
        /// The other peer, by its slot.
        from: Slot<PeerId>,
        /// By which services.
        services: &'a Services,
        /// By which policy.
        policy: PolicyId,
    },
    /// A prefix that the host sends into the tunnel.
    Route(Cidr),
}

/// Memory for walking nodes, to be used again.
#[derive(Debug, Default)]
pub struct Expansion {
    scratch: Scratch,
    neighbors: Bitmap,
    /// Those whom only gateways lead to that have not joined.
    cut_off: Bitmap,
    /// Those who have joined.
    joined: Bitmap,
    routes: Vec<RouteId>,
}

impl Desired {
    /// What a peer must know; `None` if there is no such peer, or while it is pending.
    pub fn node(&self, peer: PeerId) -> Option<Node<'_>> {
        self.intent().get(peer)?.key()?;
        Some(Node { desired: self, id: peer, slot: self.intent().slot(peer)? })
    }
}

impl Node<'_> {
    /// Shows everything that the peer must know: its neighbors, what it accepts, what its host routes. What a gateway forwards
    /// is in its map alone.
    pub fn expand(&self, expansion: &mut Expansion, mut with: impl FnMut(Entry<'_>)) {
        let intent = self.desired.intent();
        let access = self.desired.access();
        let Expansion { scratch, neighbors, cut_off, joined, routes } = expansion;
        neighbors.reset(intent.slot_bound::<PeerId>());
        joined.reset(intent.slot_bound::<PeerId>());
        joined.add(intent.joined());
        access.reached_routes(self.slot, routes);
        cut_off.reset(0);
        for (other, _) in self.desired.ways_of(self.id).filter(|(_, way)| !self.is_open(way)) {
            intent.slot(other).into_iter().for_each(|slot| cut_off.insert(slot));
        }
        access.expand(self.slot, Toward::Here, scratch, |index, word, rule, services| {
            neighbors.set_word(index, word);
            for from in bits(index, word & joined.word(index) & !cut_off.word(index)) {
                with(Entry::Accept { from, services, policy: rule.policy });
            }
        });
        access.expand(self.slot, Toward::There, scratch, |index, word, _, _| neighbors.set_word(index, word));
        self.carriers(neighbors, routes);
        for (index, word) in neighbors.words() {
            // A block of keys is half a word.
            let halves = [0, 1].map(|half| intent.keys(2 * index + half));
            for peer in bits(index, word & joined.word(index)) {
                let at = peer.index() % 64;
                if let Some(Some(key)) = halves[at / 32].get(at % 32) {
                    with(Entry::Neighbor { peer, key });
                }
            }
        }
        for (_, _, network) in intent.occupied::<NetworkId>() {
            network.pools().iter().for_each(|pool| with(Entry::Route(*pool)));
        }
        for route in routes.iter() {
            if self.is_open(self.desired.way(self.id, Destination::Route(*route))) {
                let prefixes = intent.get(*route).map(|route| route.prefixes()).unwrap_or_default();
                let own = |prefix: &&Cidr| self.desired.selection().is_on_link(self.id, prefix);
                prefixes.iter().filter(|prefix| !own(prefix)).for_each(|prefix| with(Entry::Route(*prefix)));
            }
        }
    }

    /// Whether one of the gateways on the way has joined; of two that follow each other, both.
    fn is_open(&self, way: &Way) -> bool {
        let intent = self.desired.intent();
        let there = |id: GatewayId| {
            let bearer = intent.get(id).and_then(|gateway| intent.get(gateway.peer()));
            bearer.is_some_and(|p| p.key().is_some() && p.status().is_effective())
        };
        way.near().is_none_or(there) && way.gateways().iter().any(|id| there(*id))
    }

    /// Whether an end of a way by two gateways is the one that this peer hands to and takes from.
    fn is_nearest(&self, end: PeerId, from: PeerId, way: &Way) -> bool {
        let near = self.desired.intent().gateway_of(self.id).is_some_and(|(own, _)| way.near() == Some(own));
        near == (end == from)
    }

    /// Puts the gateways that carry something for the peer, or that it carries for, in the places of those whom they lead to.
    fn carriers(&self, neighbors: &mut Bitmap, routes: &[RouteId]) {
        let intent = self.desired.intent();
        let slot = |id: PeerId| intent.slot(id);
        let joined =
            |id: PeerId| intent.get(id).is_some_and(|peer| peer.key().is_some() && peer.status().is_effective());
        self.desired.ways_of(self.id).filter_map(|(other, _)| slot(other)).for_each(|slot| neighbors.remove(slot));
        for (_, way) in self.desired.ways_of(self.id).filter(|(other, way)| joined(*other) && self.is_open(way)) {
            first_hops(intent, way).filter_map(slot).for_each(|slot| neighbors.insert(slot));
        }
        for route in routes {
            let way = Some(self.desired.way(self.id, Destination::Route(*route))).filter(|way| self.is_open(way));
            way.into_iter()
                .flat_map(|way| first_hops(intent, way))
                .filter_map(slot)
                .for_each(|slot| neighbors.insert(slot));
        }
        let Some(gateway) = self.desired.borne_by(self.id) else { return neighbors.remove(self.slot) };
        // Those who have not joined are left out with all others. Of two gateways that follow each other the near one has the client.
        let nearest = |way: &Way| match way.near() {
            Some(near) => near == gateway,
            None => way.gateways().contains(&gateway),
        };
        self.desired.clients_of(|way| nearest(way) && self.is_open(way), neighbors);
        for (from, to) in self.desired.pairs_carried_by(gateway) {
            let far = if let Destination::Peer(to) = to { Some(to) } else { None };
            let ends = [Some(from), far].into_iter().flatten();
            let way = self.desired.way(from, to);
            if !ends.clone().all(joined) || !self.is_open(way) {
                continue;
            }
            let ends = ends.filter(|end| way.near().is_none() || self.is_nearest(*end, from, way));
            ends.filter_map(slot).for_each(|slot| neighbors.insert(slot));
        }
        let links = self.desired.links_of(self.id);
        let open = links.iter().filter(|(_, by)| {
            let ends = |(from, to): &(PeerId, Destination)| {
                joined(*from) && !matches!(to, Destination::Peer(to) if !joined(*to))
            };
            by.iter().any(|(from, to)| ends(&(*from, *to)) && self.is_open(self.desired.way(*from, *to)))
        });
        open.filter_map(|(other, _)| slot(*other)).for_each(|slot| neighbors.insert(slot));
        neighbors.remove(self.slot);
    }
}
