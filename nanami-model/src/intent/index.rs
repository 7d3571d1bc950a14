//! What is found by something else than id, name or slot.
//!
//! **Invariant**: every tree and every set says exactly what the objects say. While rules are being checked two objects may
//! hold one key, address or range; in an intent none do.

use std::net::IpAddr;

use super::Tables;
use crate::cidr::Cidr;
use crate::entity::{Identity, Peer, Role};
use crate::id::{GatewayId, GroupId, NetworkId, PeerId, RouteId, UserId};
use crate::key::PublicKey;
use crate::name::Name;
use crate::object::{Object, ObjectId};
use crate::persistent::{Pages, Tree};
use crate::slot::{Slot, SlotSet};

#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(super) keys: Tree<(PublicKey, PeerId)>,
    pub(crate) addresses: Tree<(IpAddr, PeerId)>,
    pub(crate) pools: Tree<(Cidr, NetworkId)>,
    pub(super) prefixes: Tree<(Cidr, RouteId)>,
    pub(super) identities: Tree<(Identity, UserId)>,
    pub(super) owners: Tree<(Name, UserId)>,
    pub(super) hosts: Tree<(Name, GatewayId)>,
    /// Who is named, and by whom. What peers say of their groups and networks is in the sets instead.
    references: Tree<(ObjectId, ObjectId)>,
    /// By slot of the group.
    pub(super) groups: Pages<SlotSet>,
    /// By slot of the network.
    pub(super) networks: Pages<SlotSet>,
}

/// What a change set makes of one object.
#[derive(Debug)]
pub(crate) struct Touched {
    pub(crate) id: ObjectId,
    pub(crate) old: Option<Object>,
    pub(crate) new: Option<Object>,
}

impl Touched {
    pub(crate) fn added(object: Object) -> Self {
        Self { id: object.id(), old: None, new: Some(object) }
    }
}

/// What one object has to say to the index.
#[derive(Default)]
struct Entries {
    keys: Vec<(PublicKey, PeerId)>,
    addresses: Vec<(IpAddr, PeerId)>,
    pools: Vec<(Cidr, NetworkId)>,
    prefixes: Vec<(Cidr, RouteId)>,
    identities: Vec<(Identity, UserId)>,
    owners: Vec<(Name, UserId)>,
    hosts: Vec<(Name, GatewayId)>,
    references: Vec<(ObjectId, ObjectId)>,
}

impl Entries {
    fn of(object: Option<&Object>) -> Self {
        let mut entries = Self::default();
        object.into_iter().for_each(|object| entries.note(object));
        entries
    }

    fn note(&mut self, object: &Object) {
        match object {
            Object::Peer(id, peer) => {
                self.keys.extend(peer.key().map(|key| (key, *id)));
                let all = peer.addresses().iter().chain(peer.fixed_addresses());
                self.addresses.extend(all.map(|address| (*address, *id)));
            }
            Object::Network(id, network) => self.pools.extend(network.pools().iter().map(|pool| (*pool, *id))),
            Object::Route(id, route) => self.prefixes.extend(route.prefixes().iter().map(|prefix| (*prefix, *id))),
            Object::Gateway(id, gateway) => self.hosts.extend(gateway.host().map(|host| (host.clone(), *id))),
            Object::User(id, user) => {
                self.identities.extend(user.identities().iter().map(|identity| (identity.clone(), *id)));
                let owns = user.role() == Some(Role::Owner);
                self.owners.extend(owns.then(|| (object.name().clone(), *id)));
            }
            _ => {}
        }
        let own = object.id();
        let in_sets = |target| matches!((own, target), (ObjectId::Peer(_), ObjectId::Group(_) | ObjectId::Network(_)));
        let others = object.references().into_iter().filter(|(_, target)| !in_sets(*target));
        self.references.extend(others.map(|(_, target)| (target, own)));
    }
}

