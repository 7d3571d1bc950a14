//! Which gateways carry what, and in which order.
//!
//! **Invariant**: a rank is a gateway of the list that was asked for; ranks are distinct; a list that names a usable gateway gets
//! one, so that a choice of gateways never takes access away (access is policies' to decide).
//!
//! A [`Selection`] is a preference, not a permission: whatever it says, [`compile`](crate::compile) takes only gateways that the
//! intent lets serve, and where it says nothing the order of the document holds. `rendezvous` says whom a client likes,
//! `health` who lives, `place` puts the two together for one route, `select` does so for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nanami_model::{Cidr, GatewayId, Intent, PeerId, RouteId};
use serde::{Deserialize, Serialize};

pub(crate) mod candidates;
mod health;
mod place;
mod rendezvous;
pub(crate) mod roster;
mod saved;
mod select;

use health::Standing;
use roster::Roster;
pub use select::select;

/// How gateways are chosen: for each route who goes by which gateways, best first. The default takes each list in the order
/// of the document. A gateway that is draining is taken only where no other is left: emptying one must not cut anybody off.
/// A cheap clone. `serde` writes and reads all of it, for whoever keeps it, so that a restart moves nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "saved::Form", into = "saved::Form")]
pub struct Selection(Arc<Chosen>);

/// A gateway with more clients of a route than it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overload {
    /// The route.
    pub route: RouteId,
    /// The gateway.
    pub gateway: GatewayId,
    /// How many clients have it first.
    pub clients: usize,
    /// How many it should have at most.
    pub bound: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Chosen {
    rosters: BTreeMap<RouteId, Arc<Roster>>,
    standing: BTreeMap<GatewayId, Standing>,
    /// The routes whose gateways are all dead.
    down: BTreeSet<RouteId>,
    /// The routed prefixes that a client is inside of itself, so that its host sends nothing there into the tunnel.
    on_link: BTreeMap<PeerId, BTreeSet<Cidr>>,
}

impl Selection {
    fn new(chosen: Chosen) -> Self {
        Self(Arc::new(chosen))
    }

    /// Whether a peer is attached to a routed prefix itself, as far as it reports: its host sends nothing there into the tunnel.
    pub fn is_on_link(&self, peer: PeerId, prefix: &Cidr) -> bool {
        !self.0.on_link.is_empty() && self.0.on_link.get(&peer).is_some_and(|prefixes| prefixes.contains(prefix))
    }

    /// The gateways that a client of a route should go by, best first, of those that the intent lets serve; as many as the
    /// route's redundancy says, if there are so many.
    pub fn ranks(&self, intent: &Intent, route: RouteId, client: PeerId) -> Vec<GatewayId> {
        let chosen = self.roster(route).and_then(|roster| roster.ranks(client));
        self.rank_route(intent, route, chosen.map(|ranks| &**ranks).unwrap_or_default())
    }

    /// The peers that are attached to a routed prefix themselves, by id.
    pub(crate) fn on_link(&self) -> impl Iterator<Item = PeerId> {
        self.0.on_link.keys().copied()
    }

    /// The gateways that are dead, as far as anybody reports it, by id.
    pub fn dead(&self) -> impl Iterator<Item = GatewayId> {
        self.0.standing.iter().filter(|(_, standing)| standing.dead_since.is_some()).map(|(id, _)| *id)
    }

    /// Whether every gateway of a route is dead, as far as anybody reports it.
    pub fn is_down(&self, route: RouteId) -> bool {
        self.0.down.contains(&route)
    }

    /// Whether both send everybody the same ways, whatever else is remembered of how that came to be: what follows from an intent
    /// is the same with both.
    pub fn agrees(&self, other: &Self) -> bool {
        let (one, two) = (&*self.0, &*other.0);
        let alike = |(route, roster): (&RouteId, &Arc<Roster>)| {
            two.rosters.get(route).is_some_and(|other| Arc::ptr_eq(roster, other) || roster.agrees(other))
        };
        let rosters = one.rosters.len() == two.rosters.len() && one.rosters.iter().all(alike);
        rosters && one.down == two.down && one.standing == two.standing && one.on_link == two.on_link
    }

    /// Whether anything was chosen for a route, so that not just the document's order holds.
    pub(crate) fn is_of(&self, route: RouteId) -> bool {
        self.0.rosters.contains_key(&route)
    }

    /// How many clients have each gateway first on a route that spreads them; nothing for one that sends everybody the same way.
    pub fn load(&self, route: RouteId) -> BTreeMap<GatewayId, usize> {
        self.roster(route).map(|roster| roster.load()).unwrap_or_default()
    }

    /// The gateways that have more clients of a route than its balance allows, each with how many they have and how many they
    /// should have: a gateway died and its clients went where they could, or capacities are too small for all.
    pub fn overloaded(&self, intent: &Intent) -> Vec<Overload> {
        let over = |(route, roster): (&RouteId, &Arc<Roster>)| {
            let candidates = candidates::of_route(intent, *route).into_iter();
            let live = |id: &GatewayId| self.standing(*id).is_none_or(|standing| standing.is_live());
            let live =
                candidates.filter(live).filter_map(|id| candidates::candidate(intent, id, true)).collect::<Vec<_>>();
            let load = roster.load();
            let bounds = place::bounds(&live, load.values().sum());
            let overload = |(gateway, clients)| Overload {
                route: *route,
                gateway,
                clients,
                bound: bounds.get(&gateway).copied().unwrap_or(0),
            };
            load.into_iter().map(overload).filter(|overload| overload.clients > overload.bound).collect::<Vec<_>>()
        };
        self.0.rosters.iter().flat_map(over).collect()
    }

    pub(crate) fn roster(&self, route: RouteId) -> Option<&Arc<Roster>> {
        self.0.rosters.get(&route)
    }

    fn standing(&self, gateway: GatewayId) -> Option<Standing> {
        self.0.standing.get(&gateway).copied()
    }

    pub(crate) fn rank_route(&self, intent: &Intent, route: RouteId, chosen: &[GatewayId]) -> Vec<GatewayId> {
        let usable = candidates::of_route(intent, route);
        let limit = intent.get(route).map_or(1, |route| usize::from(route.redundancy()));
        let mut ranks: Vec<_> = chosen.iter().filter(|id| usable.contains(id)).copied().collect();
        ranks.extend(usable.into_iter().filter(|id| !chosen.contains(id)));
        ranks.truncate(limit);
        ranks
    }

    /// The gateways of a `via` list that may serve, best first: those that live in the document's order, then those that may
    /// live again, then the dead, of whom the one that was alive last comes first.
    pub(crate) fn rank(&self, intent: &Intent, listed: &[GatewayId]) -> Vec<GatewayId> {
        let mut ranks = candidates::of_via(intent, listed);
        let place = |id: &GatewayId| match self.standing(*id) {
            Some(Standing { dead_since: Some(since), .. }) => (2, u64::MAX - since.as_millis()),
            Some(Standing { held: true, .. }) => (1, 0),
            _ => (0, 0),
        };
        // Stable, so what is alike stays in the document's order.
        ranks.sort_by_key(place);
        ranks
    }
}
