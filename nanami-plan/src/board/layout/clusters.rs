//! What stands together: gateways of a region, peers of a group, groups of a network, networks of a band.
//!
//! **Invariant**: each peer is in one cluster; everything is ordered by name; nothing is wider than the board.

use std::collections::BTreeMap;

use nanami_model::{Entity, Name, NetworkId, RegionId};

use super::super::Board;
use super::super::end::End;
use super::super::objects::Objects;

use super::{FrameKind, GAP, GROUP_GAP, NETWORK_GAP, NETWORK_PAD, PAD, PER_LINE, PITCH, WIDEST};

/// Cards in one frame.
pub(super) struct Cluster {
    pub(super) kind: FrameKind,
    pub(super) title: String,
    pub(super) cards: Vec<End>,
}

impl Cluster {
    pub(super) fn lines(&self) -> i32 {
        (self.count() + PER_LINE - 1) / PER_LINE
    }

    pub(super) fn count(&self) -> i32 {
        i32::try_from(self.cards.len()).unwrap_or(i32::MAX)
    }

    /// As many as possible beside each other, the lines about equally long.
    pub(super) fn columns(&self) -> i32 {
        let lines = self.lines().max(1);
        (self.count() + lines - 1) / lines
    }

    pub(super) fn width(&self) -> i32 {
        self.columns() * PITCH - GAP + 2 * PAD
    }
}

pub(super) struct NetworkBox {
    pub(super) kind: FrameKind,
    pub(super) title: String,
    pub(super) note: String,
    /// Groups beside each other; a group of more than one line has a shelf of its own.
    pub(super) shelves: Vec<Vec<Cluster>>,
}

impl NetworkBox {
    pub(super) fn width(&self) -> i32 {
        let shelf = |shelf: &Vec<Cluster>| shelf.iter().map(|group| group.width() + GROUP_GAP).sum::<i32>() - GROUP_GAP;
        self.shelves.iter().map(shelf).max().unwrap_or(0) + 2 * NETWORK_PAD
    }

    pub(super) fn cards(&self) -> i32 {
        self.shelves.iter().flatten().map(Cluster::count).sum()
    }
}

/// Networks beside each other.
pub(super) struct Band {
    pub(super) networks: Vec<NetworkBox>,
}

impl Band {
    pub(super) fn width(&self) -> i32 {
        self.networks.iter().map(|network| network.width() + NETWORK_GAP).sum::<i32>() - NETWORK_GAP
    }

    pub(super) fn shelves(&self) -> usize {
        self.networks.iter().map(|network| network.shelves.len()).max().unwrap_or(0)
    }
}

/// The gateways of each region, or all regions as cards. A peer with two gateway roles stands where the first of them is.
pub(super) fn regions(board: &Board) -> Vec<Cluster> {
    let mut by_region: BTreeMap<Option<Name>, (RegionId, Vec<End>)> = BTreeMap::new();
    for (_, gateway) in board.objects.gateways() {
        let end = board.end_of(gateway.peer());
        let Some(region) = board.objects.get(gateway.region()) else { continue };
        let key = if board.by_region() { None } else { Some(Entity::name(region).clone()) };
        let (_, cards) = by_region.entry(key).or_insert((gateway.region(), Vec::new()));
        if !cards.contains(&end) {
            cards.push(end);
        }
    }
    let mut clusters = Vec::new();
    for (name, (id, mut cards)) in by_region {
        if name.is_none() {
            cards.sort_by_cached_key(|end| board.end_name(*end));
        }
        for cards in cards.chunks(PER_LINE as usize) {
            let title = name.as_ref().map_or(String::new(), |name| format!("region {name}"));
            clusters.push(Cluster { kind: FrameKind::Region(id), title, cards: cards.to_vec() });
        }
    }
    clusters
}