/// The tree of these keys.
fn tree<K: Ord + Clone>(mut keys: Vec<K>) -> Tree<K> {
    keys.sort_unstable();
    keys.dedup();
    Tree::of(keys)
}

/// Puts new entries in the place of old ones; what stays is not touched.
fn exchange<K: Ord + Clone>(tree: &mut Tree<K>, mut old: Vec<K>, mut new: Vec<K>) {
    for keys in [&mut old, &mut new] {
        keys.sort_unstable();
    }
    for key in old.iter().filter(|key| new.binary_search(key).is_err()) {
        tree.remove(key);
    }
    for key in new.into_iter().filter(|key| old.binary_search(key).is_err()) {
        tree.insert(key);
    }
}

/// As [`exchange`] does, in sets that are found by the first slot.
fn exchange_members(sets: &mut Pages<SlotSet>, mut old: Vec<(u32, u32)>, mut new: Vec<(u32, u32)>) {
    for pairs in [&mut old, &mut new] {
        pairs.sort_unstable();
        pairs.dedup();
    }
    for (set, slot) in old.iter().filter(|pair| new.binary_search(pair).is_err()) {
        if let Some(set) = sets.get_mut(*set as usize) {
            set.remove(Slot::new(*slot));
        }
    }
    for (set, slot) in new.iter().filter(|pair| old.binary_search(pair).is_err()) {
        while sets.len() <= *set as usize {
            sets.push(SlotSet::new());
        }
        sets.get_mut(*set as usize).expect("it was made").insert(Slot::new(*slot));
    }
}

impl Tables {
    /// Makes of each object what the change set makes of it, in the tables and in the index.
    pub(super) fn make(&mut self, before: &Tables, touched: &[Touched]) {
        for change in touched {
            match &change.new {
                Some(object) => object.clone().put(self),
                None => change.id.remove_from(self),
            }
        }
        for change in touched {
            let (old, new) = (Entries::of(change.old.as_ref()), Entries::of(change.new.as_ref()));
            exchange(&mut self.index.keys, old.keys, new.keys);
            exchange(&mut self.index.addresses, old.addresses, new.addresses);
            exchange(&mut self.index.pools, old.pools, new.pools);
            exchange(&mut self.index.prefixes, old.prefixes, new.prefixes);
            exchange(&mut self.index.identities, old.identities, new.identities);
            exchange(&mut self.index.owners, old.owners, new.owners);
            exchange(&mut self.index.hosts, old.hosts, new.hosts);
            exchange(&mut self.index.references, old.references, new.references);
        }
        self.make_members(before, touched);
        self.roll.update(before, &self.peers, touched);
    }

    /// Makes the index and the roll of all objects at once.
    pub(super) fn index_all(&mut self) {
        self.roll = super::roll::Roll::of(&self.peers);
        let members = |count: fn(&Peer) -> usize, of: fn(&Self, PeerId) -> Vec<(u32, u32)>| {
            let mut pairs = Vec::with_capacity(self.peers.occupied().map(|(_, _, peer)| count(peer)).sum());
            self.peers.occupied().for_each(|(_, id, _)| pairs.extend(of(self, id)));
            let mut sets = Pages::default();
            exchange_members(&mut sets, Vec::new(), pairs);
            sets
        };
        let groups = members(|peer| peer.groups().len(), group_memberships);
        let networks = members(|peer| peer.networks().len(), network_memberships);
        let mut all = Entries { keys: Vec::with_capacity(self.peers.len()), ..Entries::default() };
        self.objects().for_each(|object| all.note(&object));
        self.index = Index {
            groups,
            networks,
            keys: tree(all.keys),
            addresses: tree(all.addresses),
            pools: tree(all.pools),
            prefixes: tree(all.prefixes),
            identities: tree(all.identities),
            owners: tree(all.owners),
            hosts: tree(all.hosts),
            references: tree(all.references),
        };
    }

