//! What links begin and end at: single objects, or what stands for many of them.

use nanami_model::{Destination, GatewayId, GroupId, NetworkId, ObjectId, PeerId, RegionId, RouteId};

use super::Board;
use super::detail::Cards;

/// Where a line begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Peer(PeerId),
    Route(RouteId),
    /// The peers of a group in a network, those that are in it first.
    Hub(Option<NetworkId>, Option<GroupId>),
    /// The peers of a network.
    Network(Option<NetworkId>),
    /// The gateways of a region.
    Region(RegionId),
}

/// What is on the way between two ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stops {
    /// The gateway before those, if two follow each other.
    pub(super) near: Option<End>,
    /// The gateway in use first, then the standbys; none if the two meet directly.
    pub(super) ranks: Vec<End>,
}

impl Stops {
    /// All gateways, the nearest first.
    pub(super) fn all(&self) -> impl Iterator<Item = End> + '_ {
        self.near.into_iter().chain(self.ranks.iter().copied())
    }

    /// The way in use from one end to the other.
    pub(super) fn hops(&self, from: End, to: End) -> Vec<End> {
        let used = self.near.into_iter().chain(self.ranks.first().copied());
        std::iter::once(from).chain(used).chain([to]).collect()
    }
}

impl Board {
    /// What stands for a peer: itself, or the card that it is counted in.
    pub(super) fn end_of(&self, id: PeerId) -> End {
        let Some(peer) = self.objects.get(id) else { return End::Peer(id) };
        if let Some((_, gateway)) = self.objects.gateway_of(id) {
            return if self.by_region() { End::Region(gateway.region()) } else { End::Peer(id) };
        }
        let (network, group) = (peer.networks().first().copied(), peer.groups().first().copied());
        match self.cards {
            Cards::Networks => End::Network(network),
            Cards::Groups if !self.opens(group) => End::Hub(network, group),
            Cards::Groups | Cards::Peers => End::Peer(id),
        }
    }

    /// What stands for a destination; `None` for a bare address.
    pub(super) fn end_to(&self, to: Destination) -> Option<End> {
        match to {
            Destination::Peer(id) => Some(self.end_of(id)),
            Destination::Route(id) => Some(End::Route(id)),
            Destination::Address(_) => None,
        }
    }

    /// What stands for gateways, in their order; several in one region are one.
    pub(super) fn ends_of(&self, gateways: &[GatewayId]) -> Vec<End> {
        let gateways = gateways.iter().filter_map(|id| self.objects.get(*id));
        let mut ends: Vec<End> = Vec::new();
        for end in gateways.map(|gateway| self.end_of(gateway.peer())) {
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        ends
    }

    /// What stands for the gateways of a way.
    pub(super) fn stops_of(&self, near: Option<GatewayId>, ranks: &[GatewayId]) -> Stops {
        let near = near.and_then(|id| self.objects.get(id)).map(|gateway| self.end_of(gateway.peer()));
        Stops { near, ranks: self.ends_of(ranks) }
    }

    /// The name of an end, for people.
    pub(super) fn end_name(&self, end: End) -> String {
        match end {
            End::Peer(id) => self.word(id),
            End::Route(id) => self.word(id),
            End::Hub(network, group) => {
                let group = group.map_or("no group".to_owned(), |id| format!("group {}", self.word(id)));
                network.map_or(group.clone(), |id| format!("{group} in {}", self.word(id)))
            }
            End::Network(network) => network.map_or("no network".to_owned(), |id| format!("network {}", self.word(id))),
            End::Region(id) => format!("region {}", self.word(id)),
        }
    }

    /// The id of the element that an end is.
    pub(super) fn end_id(&self, end: End) -> String {
        match end {
            End::Peer(id) => format!("peer.{}", self.unique(id)),
            End::Route(id) => format!("route.{}", self.unique(id)),
            End::Hub(network, group) => format!("hub.{}.{}", self.word_of(network), self.word_of(group)),
            End::Network(network) => format!("hub.{}", self.word_of(network)),
            End::Region(id) => format!("region.{}", self.unique(id)),
        }
    }

    /// The name of an object, told apart from that of one that took its place.
    fn unique(&self, id: impl Into<ObjectId>) -> String {
        let id = id.into();
        let removed = if self.objects.is_removed(id) { ".removed" } else { "" };
        format!("{}{removed}", self.word(id))
    }

    /// The name of an object, or nothing.
    pub(super) fn word(&self, id: impl Into<ObjectId>) -> String {
        self.objects.name_of(id).map(ToString::to_string).unwrap_or_default()
    }

    fn word_of(&self, id: Option<impl Into<ObjectId>>) -> String {
        id.map(|id| self.unique(id)).unwrap_or_default()
    }
}
