//! The rules between objects, each a function that lists what breaks it.

use std::collections::BTreeMap;

use super::Tables;
use crate::entity::{Role, Selector, Verdict};
use crate::id::GroupId;
use crate::object::{Entity, Label};
use crate::refused::Violation;

pub(super) fn check(tables: &Tables) -> Vec<Violation> {
    let mut found = dangling(tables);
    found.extend(owner(tables));
    found.extend(nesting(tables));
    found.extend(pools(tables));
    found.extend(keys(tables));
    found.extend(addresses(tables));
    found.extend(routes(tables));
    found.extend(policies(tables));
    found
}

fn contradiction(subject: Label, field: &'static str, why: String, remedy: &str) -> Violation {
    Violation::Contradiction { subject, field, why, remedy: remedy.to_owned() }
}

fn dangling(tables: &Tables) -> Vec<Violation> {
    let mut found = Vec::new();
    for mut object in tables.objects() {
        let subject = Label::named(object.id(), object.name().clone());
        object.visit(&mut |field, id| {
            if !field.is_empty() && id.name_in(tables).is_none() {
                let reference = Label::new(id, tables);
                found.push(Violation::Dangling { subject: subject.clone(), field, reference });
            }
            id
        });
    }
    found
}

fn owner(tables: &Tables) -> Option<Violation> {
    let owned = tables.users.iter().any(|(_, user)| user.role() == Some(Role::Owner));
    (!owned).then_some(Violation::LastOwner)
}

/// Groups do not contain themselves: a depth-first walk that meets a group on its own way has found a cycle.
fn nesting(tables: &Tables) -> Vec<Violation> {
    fn reaches(tables: &Tables, from: GroupId, to: GroupId, seen: &mut Vec<GroupId>) -> bool {
        if seen.contains(&from) {
            return false;
        }
        seen.push(from);
        let nested = tables.groups.get(&from).map(|g| g.groups()).unwrap_or_default();
        nested.iter().any(|next| *next == to || reaches(tables, *next, to, seen))
    }
    let cyclic = tables.groups.iter().filter(|(id, _)| reaches(tables, *id, *id, &mut Vec::new()));
    let say = |id| {
        contradiction(
            Label::new(id, tables),
            "groups",
            "the group contains itself".into(),
            "break the circle of nested groups",
        )
    };
    cyclic.map(|(id, _)| say(id)).collect()
}

fn pools(tables: &Tables) -> Vec<Violation> {
    let all: Vec<_> = tables.networks.iter().flat_map(|(id, n)| n.pools().iter().map(move |p| (id, *p))).collect();
    let mut found = Vec::new();
    for (i, (network, pool)) in all.iter().enumerate() {
        for (other, other_pool) in all[..i].iter().filter(|(_, p)| p.overlaps(pool)) {
            let (subject, other) = (Label::new(*network, tables), Label::new(*other, tables));
            found.push(Violation::Overlap { subject, pool: *pool, other, other_pool: *other_pool });
        }
    }
    found
}

fn keys(tables: &Tables) -> Vec<Violation> {
    let (mut holders, mut found) = (BTreeMap::new(), Vec::new());
    for (id, peer) in tables.peers.iter() {
        let Some(key) = peer.key() else { continue };
        match holders.get(&key) {
            None => _ = holders.insert(key, id),
            Some(first) => {
                let (subject, other) = (Label::new(id, tables), Label::new(*first, tables));
                found.push(Violation::DuplicateKey { subject, other });
            }
        }
    }
    found
}

