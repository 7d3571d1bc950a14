//! Which gateways serve a route.
//!
//! **Invariant**: the order is the document's: a list's own, or regions in their order and names within. A gateway that is
//! draining or disabled is in the answer; whether it takes traffic is selection's to decide.

use super::{Intent, Tables};
use crate::entity::{Duty, Gateway, GatewaySelector, Route, Serves};
use crate::id::{GatewayId, NetworkId, RegionId, RouteId};

impl Intent {
    /// The gateways that a route is behind: those that it lists, or those that its selector means at this revision, in the
    /// order of the document. Empty if there is no such route, or nobody serves it.
    pub fn gateways_of(&self, route: RouteId) -> Vec<GatewayId> {
        self.get(route).map(|route| of_route(self.tables(), route)).unwrap_or_default()
    }

    /// Whether a gateway serves a network: its peer is in it, and it was not told to serve others only.
    pub fn serves(&self, gateway: GatewayId, network: NetworkId) -> bool {
        self.get(gateway).is_some_and(|gateway| serves(self.tables(), gateway, network))
    }
}

pub(super) fn of_route(tables: &Tables, route: &Route) -> Vec<GatewayId> {
    match route.gateways() {
        GatewaySelector::Only(gateways) => gateways.clone(),
        GatewaySelector::InRegion(regions) => {
            regions.iter().flat_map(|region| able(tables, route.network(), Some(*region))).collect()
        }
        GatewaySelector::All => able(tables, route.network(), None).collect(),
    }
}

/// The gateways, by name, that may stand in a route of this network.
fn able(tables: &Tables, network: NetworkId, region: Option<RegionId>) -> impl Iterator<Item = GatewayId> + '_ {
    let there = move |gateway: &Gateway| region.is_none_or(|region| gateway.region() == region);
    let able = move |gateway: &Gateway| gateway.duties().contains(Duty::Egress) && serves(tables, gateway, network);
    tables.gateways.iter().filter(move |(_, gateway)| there(gateway) && able(gateway)).map(|(id, _)| id)
}

pub(super) fn serves(tables: &Tables, gateway: &Gateway, network: NetworkId) -> bool {
    let told = match gateway.serves() {
        Serves::Auto => true,
        Serves::Only(networks) => networks.contains(&network),
    };
    told && tables.peers.get(&gateway.peer()).is_some_and(|peer| peer.networks().contains(&network))
}
