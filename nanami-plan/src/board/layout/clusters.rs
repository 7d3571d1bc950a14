//! What stands together: gateways of a region, peers of a group, groups of a network, networks of a band.
//!
//! **Invariant**: each peer is in one cluster; everything is ordered by name; nothing is wider than the board.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Entity, Intent, NetworkId, PeerId};

use super::{FrameKind, GAP, GROUP_GAP, NETWORK_GAP, NETWORK_PAD, PAD, PER_LINE, PITCH, WIDEST};

/// Cards in one frame.
pub(super) struct Cluster {
    pub(super) kind: FrameKind,
    pub(super) title: String,
    pub(super) peers: Vec<PeerId>,
}

impl Cluster {
    pub(super) fn lines(&self) -> i32 {
        (self.count() + PER_LINE - 1) / PER_LINE
    }

    pub(super) fn count(&self) -> i32 {
        i32::try_from(self.peers.len()).unwrap_or(i32::MAX)
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

/// The gateways of each region. A peer with two gateway roles stands where the first of them is.
pub(super) fn regions(intent: &Intent) -> Vec<Cluster> {
    let mut seen = BTreeSet::new();
    let mut by_region: BTreeMap<_, Vec<PeerId>> = BTreeMap::new();
    for (_, gateway) in intent.gateways() {
        if seen.insert(gateway.peer())
            && let Some(region) = intent.get(gateway.region())
        {
            by_region.entry((Entity::name(region).clone(), gateway.region())).or_default().push(gateway.peer());
        }
    }
    let mut clusters = Vec::new();
    for ((name, id), peers) in by_region {
        for peers in peers.chunks(PER_LINE as usize) {
            let title = format!("region {name}");
            clusters.push(Cluster { kind: FrameKind::Region(id), title, peers: peers.to_vec() });
        }
    }
    clusters
}

/// Every peer that is no gateway, in the first of its networks and there in the first of its groups.
pub(super) fn networks(intent: &Intent) -> Vec<NetworkBox> {
    let is_gateway: BTreeSet<_> = intent.gateways().map(|(_, gateway)| gateway.peer()).collect();
    let order = |id: Option<nanami_model::ObjectId>| (id.is_none(), id.and_then(|id| intent.name_of(id).cloned()));
    let mut by_network: BTreeMap<_, BTreeMap<_, Vec<PeerId>>> = BTreeMap::new();
    for (id, peer) in intent.peers().filter(|(id, _)| !is_gateway.contains(id)) {
        let (network, group) = (peer.networks().first().copied(), peer.groups().first().copied());
        let network_key = (order(network.map(Into::into)), network);
        let group_key = (order(group.map(Into::into)), group);
        by_network.entry(network_key).or_default().entry(group_key).or_default().push(id);
    }
    let boxes = by_network.into_iter().map(|((_, network), groups)| {
        let groups = groups.into_iter().map(|((_, group), peers)| {
            let name = group.and_then(|id| intent.name_of(id));
            let title = name.map_or("in no group".to_owned(), |name| format!("group {name}"));
            Cluster { kind: FrameKind::Group(group), title, peers }
        });
        let (title, note) = network_words(intent, network);
        NetworkBox { kind: FrameKind::Network(network), title, note, shelves: shelves(groups.collect()) }
    });
    boxes.collect()
}

fn network_words(intent: &Intent, id: Option<NetworkId>) -> (String, String) {
    let Some((name, network)) = id.and_then(|id| Some((intent.name_of(id)?, intent.get(id)?))) else {
        return ("in no network".to_owned(), String::new());
    };
    let owner = intent.name_of(network.owner()).map_or(String::new(), |owner| format!(" owned by {owner}"));
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
