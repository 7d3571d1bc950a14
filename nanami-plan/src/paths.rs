//! Which way the packets of each pair go.
//!
//! **Invariants**: a pair of peers has one way, the same in both directions, for WireGuard sends by address and not by port.
//! A gateway that carries anything for a peer is reached by that peer directly.
//!
//! Where policies of one pair disagree, `via` wins: it is a demand, its absence is none, so a policy without `via` is
//! satisfied by a gateway on the way and a policy with it is not satisfied without. What an `only_via_gateway` assertion
//! promises therefore never depends on what else is allowed. Of several `via` lists those gateways are taken that are in all
//! of them; a list that has nothing in common with those before it, by the policies' names, yields.
//! A flow that ends at a gateway which it would go through, or which serves its other end anyway, goes there directly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nanami_model::{Destination, GatewayId, Intent, Path, PeerId, PolicyId, RouteId};

use crate::access::Access;
use crate::selection::Selection;
use crate::selection::roster::Roster;

/// The gateways on the way of a pair, ranked; none of them means that the two have a tunnel of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    ranks: Vec<GatewayId>,
}

impl Way {
    /// The gateways: the one in use first, then the standbys. Empty means direct.
    pub fn gateways(&self) -> &[GatewayId] {
        &self.ranks
    }

    /// The gateways that take over when those before them are dead.
    pub fn standbys(&self) -> &[GatewayId] {
        self.ranks.get(1..).unwrap_or_default()
    }

    /// The path while everything is well.
    pub fn path(&self) -> Path {
        self.ranks.first().map_or(Path::Direct, |id| Path::Gateway(*id))
    }

    /// Whether there is no gateway on the way.
    pub fn is_direct(&self) -> bool {
        self.ranks.is_empty()
    }
}

/// The way of every pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ways {
    routes: BTreeMap<RouteId, RouteWays>,
    /// Only the pairs that a gateway carries, the smaller id first.
    carried: BTreeMap<(PeerId, PeerId), Way>,
    direct: Way,
}

/// The ways to one route. Clients that go the same way share it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RouteWays {
    /// Whose list is which of `chosen`; `None` if nobody has one of their own.
    roster: Option<Arc<Roster>>,
    chosen: Vec<Way>,
    everybody: Way,
}

impl RouteWays {
    fn of(intent: &Intent, route: RouteId, selection: &Selection) -> Self {
        let way = |chosen: &[GatewayId]| Way { ranks: selection.rank_route(intent, route, chosen) };
        let roster = selection.roster(route).cloned();
        let chosen = roster.iter().flat_map(|roster| roster.lists()).map(|ranks| way(ranks)).collect();
        Self { roster, chosen, everybody: way(&[]) }
    }

    fn of_client(&self, client: PeerId) -> &Way {
        let own = self.roster.as_ref().and_then(|roster| self.chosen.get(roster.number(client)?));
        own.unwrap_or(&self.everybody)
    }
}

impl Ways {
    pub(crate) fn of(intent: &Intent, access: &Access, selection: &Selection) -> Self {
        let routes = intent.routes().map(|(id, _)| (id, RouteWays::of(intent, id, selection))).collect();
        let mut ways = Self { routes, carried: BTreeMap::new(), direct: Way::default() };
        for (pair, listed) in demanded(intent, access) {
            let ranks = selection.rank(intent, &listed);
            ways.carried.insert(pair, Way { ranks });
        }
        let served = ways.served(intent, access);
        ways.carried.retain(|pair, _| !served.contains(pair));
        ways
    }

    /// The way between a peer and what it reaches.
    pub(crate) fn way(&self, from: PeerId, to: Destination) -> &Way {
        match to {
            Destination::Peer(to) => self.between(from, to),
            Destination::Route(route) => self.routes.get(&route).map_or(&self.direct, |ways| ways.of_client(from)),
            Destination::Address(_) => &self.direct,
        }
    }

    pub(crate) fn between(&self, a: PeerId, b: PeerId) -> &Way {
        self.carried.get(&ordered(a, b)).unwrap_or(&self.direct)
    }

    /// Who has a tunnel to whom because one of them carries something for the other.
    fn served(&self, intent: &Intent, access: &Access) -> BTreeSet<(PeerId, PeerId)> {
        let bearers = |way: &Way| -> Vec<PeerId> {
            way.ranks.iter().filter_map(|id| intent.get(*id)).map(|gateway| gateway.peer()).collect()
        };
        let mut served = BTreeSet::new();
        for (from, to, _) in access.iter() {
            for bearer in bearers(self.way(from, to)) {
                served.insert(ordered(from, bearer));
                if let Destination::Peer(to) = to {
                    served.insert(ordered(to, bearer));
                }
            }
        }
        served
    }
}

fn ordered(a: PeerId, b: PeerId) -> (PeerId, PeerId) {
    if a <= b { (a, b) } else { (b, a) }
}

/// For each pair of which a policy asks for `via`: the gateways that it may go through.
fn demanded(intent: &Intent, access: &Access) -> BTreeMap<(PeerId, PeerId), Vec<GatewayId>> {
    let by_name: BTreeMap<PolicyId, usize> = intent.policies().enumerate().map(|(n, (id, _))| (id, n)).collect();
    let mut asking: BTreeMap<_, BTreeMap<usize, PolicyId>> = BTreeMap::new();
    for (from, to, grants) in access.iter() {
        let Destination::Peer(to) = to else { continue };
        for grant in grants.iter().filter(|g| intent.get(g.policy).is_some_and(|p| !p.via().is_empty())) {
            asking.entry(ordered(from, to)).or_default().insert(by_name[&grant.policy], grant.policy);
        }
    }
    let lists = |policies: BTreeMap<usize, PolicyId>| {
        policies.into_values().filter_map(|id| intent.get(id)).map(|p| p.via().to_vec()).reduce(common)
    };
    asking.into_iter().filter_map(|(pair, policies)| Some((pair, lists(policies)?))).collect()
}

fn common(first: Vec<GatewayId>, next: Vec<GatewayId>) -> Vec<GatewayId> {
    let both: Vec<_> = first.iter().filter(|id| next.contains(id)).copied().collect();
    if both.is_empty() { first } else { both }
}
