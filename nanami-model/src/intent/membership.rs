//! Who is meant by a side of a policy.
//!
//! **Invariant**: an empty group or network means nobody. Nesting of groups has no cycle (`rules`), so walks end.

use std::collections::BTreeSet;

use super::Intent;
use crate::entity::{Peer, Selector};
use crate::id::{GroupId, PeerId};

pub(super) fn members(intent: &Intent, selector: Selector) -> Vec<PeerId> {
    match selector {
        Selector::Peer(id) => vec![id],
        Selector::Route(_) => Vec::new(),
        Selector::Network(network) => {
            intent.peers().filter(|(_, peer)| peer.networks().contains(&network)).map(|(id, _)| id).collect()
        }
        Selector::Group(group) => {
            let groups = with_nested(intent, group);
            intent.peers().filter(|(_, p)| named(intent, p).any(|g| groups.contains(g))).map(|(id, _)| id).collect()
        }
    }
}

pub(super) fn is_member(intent: &Intent, peer: PeerId, selector: Selector) -> bool {
    let Some(entity) = intent.get(peer) else { return false };
    match selector {
        Selector::Peer(id) => id == peer,
        Selector::Route(_) => false,
        Selector::Network(network) => entity.networks().contains(&network),
        Selector::Group(group) => {
            let groups = with_nested(intent, group);
            named(intent, entity).any(|g| groups.contains(g))
        }
    }
}

pub(super) fn groups_of(intent: &Intent, peer: PeerId) -> Vec<GroupId> {
    intent.groups().map(|(id, _)| id).filter(|id| is_member(intent, peer, Selector::Group(*id))).collect()
}

/// The groups that a peer names, or its owner.
fn named<'a>(intent: &'a Intent, peer: &'a Peer) -> impl Iterator<Item = &'a GroupId> {
    let owner = peer.owner().and_then(|owner| intent.get(owner));
    peer.groups().iter().chain(owner.into_iter().flat_map(|owner| owner.groups()))
}

/// The group and all whose members are its members too.
fn with_nested(intent: &Intent, group: GroupId) -> BTreeSet<GroupId> {
    let (mut found, mut open) = (BTreeSet::new(), vec![group]);
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(intent.get(next).into_iter().flat_map(|g| g.groups()));
        }
    }
    found
}