fn addresses(tables: &Tables) -> Vec<Violation> {
    let (mut holders, mut found) = (BTreeMap::new(), Vec::new());
    for (id, peer) in tables.peers.iter() {
        let label = || Label::new(id, tables);
        for address in peer.fixed_addresses() {
            let mut pools = peer.networks().iter().filter_map(|n| tables.networks.get(n)).flat_map(|n| n.pools());
            if !pools.any(|pool| pool.contains(*address)) {
                let why = format!("{address} is in no pool of the peer's networks");
                found.push(contradiction(label(), "addresses", why, "choose an address of a pool, or add the network"));
            }
        }
        let mut own = [peer.addresses(), peer.fixed_addresses()].concat();
        own.sort_unstable();
        own.dedup();
        for address in own {
            match holders.get(&address) {
                None => _ = holders.insert(address, id),
                Some(first) => {
                    let (subject, other) = (label(), Label::new(*first, tables));
                    found.push(Violation::DuplicateAddress { subject, other, address });
                }
            }
        }
    }
    found
}

/// Gateways of a route serve its network; a route covers no pool, for peers are reached by their own addresses.
fn routes(tables: &Tables) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, route) in tables.routes.iter() {
        let subject = || Label::new(id, tables);
        if route.gateways().is_empty() {
            found.push(contradiction(
                subject(),
                "gateways",
                "a route needs a gateway".into(),
                "name at least one gateway",
            ));
        }
        for (i, gateway_id) in route.gateways().iter().enumerate() {
            let Some(gateway) = tables.gateways.get(gateway_id) else { continue };
            if route.gateways()[..i].contains(gateway_id) {
                let why = format!("gateway {} stands twice", gateway.name());
                found.push(contradiction(subject(), "gateways", why, "name each gateway once"));
            }
            let serves = tables.peers.get(&gateway.peer()).is_some_and(|p| p.networks().contains(&route.network()));
            if let (false, Some(network)) = (serves, tables.networks.get(&route.network())) {
                let why = format!("gateway {} is not in network {}", gateway.name(), network.name());
                found.push(contradiction(
                    subject(),
                    "gateways",
                    why,
                    "put the gateway into the network, or name another",
                ));
            }
        }
        if usize::from(route.redundancy()) > route.gateways().len().max(1) {
            let why = format!("redundancy {} with {} gateways", route.redundancy(), route.gateways().len());
            found.push(contradiction(subject(), "redundancy", why, "name more gateways, or ask for less redundancy"));
        }
        let pools =
            tables.networks.iter().flat_map(|(_, network)| network.pools().iter().map(move |pool| (network, pool)));
        for (network, pool) in pools {
            if let Some(prefix) = route.prefixes().iter().find(|p| p.length() > 0 && p.overlaps(pool)) {
                let why = format!("prefix {prefix} overlaps pool {pool} of network {}", network.name());
                found.push(contradiction(
                    subject(),
                    "prefix",
                    why,
                    "peers are reached by their own addresses: choose a prefix outside the pools",
                ));
            }
        }
        let twin = tables
            .routes
            .iter()
            .take_while(|(other, _)| *other != id)
            .find(|(_, other)| other.prefixes().iter().any(|p| route.prefixes().contains(p)));
        if let Some((_, other)) = twin {
            let why = format!("route {} has the same prefix", other.name());
            found.push(contradiction(subject(), "prefix", why, "put all gateways of a prefix into one route"));
        }
    }
    found
}

fn policies(tables: &Tables) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, policy) in tables.policies.iter() {
        let subject = || Label::new(id, tables);
        if let Selector::Route(_) = policy.from() {
            let remedy = "name a group, a network or a peer as the from side";
            found.push(contradiction(subject(), "from", "what is behind a route does not begin flows".into(), remedy));
        }
        if policy.verdict() == Verdict::Deny && !policy.via().is_empty() {
            found.push(contradiction(subject(), "via", "a denied flow goes no way".into(), "leave out via"));
        }
        if let (Selector::Route(_), false) = (policy.to(), policy.via().is_empty()) {
            let why = "a route brings its own gateways".into();
            found.push(contradiction(subject(), "via", why, "leave out via, or change the route's gateways"));
        }
        for (i, gateway) in policy.via().iter().enumerate() {
            if policy.via()[..i].contains(gateway) {
                let why = format!("{} stands twice", Label::new(*gateway, tables));
                found.push(contradiction(subject(), "via", why, "name each gateway once"));
            }
        }
    }
    found
}