/// Every peer that is no gateway, in the first of its networks and there in the first of its groups.
pub(super) fn networks(board: &Board) -> Vec<NetworkBox> {
    let objects = &board.objects;
    let order = |id: Option<nanami_model::ObjectId>| (id.is_none(), id.and_then(|id| objects.name_of(id).cloned()));
    let mut by_network: BTreeMap<_, BTreeMap<_, Vec<End>>> = BTreeMap::new();
    for (id, peer) in objects.peers().filter(|(id, _)| objects.gateway_of(*id).is_none()) {
        let end = board.end_of(id);
        let (network, group) = (peer.networks().first().copied(), peer.groups().first().copied());
        // Where networks are cards there is one frame around all of them; where groups are, they share their network's.
        let (network, around) = match end {
            End::Network(_) => ((false, None), None),
            _ => (order(network.map(Into::into)), network),
        };
        let group = match end {
            End::Peer(_) => Some((order(group.map(Into::into)), group)),
            _ => None,
        };
        let cards = by_network.entry((network, around, end_is_network(end))).or_default().entry(group).or_default();
        if cards.last() != Some(&end) {
            cards.push(end);
        }
    }
    let boxes = by_network.into_iter().map(|((_, network, all), groups)| {
        let groups = groups.into_iter().map(|(group, mut cards)| {
            cards.sort_by_cached_key(|end| (matches!(end, End::Peer(_)), board.end_name(*end)));
            cards.dedup();
            let name = group.as_ref().map(|(_, group)| group.and_then(|id| objects.name_of(id)));
            let title =
                name.map_or(String::new(), |name| name.map_or("in no group".to_owned(), |n| format!("group {n}")));
            Cluster { kind: FrameKind::Group(group.and_then(|(_, group)| group)), title, cards }
        });
        let (title, note) =
            if all { ("all networks".to_owned(), String::new()) } else { network_words(objects, network) };
        NetworkBox { kind: FrameKind::Network(network), title, note, shelves: shelves(groups.collect()) }
    });
    boxes.collect()
}

fn end_is_network(end: End) -> bool {
    matches!(end, End::Network(_))
}

fn network_words(objects: &Objects, id: Option<NetworkId>) -> (String, String) {
    let Some((name, network)) = id.and_then(|id| Some((objects.name_of(id)?, objects.get(id)?))) else {
        return ("in no network".to_owned(), String::new());
    };
    let owner = objects.name_of(network.owner()).map_or(String::new(), |owner| format!(" owned by {owner}"));
    let pools: Vec<_> = network.pools().iter().map(ToString::to_string).collect();
    (format!("network {name}{owner}"), pools.join("  "))
}

fn shelves(groups: Vec<Cluster>) -> Vec<Vec<Cluster>> {
    let mut shelves: Vec<Vec<Cluster>> = Vec::new();
    let mut used = 0;
    for group in groups {
        let fits = group.lines() == 1 && used > 0 && used + group.width() <= WIDEST - 2 * NETWORK_PAD;
        used = match fits {
            true => used + group.width() + GROUP_GAP,
            false => {
                if group.lines() == 1 {
                    group.width() + GROUP_GAP
                } else {
                    WIDEST
                }
            }
        };
        match shelves.last_mut().filter(|_| fits) {
            Some(shelf) => shelf.push(group),
            None => shelves.push(vec![group]),
        }
    }
    shelves
}

/// Networks of one shelf share a band while they fit; a larger one has a band of its own.
pub(super) fn bands(networks: Vec<NetworkBox>) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for network in networks {
        let single =
            |network: &NetworkBox| network.shelves.len() == 1 && network.shelves[0].iter().all(|g| g.lines() == 1);
        let fits = |band: &&mut Band| {
            let width = band.width() + NETWORK_GAP + network.width();
            single(&network) && band.networks.iter().all(single) && width <= WIDEST
        };
        match bands.last_mut().filter(fits) {
            Some(band) => band.networks.push(network),
            None => bands.push(Band { networks: vec![network] }),
        }
    }
    bands
}
