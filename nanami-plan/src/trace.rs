//! Follows one packet through the maps of all peers, as their engines would.
//!
//! **Invariant**: looks at maps alone, never at intent or access, so that what it finds says something about them.
//! A hop sends to the neighbor with the longest prefix around the destination, takes a source only from its accepted set, and
//! needs an accept rule where the packet ends, a forward rule where it passes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nanami_model::{Cidr, Neighbor, NetworkMap, PeerId, Protocol, PublicKey};

/// A packet that begins a flow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
}

/// Where a packet stops, and at whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("no neighbor owns the destination")]
    NoOwner(PeerId),
    #[error("the next hop does not take the source from this neighbor")]
    Source(PeerId),
    #[error("no rule accepts it at its destination")]
    Filter(PeerId),
    #[error("no rule forwards it at the gateway")]
    Forward(PeerId),
    #[error("it goes round in a circle")]
    Circle(PeerId),
}

impl Stop {
    /// The peer that stops the packet.
    pub(crate) fn at(self) -> PeerId {
        let (Self::NoOwner(at) | Self::Source(at) | Self::Filter(at) | Self::Forward(at) | Self::Circle(at)) = self;
        at
    }
}

/// The maps of all peers that have one.
pub(crate) struct Maps {
    maps: BTreeMap<PeerId, NetworkMap>,
    keys: BTreeMap<PeerId, PublicKey>,
    peers: BTreeMap<PublicKey, PeerId>,
}

impl Maps {
    pub(crate) fn new(maps: impl IntoIterator<Item = (PeerId, PublicKey, NetworkMap)>) -> Self {
        let mut all = Self { maps: BTreeMap::new(), keys: BTreeMap::new(), peers: BTreeMap::new() };
        for (id, key, map) in maps {
            all.maps.insert(id, map);
            all.keys.insert(id, key);
            all.peers.insert(key, id);
        }
        all
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PeerId, &NetworkMap)> {
        self.maps.iter().map(|(id, map)| (*id, map))
    }

    pub(crate) fn peer(&self, key: &PublicKey) -> Option<PeerId> {
        self.peers.get(key).copied()
    }

    pub(crate) fn key(&self, peer: PeerId) -> Option<PublicKey> {
        self.keys.get(&peer).copied()
    }

    /// The hops that a packet takes from its sender, the last one being where it arrives.
    pub(crate) fn follow(&self, sender: PeerId, packet: &Packet) -> Result<Vec<PeerId>, Stop> {
        let mut hops = Vec::new();
        let (mut at, mut next) = (sender, self.next(sender, packet.to));
        loop {
            let Some((to, _)) = next else { return Err(Stop::NoOwner(at)) };
            if hops.contains(&to) {
                return Err(Stop::Circle(to));
            }
            hops.push(to);
            let map = self.maps.get(&to).ok_or(Stop::NoOwner(at))?;
            if !self.takes(map, at, packet.from) {
                return Err(Stop::Source(to));
            }
            if map.addresses().contains(&packet.to) {
                let accepted = |r: &&nanami_model::AcceptRule| {
                    r.from.contains(packet.from) && r.services.covers(packet.protocol, packet.port)
                };
                return map.filter().rules().iter().find(accepted).map(|_| hops).ok_or(Stop::Filter(to));
            }
            let rule = map.forward().iter().find(|r| {
                r.from.contains(packet.from)
                    && r.to.contains(packet.to)
                    && r.services.covers(packet.protocol, packet.port)
            });
            let rule = rule.ok_or(Stop::Forward(to))?;
            // A tunnel takes it on only if it leads to what the rule speaks of; a gateway that itself uses an exit does not send
            // there what is behind itself.
            next = self.next(to, packet.to).filter(|(_, prefix)| rule.to.covers(prefix));
            if next.is_none() {
                return Ok(hops);
            }
            at = to;
        }
    }

    /// The neighbor that owns the longest prefix around an address, with that prefix.
    fn next(&self, at: PeerId, to: IpAddr) -> Option<(PeerId, Cidr)> {
        let map = self.maps.get(&at)?;
        let owners = map.neighbors().iter().flat_map(|n| n.allowed_ips().iter().map(move |prefix| (n.key(), *prefix)));
        let longest = owners.filter(|(_, prefix)| prefix.contains(to)).max_by_key(|(_, prefix)| prefix.length())?;
        Some((self.peer(&longest.0)?, longest.1))
    }

    /// Whether a hop takes this source from that neighbor: the neighbor is in the accepted set of the longest prefix around it.
    fn takes(&self, map: &NetworkMap, from: PeerId, source: IpAddr) -> bool {
        let longest = |n: &Neighbor| accepted(n).filter(|p| p.contains(source)).map(|p| p.length()).max();
        let best = map.neighbors().iter().filter_map(longest).max();
        let own = self.key(from).and_then(|key| map.neighbor(&key)).and_then(longest);
        own.is_some() && own == best
    }
}

/// Every prefix whose sources are taken from a neighbor.
pub(crate) fn accepted(neighbor: &Neighbor) -> impl Iterator<Item = Cidr> {
    let standby = neighbor.standby().iter().map(|standby| standby.prefix);
    neighbor.allowed_ips().iter().copied().chain(standby).chain(neighbor.accepted().iter().copied())
}
