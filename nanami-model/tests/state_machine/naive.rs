//! The rules of a workspace without any index: every rule looks at everything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::{
    Change, ChangeSet, Cidr, GatewaySelector, Group, GroupId, Intent, Name, Network, NetworkId, Object, ObjectId, Peer,
    PeerId, Role, Route, Selector, Verdict,
};

type Objects = BTreeMap<ObjectId, Object>;

pub(crate) struct Naive {
    objects: Objects,
    /// Whose addresses were, of those that peers with keys released.
    quarantine: BTreeMap<IpAddr, PeerId>,
}

impl Naive {
    pub(crate) fn of(intent: &Intent) -> Self {
        Self { objects: super::objects(intent), quarantine: BTreeMap::new() }
    }

    /// What stands against the changes, in words; empty if nothing does.
    pub(crate) fn against(&self, changes: &ChangeSet) -> Vec<String> {
        let (objects, mut why) = self.made(changes);
        rules(&objects, &mut why);
        self.addresses(&objects, &mut why);
        why
    }

    /// What the changes make of the objects, and what is against making them.
    fn made(&self, changes: &ChangeSet) -> (Objects, Vec<String>) {
        let (mut objects, mut why) = (self.objects.clone(), Vec::new());
        for change in changes.iter() {
            let there = objects.contains_key(&change.id());
            match change {
                Change::Add(_) if there => why.push(format!("{} is there", change.id())),
                Change::Update(_) | Change::Remove(_) if !there => why.push(format!("{} is not there", change.id())),
                Change::Add(object) | Change::Update(object) => _ = objects.insert(change.id(), object.clone()),
                Change::Remove(id) => _ = objects.remove(id),
            }
        }
        (objects, why)
    }

    /// What a peer has: what it asks for, and what it was given before.
    fn own(&self, id: PeerId, peer: &Peer) -> BTreeSet<IpAddr> {
        let given = match self.objects.get(&id.into()) {
            Some(Object::Peer(_, old)) => old.addresses(),
            _ => &[],
        };
        peer.fixed_addresses().iter().chain(given).copied().collect()
    }

    fn addresses(&self, objects: &Objects, why: &mut Vec<String>) {
        for (id, peer) in peers(objects) {
            let pools: Vec<Cidr> = pools(objects, peer);
            for address in peer.fixed_addresses().iter().filter(|a| !pools.iter().any(|pool| pool.contains(**a))) {
                why.push(format!("{id}: {address} is in no pool"));
            }
            for (other, twin) in peers(objects).filter(|(other, _)| *other < id) {
                if !self.own(other, twin).is_disjoint(&self.own(id, peer)) {
                    why.push(format!("{id} and {other} share an address"));
                }
                if peer.key().is_some() && peer.key() == twin.key() {
                    why.push(format!("{id} and {other} share a key"));
                }
            }
            for address in self.own(id, peer) {
                let before =
                    peers(&self.objects).filter(|(other, old)| *other != id && old.addresses().contains(&address));
                let enforced = before.filter(|(_, old)| old.key().is_some()).count() > 0;
                if enforced || self.quarantine.get(&address).is_some_and(|had| *had != id) {
                    why.push(format!("{id}: {address} is quarantined"));
                }
            }
        }
    }

    /// Looks at what an accepted change set came to, and takes it in.
    pub(crate) fn accept(&mut self, changes: &ChangeSet, next: &Intent) {
        let (made, _) = self.made(changes);
        let objects = super::objects(next);
        assert!(made.keys().eq(objects.keys()));
        for (id, object) in &objects {
            match object {
                Object::Peer(id, peer) => self.look_at(*id, peer, &objects),
                other => assert_eq!(Some(other), made.get(id)),
            }
        }
        let mut held = BTreeSet::new();
        assert!(peers(&objects).flat_map(|(_, p)| p.addresses()).all(|a| held.insert(*a)), "an address twice");
        for (id, old) in peers(&self.objects).filter(|(_, old)| old.key().is_some()) {
            let now = match objects.get(&id.into()) {
                Some(Object::Peer(_, peer)) => peer.addresses(),
                _ => &[],
            };
            self.quarantine.extend(old.addresses().iter().filter(|a| !now.contains(a)).map(|a| (*a, id)));
        }
        for (id, peer) in peers(&objects) {
            assert!(peer.addresses().iter().all(|a| self.quarantine.get(a).is_none_or(|had| *had == id)), "I29");
            self.quarantine.retain(|address, _| !peer.addresses().contains(address));
        }
        self.objects = objects;
    }

    fn look_at(&self, id: PeerId, peer: &Peer, objects: &Objects) {
        let pools = pools(objects, peer);
        assert_eq!(pools.len(), peer.addresses().len(), "an address of each pool");
        for (pool, address) in pools.iter().zip(peer.addresses()) {
            assert!(pool.contains(*address));
            let fixed = peer.fixed_addresses().iter().find(|a| pool.contains(**a));
            let had = self.objects.get(&id.into()).and_then(|old| match old {
                Object::Peer(_, old) => old.addresses().iter().find(|a| pool.contains(**a)),
                _ => None,
            });
            assert!(
                fixed.or(had).is_none_or(|kept| kept == address),
                "{id} keeps what it has and gets what it asks for"
            );
        }
    }
}

fn peers(objects: &Objects) -> impl Iterator<Item = (PeerId, &Peer)> {
    objects.values().filter_map(|object| if let Object::Peer(id, peer) = object { Some((*id, peer)) } else { None })
}