    fn make_members(&mut self, before: &Tables, touched: &[Touched]) {
        let mut peers = Vec::new();
        for change in touched {
            match change.id {
                ObjectId::Peer(peer) => peers.push(peer),
                // A peer is in the groups of its owner.
                ObjectId::User(_) => {
                    let owned = |tables: &Tables| tables.named_by(change.id).filter_map(peer_of).collect::<Vec<_>>();
                    peers.extend(owned(before).into_iter().chain(owned(self)));
                }
                _ => {}
            }
        }
        peers.sort_unstable();
        peers.dedup();
        let all = |tables: &Tables, of: fn(&Tables, PeerId) -> Vec<(u32, u32)>| {
            peers.iter().flat_map(|peer| of(tables, *peer)).collect::<Vec<_>>()
        };
        let (old, new) = (all(before, group_memberships), all(self, group_memberships));
        exchange_members(&mut self.index.groups, old, new);
        let (old, new) = (all(before, network_memberships), all(self, network_memberships));
        exchange_members(&mut self.index.networks, old, new);
    }

    /// Everything that names this object, but for peers that are members of it.
    pub(super) fn named_by(&self, target: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        let all = self.index.references.since(move |(other, _)| *other < target);
        all.take_while(move |(other, _)| *other == target).map(|(_, referrer)| *referrer)
    }

    /// The peers in a network.
    pub(crate) fn members_of(&self, network: NetworkId) -> Vec<PeerId> {
        let set = self.networks.slot(&network).and_then(|slot| self.index.networks.get(slot as usize));
        let slots = set.into_iter().flat_map(SlotSet::iter);
        slots.filter_map(|slot| self.peers.at(u32::try_from(slot.index()).ok()?)).map(|(id, _)| id).collect()
    }

    /// Everything that names this object.
    pub(crate) fn referrers(&self, target: ObjectId) -> Vec<ObjectId> {
        let mut found: Vec<_> = self.named_by(target).collect();
        let members = match target {
            ObjectId::Group(id) => self.groups.slot(&id).and_then(|slot| self.index.groups.get(slot as usize)),
            ObjectId::Network(id) => self.networks.slot(&id).and_then(|slot| self.index.networks.get(slot as usize)),
            _ => None,
        };
        let members = members.into_iter().flat_map(SlotSet::iter);
        let members = members.filter_map(|slot| self.peers.at(u32::try_from(slot.index()).ok()?));
        found.extend(members.filter(|(_, peer)| names(peer, target)).map(|(id, _)| ObjectId::Peer(id)));
        found
    }
}

/// Whether the peer itself names this group or network.
pub(super) fn names(peer: &Peer, target: ObjectId) -> bool {
    match target {
        ObjectId::Group(group) => peer.groups().contains(&group),
        ObjectId::Network(network) => peer.networks().contains(&network),
        _ => false,
    }
}

fn peer_of(id: ObjectId) -> Option<PeerId> {
    id.try_into().ok()
}

/// The groups that a peer names, or its owner.
pub(super) fn groups_named<'a>(tables: &'a Tables, peer: &'a Peer) -> impl Iterator<Item = GroupId> + 'a {
    let owner = peer.owner().and_then(|owner| tables.users.get(&owner));
    peer.groups().iter().chain(owner.into_iter().flat_map(|owner| owner.groups())).copied()
}

fn group_memberships(tables: &Tables, id: PeerId) -> Vec<(u32, u32)> {
    let Some((slot, peer)) = placed(tables, id) else { return Vec::new() };
    groups_named(tables, peer).filter_map(|group| Some((tables.groups.slot(&group)?, slot))).collect()
}

fn network_memberships(tables: &Tables, id: PeerId) -> Vec<(u32, u32)> {
    let Some((slot, peer)) = placed(tables, id) else { return Vec::new() };
    peer.networks().iter().filter_map(|network| Some((tables.networks.slot(network)?, slot))).collect()
}

fn placed(tables: &Tables, id: PeerId) -> Option<(u32, &Peer)> {
    let slot = tables.peers.slot(&id)?;
    Some((slot, tables.peers.at(slot)?.1))
}
