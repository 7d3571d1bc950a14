//! Gateways of a route serve its network; a route covers no pool, for peers are reached by their own addresses (PLANNING
//! section 8, case 2); all gateways of a prefix are in one route.

use super::{contradiction, first_by_name, twice};
use crate::cidr::Cidr;
use crate::entity::{Duty, ReturnPath, Route, RouteMode};
use crate::id::{NetworkId, RouteId};
use crate::intent::Tables;
use crate::intent::gateways::{of_route, serves};
use crate::intent::ranges::{holders, innermost, inside};
use crate::object::{Entity, Label};
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: RouteId, found: &mut Vec<Violation>) {
    let Some(route) = tables.routes.get(&id) else { return };
    gateways(tables, id, route, found);
    mode(tables, id, route, found);
    prefixes(tables, id, route, found);
}

fn gateways(tables: &Tables, id: RouteId, route: &Route, found: &mut Vec<Violation>) {
    let subject = || Label::new(id, tables);
    let gateways = of_route(tables, route);
    if gateways.is_empty() {
        let why = "a route needs a gateway".into();
        found.push(contradiction(subject(), "gateways", why, "name at least one gateway"));
    }
    if let Some(gateway) = twice(&gateways) {
        let why = format!("{} stands twice", Label::new(*gateway, tables));
        found.push(contradiction(subject(), "gateways", why, "name each gateway once"));
    }
    for gateway in gateways.iter().filter_map(|id| tables.gateways.get(id)) {
        let inside = tables.peers.get(&gateway.peer()).is_some_and(|p| p.networks().contains(&route.network()));
        if let (false, Some(network)) =
            (serves(tables, gateway, route.network()), tables.networks.get(&route.network()))
        {
            let fault = if inside { "was told not to serve" } else { "is not in" };
            let why = format!("gateway {} {fault} network {}", gateway.name(), network.name());
            let remedy = "put the gateway into the network, or name another";
            found.push(contradiction(subject(), "gateways", why, remedy));
        }
        if !gateway.duties().contains(Duty::Egress) {
            let why = format!("gateway {} has no duty egress", gateway.name());
            found.push(contradiction(subject(), "gateways", why, "give it that duty, or name another gateway"));
        }
    }
    if usize::from(route.redundancy()) > gateways.len().max(1) {
        let why = format!("redundancy {} with {} gateways", route.redundancy(), gateways.len());
        found.push(contradiction(subject(), "redundancy", why, "name more gateways, or ask for less redundancy"));
    }
}

/// Answers to what several gateways carry at once come back through one of them, which knows nothing of the flow (PLANNING
/// section 8, case 15). What is pinned never uses a second gateway.
fn mode(tables: &Tables, id: RouteId, route: &Route, found: &mut Vec<Violation>) {
    let subject = || Label::new(id, tables);
    let gateways = of_route(tables, route);
    if let (RouteMode::Balanced, ReturnPath::Unstated, [first, second, ..]) =
        (route.mode(), route.return_path(), &gateways[..])
    {
        let names = [first, second].map(|id| Label::new(*id, tables).to_string());
        let why = format!("it is balanced over {}, and nobody has said how answers come back", names.join(" and "));
        let remedy = "declare the return path, let the gateways translate (snat), or use one gateway at a time";
        found.push(contradiction(subject(), "mode", why, remedy));
    }
    if let (RouteMode::Pinned, Some(first), 2..) = (route.mode(), gateways.first(), route.redundancy()) {
        let why = format!("redundancy {}, and it is pinned to {}", route.redundancy(), Label::new(*first, tables));
        let remedy = "leave the redundancy out, or let another gateway take over (mode primary)";
        found.push(contradiction(subject(), "redundancy", why, remedy));
    }
}

fn prefixes(tables: &Tables, id: RouteId, route: &Route, found: &mut Vec<Violation>) {
    let subject = || Label::new(id, tables);
    for prefix in route.prefixes().iter().filter(|prefix| prefix.length() > 0) {
        let Some((pool, network)) = pool_at(tables, prefix) else { continue };
        let why = format!("prefix {prefix} overlaps pool {pool} of {}", Label::new(network, tables));
        let remedy = "peers are reached by their own addresses: choose a prefix outside the pools";
        found.push(contradiction(subject(), "prefix", why, remedy));
    }
    let first = |prefix: &Cidr| first_by_name(tables, holders(&tables.index.prefixes, prefix));
    if let Some(other) = route.prefixes().iter().filter_map(first).find(|first| *first != id) {
        let why = format!("{} has the same prefix", Label::new(other, tables));
        found.push(contradiction(subject(), "prefix", why, "put all gateways of a prefix into one route"));
    }
}

/// A pool that shares addresses with the range, and its network.
fn pool_at(tables: &Tables, range: &Cidr) -> Option<(Cidr, NetworkId)> {
    let pools = &tables.index.pools;
    match innermost(pools, range) {
        Some(pool) => Some((pool, first_by_name(tables, holders(pools, &pool))?)),
        None => inside(pools, range).next(),
    }
}
