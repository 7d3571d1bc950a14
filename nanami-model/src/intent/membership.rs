//! Who is meant by a side of a policy.
//!
//! **Invariant**: an empty group or network means nobody. Nesting of groups has no cycle (`rules`), so walks end.

use std::collections::BTreeSet;

use super::Intent;
use super::index::groups_named;
use crate::entity::Selector;
use crate::id::{GroupId, PeerId};
use crate::slot::SlotSet;

pub(super) fn members(intent: &Intent, selector: Selector) -> Vec<PeerId> {
    let sets: Vec<&SlotSet> = match selector {
        Selector::Peer(id) => return vec![id],
        Selector::Route(_) => return Vec::new(),
        Selector::Network(network) => {
            intent.slot(network).map(|slot| intent.network_members(slot)).into_iter().collect()
        }
        Selector::Group(group) => {
            let groups = with_nested(intent, group);
            groups.into_iter().filter_map(|id| intent.slot(id)).map(|slot| intent.direct_members(slot)).collect()
        }
    };
    let mut all: Vec<_> = sets.into_iter().flat_map(SlotSet::iter).collect();
    all.sort_unstable();
    all.dedup();
    let mut members: Vec<_> = all.into_iter().filter_map(|slot| intent.in_slot(slot)).collect();
    members.sort_unstable_by_key(|(_, peer)| crate::object::Entity::name(*peer));
    members.into_iter().map(|(id, _)| id).collect()
}

pub(super) fn is_member(intent: &Intent, peer: PeerId, selector: Selector) -> bool {
    let Some(slot) = intent.slot(peer) else { return false };
    match selector {
        Selector::Peer(id) => id == peer,
        Selector::Route(_) => false,
        Selector::Network(network) => {
            intent.slot(network).is_some_and(|network| intent.network_members(network).contains(slot))
        }
        Selector::Group(group) => {
            let direct = |group: GroupId| intent.slot(group).is_some_and(|it| intent.direct_members(it).contains(slot));
            // Most groups have none nested in them, and then nobody looks for these.
            let nests = || intent.get(group).is_some_and(|entity| !entity.groups().is_empty());
            direct(group) || (nests() && with_nested(intent, group).into_iter().any(direct))
        }
    }
}

/// From the groups that the peer is in itself to those that they are nested in.
pub(super) fn groups_of(intent: &Intent, peer: PeerId) -> Vec<GroupId> {
    let tables = intent.tables();
    let Some(entity) = intent.get(peer) else { return Vec::new() };
    let (mut found, mut open) = (BTreeSet::new(), groups_named(tables, entity).collect::<Vec<_>>());
    while let Some(group) = open.pop() {
        if found.insert(group) {
            open.extend(tables.named_by(group.into()).filter_map(|outer| GroupId::try_from(outer).ok()));
        }
    }
    let mut groups: Vec<_> = found.into_iter().collect();
    groups.sort_by_cached_key(|id| intent.name_of(*id).cloned());
    groups
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
