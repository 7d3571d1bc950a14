//! The rules between objects, each a function that lists what breaks it.

use std::collections::{BTreeMap, BTreeSet};

use super::Tables;
use crate::cidr::Cidr;
use crate::entity::{Network, Role, Selector, Verdict};
use crate::generation::Revision;
use crate::id::{GroupId, NetworkId, WorkspaceId};
use crate::object::{Entity, Label};
use crate::refused::Violation;

pub(super) fn check(tables: &Tables) -> Vec<Violation> {
    let mut found = dangling(tables);
    found.extend(workspaces(tables));
    found.extend(sessions(tables));
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

/// There is one workspace from the start; its id follows from its name.
fn workspaces(tables: &Tables) -> Option<Violation> {
    let mut all = tables.workspaces.iter();
    let (id, workspace) = match (all.next(), all.next()) {
        (Some(first), None) => first,
        (_, Some((id, _))) => {
            let remedy = "change the workspace that is there";
            return Some(contradiction(
                Label::new(id, tables),
                "name",
                "there is one workspace already".into(),
                remedy,
            ));
        }
        (None, None) => return Some(Violation::LastOwner),
    };
    let name = workspace.name();
    (id != WorkspaceId::derive(name, name, Revision::ZERO)).then(|| {
        let why = "a workspace keeps its name, for all ids follow from it".to_owned();
        contradiction(Label::new(id, tables), "name", why, "leave the name as it is")
    })
}

/// A session is one of a peer that is there, bears its name, and ends after it began.
fn sessions(tables: &Tables) -> Vec<Violation> {
    let mut found = Vec::new();
    for (id, session) in tables.sessions.iter() {
        let subject = || Label::new(id, tables);
        match tables.peers.get(&session.peer()) {
            None => {
                let reference = Label::new(session.peer(), tables);
                found.push(Violation::Dangling { subject: subject(), field: "peer", reference });
            }
            Some(peer) if peer.name() != session.name() => {
                let why = format!("it is a session of {}", Label::new(session.peer(), tables));
                found.push(contradiction(subject(), "name", why, "give a session the name of its peer"));
            }
            Some(_) => {}
        }
        if session.ends() <= session.started() {
            let why = format!("it ends at {}, before it begins", session.ends());
            found.push(contradiction(subject(), "ends", why, "let it end after it begins"));
        }
    }
    found
}

fn owner(tables: &Tables) -> Option<Violation> {
    let owned = tables.users.iter().any(|(_, user)| user.role() == Some(Role::Owner));
    (!owned).then_some(Violation::LastOwner)
}

/// Groups do not contain themselves. Groups whose nested groups all end are set aside, then those that no remaining group
/// contains; what is left after both runs in circles. Without recursion, for a chain of groups may be as long as a document.
fn nesting(tables: &Tables) -> Vec<Violation> {
    let nested = |id: &GroupId| tables.groups.get(id).map(|group| group.groups()).unwrap_or_default();
    let edges: Vec<_> =
        tables.groups.iter().flat_map(|(id, _)| nested(&id).iter().map(move |inner| (id, *inner))).collect();
    let outward = endless(tables.groups.iter().map(|(id, _)| id).collect(), &edges);
    let inward: Vec<_> = edges.iter().map(|(outer, inner)| (*inner, *outer)).collect();
    let circling = endless(outward, &inward);
    let say = |id: GroupId| {
        let why = "its nested groups run in a circle".to_owned();
        contradiction(Label::new(id, tables), "groups", why, "break the circle of nested groups")
    };
    tables.groups.iter().filter(|(id, _)| circling.contains(id)).map(|(id, _)| say(id)).collect()
}

/// Of these groups, those from which the edges among them lead on for ever.
fn endless(mut groups: BTreeSet<GroupId>, edges: &[(GroupId, GroupId)]) -> BTreeSet<GroupId> {
    let (mut onward, mut before) = (BTreeMap::<_, usize>::new(), BTreeMap::<_, Vec<_>>::new());
    for (from, to) in edges.iter().filter(|(from, to)| groups.contains(from) && groups.contains(to)) {
        *onward.entry(*from).or_default() += 1;
        before.entry(*to).or_default().push(*from);
    }
    let mut ended: Vec<_> = groups.iter().copied().filter(|id| !onward.contains_key(id)).collect();
    while let Some(id) = ended.pop() {
        groups.remove(&id);
        for from in before.remove(&id).unwrap_or_default() {
            let left = onward.get_mut(&from).expect("an edge leads from it");
            *left -= 1;
            if *left == 0 {
                ended.push(from);
            }
        }
    }
    groups
}

/// All pools in address order. Ranges nest or are disjoint, so that one that overlaps another lies in the last range that was
/// not in a range itself; only those are kept for look-ups.
struct Pools<'a> {
    tables: &'a Tables,
    outermost: Vec<(Cidr, usize, NetworkId)>,
    overlaps: Vec<(usize, Violation)>,
}

