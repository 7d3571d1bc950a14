//! Desired: the complete state of the network that follows from an intent.
//!
//! **Invariant**: a pure function of intent and selection, total, the same bytes for the same input. Pending peers are planned
//! as if they had joined; only maps leave them out, for they have no key yet. Maps are derived when asked for; nothing is
//! cached that could grow stale.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nanami_model::{Cidr, Destination, Intent, Neighbor, NetworkMap, PeerId, RouteId, Slot, Standby};

use crate::access::Access;
use crate::paths::{Way, Ways};
use crate::selection::Selection;
use crate::share::{Share, Sharing, Tie, Whom};
use crate::territory;

/// The complete state of the network that follows from an intent. A cheap clone.
///
/// ```
/// use nanami_model::{Destination, Group, Intent, Network, Peer, Policy, PrivateKey, Protocol, Service, User, name};
/// use nanami_plan::{Selection, compile};
///
/// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
/// let mut draft = empty.draft();
/// let platform = draft.add(Group::new(name!("platform")));
/// let prod = draft.add(Network::new(name!("prod"), platform, ["10.42.0.0/16".parse()?]));
/// let key = |n| PrivateKey::from_bytes([n; 32]).public();
/// let api = draft.add(Peer::new(name!("api")).with_networks([prod]).with_key(key(1)));
/// let db = draft.add(Peer::new(name!("db")).with_networks([prod]).with_key(key(2)));
/// let policy = draft.add(Policy::allow(name!("api-to-db"), api, db, Service::tcp(5432)));
/// let acme = empty.apply(empty.owner(), &draft.into_changes())?;
///
/// let desired = compile(&acme, &Selection::default());
/// assert_eq!(desired.access().allows(api, db.into(), Protocol::Tcp, 5432), Some(policy));
/// assert_eq!(desired.map_for(db).expect("db has a key").neighbors().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Desired(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    intent: Intent,
    selection: Selection,
    access: Access,
    ways: Ways,
    /// For each peer that is a gateway: the pairs that it carries, in use or standing by.
    carried: BTreeMap<PeerId, Vec<(PeerId, Destination)>>,
    territories: BTreeMap<RouteId, Vec<Cidr>>,
    /// Who may use each route; what looks at all of them together reads nothing else of access.
    clients: BTreeMap<RouteId, Vec<Slot<PeerId>>>,
}

/// How often an idle tunnel to a gateway says that it is there: shorter than the 30 s after which common NATs forget a UDP
/// flow, as WireGuard's own documentation has it. Standbys too, so that they are warm when they are needed.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(25);

/// The state of the network that follows from an intent. Every intent has one.
pub fn compile(intent: &Intent, selection: &Selection) -> Desired {
    let access = Access::of(intent);
    let ways = Ways::of(intent, &access, selection);
    let mut carried: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (from, to, _) in access.iter() {
        for gateway in ways.way(from, to).gateways().iter().filter_map(|id| intent.get(*id)) {
            carried.entry(gateway.peer()).or_default().push((from, to));
        }
    }
    let territories = intent.routes().map(|(id, route)| (id, territory::of(intent, route))).collect();
    let of_route = |id| access.to(Destination::Route(id)).filter_map(|(from, _)| intent.slot(from)).collect();
    let clients = intent.routes().map(|(id, _)| (id, of_route(id))).collect();
    let (intent, selection) = (intent.clone(), selection.clone());
    Desired(Arc::new(Parts { intent, selection, access, ways, carried, territories, clients }))
}

impl Desired {
    /// The intent that this follows from.
    pub fn intent(&self) -> &Intent {
        &self.0.intent
    }

    /// How its gateways were chosen.
    pub fn selection(&self) -> &Selection {
        &self.0.selection
    }

    /// Who may reach what.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// The gateways on the way from a peer to what it reaches, if it may.
    pub fn way(&self, from: PeerId, to: Destination) -> &Way {
        self.0.ways.way(from, to)
    }

    /// The map of a peer; `None` if there is no such peer, or while it is pending.
    pub fn map_for(&self, peer: PeerId) -> Option<NetworkMap> {
        self.intent().get(peer)?.key()?;
        let share = Sharing::of(self, peer, Whom::Joined);
        let neighbors = share.ties.iter().filter_map(|(id, tie)| self.neighbor(*id, tie));
        Some(
            NetworkMap::new(share.addresses.iter().copied())
                .with_neighbors(neighbors)
                .with_filter(share.accept.iter().cloned().collect())
                .with_forwards(share.forward.iter().cloned())
                .with_routes(share.routes.iter().copied()),
        )
    }

    /// What a peer does once everybody has joined.
    pub(crate) fn share(&self, peer: PeerId) -> Share {
        Sharing::of(self, peer, Whom::Planned)
    }

    /// The different ways to a route.
    pub(crate) fn ways_to(&self, route: RouteId) -> &[Way] {
        self.0.ways.to_route(route)
    }

    /// Every client of a route, with the number of its way among [`Desired::ways_to`].
    pub(crate) fn each_client(&self, route: RouteId, mut with: impl FnMut(Slot<PeerId>, usize)) {
        for slot in self.0.clients.get(&route).into_iter().flatten() {
            with(*slot, self.0.ways.number(route, *slot));
        }
    }

    /// The pairs of peers, as they begin flows, that gateways carry.
    pub(crate) fn carried_peers(&self) -> impl Iterator<Item = (PeerId, Destination)> + '_ {
        let both = self.0.ways.carried().flat_map(|(a, b)| [(a, b), (b, a)]);
        let both = both.map(|(from, to)| (from, Destination::Peer(to)));
        both.filter(|(from, to)| !self.way(*from, *to).is_nowhere() && !self.access().grants(*from, *to).is_empty())
    }

    pub(crate) fn between(&self, a: PeerId, b: PeerId) -> &Way {
        self.0.ways.between(a, b)
    }

    pub(crate) fn carried_by(&self, peer: PeerId) -> impl Iterator<Item = (PeerId, Destination)> {
        self.0.carried.get(&peer).into_iter().flatten().copied()
    }

    pub(crate) fn territory(&self, route: RouteId) -> &[Cidr] {
        self.0.territories.get(&route).map(Vec::as_slice).unwrap_or_default()
    }

    fn neighbor(&self, peer: PeerId, tie: &Tie) -> Option<Neighbor> {
        let entity = self.intent().get(peer)?;
        let name = self.intent().name_of(peer)?.clone();
        let with = |standby: bool| tie.prefixes.iter().filter(move |(_, rank)| (**rank > 0) == standby);
        let neighbor = Neighbor::new(entity.key()?, with(false).map(|(prefix, _)| *prefix))
            .with_identity(peer, name)
            .with_standbys(with(true).map(|(prefix, rank)| Standby { prefix: *prefix, rank: *rank }));
        Some(if tie.carries { neighbor.with_keepalive(KEEPALIVE) } else { neighbor })
    }
}
