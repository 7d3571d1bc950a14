//! Items: the smallest things that a map says, so that what differs between two maps can be said one by one.
//!
//! **Invariant**: a facet of two maps has the same items exactly if it has the same digest.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::{AcceptRule, Facet, ForwardRule, Neighbor, NetworkMap};
use crate::cidr::Cidr;
use crate::id::PeerId;
use crate::key::PublicKey;
use crate::name::Name;

/// The smallest thing that a map says. An entry of a map, which is replaced as a whole, says several of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapItem {
    /// The peer has this overlay address.
    Address(IpAddr),
    /// There is a tunnel to this neighbor.
    Neighbor {
        /// Who it is on the wire.
        key: PublicKey,
        /// Which peer it is; `None` outside a workspace.
        peer: Option<PeerId>,
        /// Its name; `None` outside a workspace.
        name: Option<Name>,
        /// How often an idle tunnel says that it is there; whole seconds. `None` means never.
        keepalive: Option<Duration>,
    },
    /// This prefix is sent to this neighbor, and taken from it.
    AllowedIp {
        /// The prefix.
        prefix: Cidr,
        /// The neighbor.
        of: PublicKey,
    },
    /// This neighbor takes a prefix over when those before it are dead.
    Standby {
        /// The prefix.
        prefix: Cidr,
        /// Its place behind the egress owner, which is rank 0.
        rank: u8,
        /// The neighbor.
        of: PublicKey,
    },
    /// This source is taken from this neighbor though it is sent elsewhere.
    Accepted {
        /// The source.
        prefix: Cidr,
        /// The neighbor.
        of: PublicKey,
    },
    /// This may reach the peer.
    Accept(AcceptRule),
    /// This is forwarded by the peer.
    Forward(ForwardRule),
    /// This sees the gateway's own address as the source of what is forwarded to it.
    Masquerade(Cidr),
    /// The host routes this into the tunnel.
    Route(Cidr),
}

impl MapItem {
    /// The facet that it is a part of.
    pub fn facet(&self) -> Facet {
        match self {
            Self::Address(_) => Facet::Interface,
            Self::Neighbor { .. } => Facet::Neighbors,
            Self::AllowedIp { .. } | Self::Standby { .. } | Self::Accepted { .. } => Facet::Cryptokey,
            Self::Accept(_) => Facet::Filter,
            Self::Forward(_) | Self::Masquerade(_) => Facet::Forward,
            Self::Route(_) => Facet::Routes,
        }
    }
}

impl NetworkMap {
    /// Everything that a facet of the map says, item by item.
    ///
    /// ```
    /// use nanami_model::{Facet, MapItem, NetworkMap};
    ///
    /// let map = NetworkMap::new([]).with_routes(["10.60.0.0/16".parse()?]);
    /// let items: Vec<_> = map.items(Facet::Routes).collect();
    /// assert_eq!(items, [MapItem::Route("10.60.0.0/16".parse()?)]);
    /// # Ok::<(), nanami_model::ParseCidrError>(())
    /// ```
    pub fn items(&self, facet: Facet) -> Box<dyn Iterator<Item = MapItem> + '_> {
        match facet {
            Facet::Interface => Box::new(self.addresses.iter().copied().map(MapItem::Address)),
            Facet::Neighbors => Box::new(self.neighbors.iter().map(who)),
            Facet::Cryptokey => Box::new(self.neighbors.iter().flat_map(carried)),
            Facet::Filter => Box::new(self.filter.rules.iter().cloned().map(MapItem::Accept)),
            Facet::Forward => {
                let masquerade = self.masquerade.iter().copied().map(MapItem::Masquerade);
                Box::new(self.forward.iter().cloned().map(MapItem::Forward).chain(masquerade))
            }
            Facet::Routes => Box::new(self.routes.iter().copied().map(MapItem::Route)),
        }
    }

    /// What this map says and the other one does not, in facets whose digests differ.
    pub(crate) fn items_beyond(&self, other: &NetworkMap) -> Vec<MapItem> {
        let differ = Facet::ALL.into_iter().filter(|facet| self.digest(*facet) != other.digest(*facet));
        let beyond = |facet| {
            let theirs: BTreeSet<MapItem> = other.items(facet).collect();
            self.items(facet).filter(move |item| !theirs.contains(item))
        };
        differ.flat_map(beyond).collect()
    }
}

fn who(neighbor: &Neighbor) -> MapItem {
    MapItem::Neighbor {
        key: neighbor.key,
        peer: neighbor.peer,
        name: neighbor.name.clone(),
        keepalive: neighbor.keepalive,
    }
}

fn carried(neighbor: &Neighbor) -> impl Iterator<Item = MapItem> + '_ {
    let of = neighbor.key;
    let owned = neighbor.allowed_ips.iter().map(move |prefix| MapItem::AllowedIp { prefix: *prefix, of });
    let standby = neighbor.standby.iter().map(move |s| MapItem::Standby { prefix: s.prefix, rank: s.rank, of });
    let accepted = neighbor.accepted.iter().map(move |prefix| MapItem::Accepted { prefix: *prefix, of });
    owned.chain(standby).chain(accepted)
}