fn networks(objects: &Objects) -> impl Iterator<Item = (NetworkId, &Network)> {
    objects.values().filter_map(|object| if let Object::Network(id, it) = object { Some((*id, it)) } else { None })
}

fn routes(objects: &Objects) -> impl Iterator<Item = (ObjectId, &Route)> {
    objects
        .iter()
        .filter_map(|(id, object)| if let Object::Route(_, route) = object { Some((*id, route)) } else { None })
}

fn groups(objects: &Objects) -> BTreeMap<GroupId, &Group> {
    let group = |object| if let &Object::Group(id, ref group) = object { Some((id, group)) } else { None };
    objects.values().filter_map(group).collect()
}

fn pools(objects: &Objects, peer: &Peer) -> Vec<Cidr> {
    let of = |id: &NetworkId| networks(objects).find(|(other, _)| other == id).map(|(_, network)| network.pools());
    peer.networks().iter().filter_map(of).flatten().copied().collect()
}

fn rules(objects: &Objects, why: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for (id, object) in objects {
        let kind: (&str, &Name) = (id.kind(), object.name());
        if !names.insert(kind) {
            why.push(format!("{id}: the name is taken"));
        }
        why.extend(
            named(object).into_iter().filter(|id| !objects.contains_key(id)).map(|to| format!("{id} names {to}")),
        );
    }
    let owner = |object: &Object| matches!(object, Object::User(_, user) if user.role() == Some(Role::Owner));
    if !objects.values().any(owner) {
        why.push("no owner".into());
    }
    let groups = groups(objects);
    let circles = groups.keys().filter(|id| reaches(&groups, **id, **id, groups.len() + 1));
    why.extend(circles.map(|id| format!("{id} contains itself")));
    let all: Vec<_> = networks(objects).flat_map(|(_, network)| network.pools()).collect();
    if all.iter().enumerate().any(|(n, pool)| all[..n].iter().any(|other| other.overlaps(pool))) {
        why.push("pools overlap".into());
    }
    route_rules(objects, &all, why);
    policy_rules(objects, why);
}

fn reaches(groups: &BTreeMap<GroupId, &Group>, from: GroupId, to: GroupId, steps: usize) -> bool {
    let nested = groups.get(&from).map(|group| group.groups()).unwrap_or_default();
    steps > 0 && nested.iter().any(|inner| *inner == to || reaches(groups, *inner, to, steps - 1))
}

fn named(object: &Object) -> Vec<ObjectId> {
    match object {
        Object::User(_, user) => user.groups().iter().map(|id| (*id).into()).collect(),
        Object::Group(_, group) => group.groups().iter().map(|id| (*id).into()).collect(),
        Object::Network(_, network) => vec![network.owner().into()],
        Object::Peer(_, peer) => {
            let groups = peer.groups().iter().map(|id| ObjectId::from(*id));
            groups.chain(peer.networks().iter().map(|id| (*id).into())).chain(peer.owner().map(Into::into)).collect()
        }
        Object::Gateway(_, gateway) => vec![gateway.peer().into(), gateway.region().into()],
        Object::Route(_, route) => {
            listed(route).iter().map(|id| (*id).into()).chain([route.network().into()]).collect()
        }
        Object::Policy(_, policy) => {
            let via = policy.via().iter().map(|id| ObjectId::from(*id));
            via.chain([policy.from().into(), policy.to().into()]).collect()
        }
        _ => Vec::new(),
    }
}

fn listed(route: &Route) -> &[nanami_model::GatewayId] {
    match route.gateways() {
        GatewaySelector::Only(list) => list,
        _ => unreachable!("these tests list gateways"),
    }
}

fn route_rules(objects: &Objects, pools: &[&Cidr], why: &mut Vec<String>) {
    for (id, route) in routes(objects) {
        let gateways = listed(route);
        let serves = |gateway: &nanami_model::GatewayId| match objects.get(&(*gateway).into()) {
            Some(Object::Gateway(_, gateway)) => match objects.get(&gateway.peer().into()) {
                Some(Object::Peer(_, peer)) => peer.networks().contains(&route.network()),
                _ => false,
            },
            _ => false,
        };
        let distinct: BTreeSet<_> = gateways.iter().collect();
        let wanted = usize::from(route.redundancy());
        if gateways.is_empty()
            || distinct.len() < gateways.len()
            || wanted > gateways.len()
            || !gateways.iter().all(serves)
        {
            why.push(format!("{id}: gateways"));
        }
        let inside = route.prefixes().iter().filter(|prefix| prefix.length() > 0);
        if inside.flat_map(|prefix| pools.iter().map(move |pool| (prefix, pool))).any(|(a, b)| a.overlaps(b)) {
            why.push(format!("{id}: a prefix overlaps a pool"));
        }
        let others = routes(objects).filter(|(other, _)| *other != id).flat_map(|(_, other)| other.prefixes());
        if others.into_iter().any(|prefix| route.prefixes().contains(prefix)) {
            why.push(format!("{id}: two have a prefix"));
        }
    }
}

fn policy_rules(objects: &Objects, why: &mut Vec<String>) {
    for (id, object) in objects {
        let Object::Policy(_, policy) = object else { continue };
        let twice = policy.via().iter().collect::<BTreeSet<_>>().len() < policy.via().len();
        let way = !policy.via().is_empty();
        let to_route = matches!(policy.to(), Selector::Route(_));
        if matches!(policy.from(), Selector::Route(_))
            || twice
            || (way && (to_route || policy.verdict() == Verdict::Deny))
        {
            why.push(format!("{id}: contradicts itself"));
        }
    }
}