impl<'a> Pools<'a> {
    fn of(tables: &'a Tables) -> Self {
        let named =
            tables.networks.iter().flat_map(|(id, network)| network.pools().iter().map(move |pool| (*pool, id)));
        let mut all: Vec<_> = named.enumerate().map(|(position, (pool, id))| (pool, position, id)).collect();
        all.sort_by_key(|(pool, position, _)| (pool.address(), pool.length(), *position));
        let mut pools = Self { tables, outermost: Vec::new(), overlaps: Vec::new() };
        for entry in all {
            match pools.outermost.last().copied() {
                Some(outer) if outer.0.covers(&entry.0) => pools.overlap(outer, entry),
                _ => pools.outermost.push(entry),
            }
        }
        pools.overlaps.sort_by_key(|(position, _)| *position);
        pools
    }

    /// Of the two, the one that comes later by name is at fault.
    fn overlap(&mut self, one: (Cidr, usize, NetworkId), two: (Cidr, usize, NetworkId)) {
        let (first, second) = if one.1 < two.1 { (one, two) } else { (two, one) };
        let (subject, other) = (Label::new(second.2, self.tables), Label::new(first.2, self.tables));
        let violation = Violation::Overlap { subject, pool: second.0, other, other_pool: first.0 };
        self.overlaps.push((second.1, violation));
    }

    /// A pool that shares addresses with the range, and its network.
    fn overlapping(&self, range: &Cidr) -> Option<(Cidr, &'a Network)> {
        let behind = self.outermost.partition_point(|(pool, ..)| pool.address() <= range.last());
        let (pool, _, id) = self.outermost[..behind].last().filter(|(pool, ..)| pool.overlaps(range))?;
        Some((*pool, self.tables.networks.get(id)?))
    }
}

fn pools(tables: &Tables) -> Vec<Violation> {
    Pools::of(tables).overlaps.into_iter().map(|(_, violation)| violation).collect()
}

/// The first of these that stands twice.
fn twice<T: Ord>(ids: &[T]) -> Option<&T> {
    let mut seen = BTreeSet::new();
    ids.iter().find(|id| !seen.insert(*id))
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
    let (mut found, mut prefixes) = (Vec::new(), BTreeMap::new());
    let pools = Pools::of(tables);
    for (id, route) in tables.routes.iter() {
        let subject = || Label::new(id, tables);
        let gateways = super::gateways::of_route(tables, route);
        if gateways.is_empty() {
            found.push(contradiction(
                subject(),
                "gateways",
                "a route needs a gateway".into(),
                "name at least one gateway",
            ));
        }
        if let Some(gateway) = twice(&gateways) {
            let why = format!("{} stands twice", Label::new(*gateway, tables));
            found.push(contradiction(subject(), "gateways", why, "name each gateway once"));
        }
        for gateway_id in &gateways {
            let Some(gateway) = tables.gateways.get(gateway_id) else { continue };
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
        if usize::from(route.redundancy()) > gateways.len().max(1) {
            let why = format!("redundancy {} with {} gateways", route.redundancy(), gateways.len());
            found.push(contradiction(subject(), "redundancy", why, "name more gateways, or ask for less redundancy"));
        }
        let inside = route.prefixes().iter().filter(|prefix| prefix.length() > 0);
        for (prefix, (pool, network)) in inside.filter_map(|prefix| Some((prefix, pools.overlapping(prefix)?))) {
            let why = format!("prefix {prefix} overlaps pool {pool} of network {}", network.name());
            let remedy = "peers are reached by their own addresses: choose a prefix outside the pools";
            found.push(contradiction(subject(), "prefix", why, remedy));
        }
        let twin = route.prefixes().iter().find_map(|prefix| prefixes.get(prefix));
        if let Some(other) = twin {
            let why = format!("{} has the same prefix", Label::new(*other, tables));
            found.push(contradiction(subject(), "prefix", why, "put all gateways of a prefix into one route"));
        }
        for prefix in route.prefixes() {
            prefixes.entry(*prefix).or_insert(id);
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
        if let Some(gateway) = twice(policy.via()) {
            let why = format!("{} stands twice", Label::new(*gateway, tables));
            found.push(contradiction(subject(), "via", why, "name each gateway once"));
        }
    }
    found
}
