//! Whose rules a change can break.

use std::collections::BTreeSet;

use crate::entity::{Gateway, Network, Peer};
use crate::id::PeerId;
use crate::intent::Tables;
use crate::intent::index::{Touched, names};
use crate::intent::ranges::{covering, holders, inside};
use crate::object::{Entity, Object, ObjectId};

/// Adds the object itself, if it is still there, and every other whose verdict follows from it.
pub(super) fn by(before: &Tables, after: &Tables, change: &Touched, subjects: &mut BTreeSet<ObjectId>) {
    if let Some(object) = &change.new {
        subjects.insert(change.id);
        subjects.extend(change.id.namesakes(object.name(), after));
    }
    for object in [&change.old, &change.new].into_iter().flatten() {
        match object {
            // A session bears the name of its peer.
            Object::Peer(_, peer) => {
                subjects.extend(after.sessions.of_name(peer.name().as_str()).map(ObjectId::Session));
            }
            Object::Workspace(_, workspace) => {
                subjects.extend(after.workspaces.iter().map(|(id, _)| ObjectId::Workspace(id)));
                let holders = workspace.revoked_keys().iter().flat_map(|key| holders(&after.index.keys, key));
                subjects.extend(holders.map(ObjectId::Peer));
            }
            _ => {}
        }
    }
    match (&change.old, &change.new) {
        (Some(Object::Peer(id, old)), Some(Object::Peer(_, new)))
            if old.networks() == new.networks() && old.mode() == new.mode() =>
        {
            holding(after, *id, new, subjects);
        }
        (old, Some(Object::Peer(id, new))) => {
            holding(after, *id, new, subjects);
            let old = if let Some(Object::Peer(_, old)) = old { Some(old) } else { None };
            bearing(before, after, *id, old.into_iter().chain([new]), subjects);
        }
        (Some(Object::Peer(id, old)), None) => bearing(before, after, *id, [old].into_iter(), subjects),
        (old, new) => {
            for object in [old, new].into_iter().flatten() {
                match object {
                    Object::Gateway(_, gateway) => {
                        standing(before, after, change.id, gateway, subjects);
                        let twins = gateway.host().into_iter().flat_map(|host| holders(&after.index.hosts, host));
                        subjects.extend(twins.map(ObjectId::Gateway));
                    }
                    Object::Network(_, network) => {
                        let old = if let Some(Object::Network(_, old)) = old { old.pools() } else { &[] };
                        if old != network.pools() {
                            around(after, change.id, network, subjects);
                        }
                    }
                    Object::Route(_, route) => {
                        let twins = route.prefixes().iter().flat_map(|p| holders(&after.index.prefixes, p));
                        subjects.extend(twins.map(ObjectId::Route));
                    }
                    Object::User(_, user) => {
                        let twins = user.identities().iter().flat_map(|i| holders(&after.index.identities, i));
                        subjects.extend(twins.map(ObjectId::User));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Peers that hold the key or an address of this one.
fn holding(after: &Tables, id: PeerId, peer: &Peer, subjects: &mut BTreeSet<ObjectId>) {
    let keys = peer.key().into_iter().flat_map(|key| holders(&after.index.keys, &key).collect::<Vec<_>>());
    let all = peer.addresses().iter().chain(peer.fixed_addresses());
    let addresses = all.flat_map(|address| holders(&after.index.addresses, address));
    subjects.extend(keys.chain(addresses).filter(|other| *other != id).map(ObjectId::Peer));
}

/// Routes of the gateway that this peer is, if it is one.
fn bearing<'a>(
    before: &Tables,
    after: &Tables,
    id: PeerId,
    peers: impl Iterator<Item = &'a Peer>,
    subjects: &mut BTreeSet<ObjectId>,
) {
    let gateways: Vec<_> =
        after.named_by(id.into()).filter(|referrer| matches!(referrer, ObjectId::Gateway(_))).collect();
    if gateways.is_empty() {
        return;
    }
    subjects.extend(gateways.iter().copied());
    subjects.extend(gateways.iter().flat_map(|gateway| after.named_by(*gateway)));
    let networks = peers.flat_map(Peer::networks).map(|network| ObjectId::Network(*network));
    let named = gateways.into_iter().chain(networks);
    for target in named.collect::<BTreeSet<_>>() {
        subjects.extend(routes(before, target).chain(routes(after, target)));
    }
}

/// Whoever names a gateway, and routes that it is in because a selector means it.
fn standing(before: &Tables, after: &Tables, id: ObjectId, gateway: &Gateway, subjects: &mut BTreeSet<ObjectId>) {
    subjects.extend(after.named_by(id));
    for tables in [before, after] {
        subjects.extend(routes(tables, id));
        let networks = tables.peers.get(&gateway.peer()).map(Peer::networks).unwrap_or_default();
        subjects.extend(networks.iter().flat_map(|network| routes(tables, (*network).into())));
    }
}

fn routes(tables: &Tables, target: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
    tables.named_by(target).filter(|referrer| matches!(referrer, ObjectId::Route(_)))
}

/// Networks and routes whose ranges share addresses with this network's, and peers that asked for an address in it.
fn around(after: &Tables, id: ObjectId, network: &Network, subjects: &mut BTreeSet<ObjectId>) {
    for pool in network.pools() {
        subjects.extend(inside(&after.index.pools, pool).map(|(_, other)| ObjectId::Network(other)));
        subjects.extend(inside(&after.index.prefixes, pool).map(|(_, route)| ObjectId::Route(route)));
        for wider in covering(&after.index.prefixes, pool) {
            subjects.extend(holders(&after.index.prefixes, &wider).map(ObjectId::Route));
        }
    }
    let asked = |peer: &ObjectId| match peer {
        ObjectId::Peer(peer) => {
            after.peers.get(peer).is_some_and(|peer| !peer.fixed_addresses().is_empty() && names(peer, id))
        }
        _ => false,
    };
    subjects.extend(after.referrers(id).into_iter().filter(asked));
}
