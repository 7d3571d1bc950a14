//! Sides of rules: who is meant by a selector, as a set.
//!
//! **Invariant**: a side holds exactly the peers that its selector names, that take part, and of whom its conditions hold. Most
//! sides are the model's own set of a group's members, shared and not copied.

use std::collections::BTreeMap;

use nanami_model::{Condition, GroupId, Intent, Peer, PeerId, Selector, Slot, SlotSet};

use crate::bitmap::Bitmap;

/// The number of a side.
pub(crate) type SideId = u32;

/// What a side is made of; equal for the sides of all policies that mean the same people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SideKey {
    pub(crate) selector: Selector,
    /// What must hold of them besides.
    pub(crate) conditions: Vec<Condition>,
}

/// Who is meant by a selector, and which rules speak of them.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) members: SlotSet,
    /// Sorted by rule.
    pub(crate) uses: Vec<Use>,
}

/// One place at which a rule speaks of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    /// The slot of the policy.
    pub(crate) rule: u32,
    /// Which arrow of the rule.
    pub(crate) arrow: u8,
    /// Whether the side begins, or is reached.
    pub(crate) begins: bool,
}

/// The members of groups with those of the groups nested in them, each computed once.
#[derive(Debug, Default)]
pub(crate) struct Closures {
    known: BTreeMap<GroupId, SlotSet>,
}

impl Closures {
    /// Everybody in the group. Nesting has no circles: the model refuses them.
    pub(crate) fn of(&mut self, intent: &Intent, group: GroupId) -> SlotSet {
        let slot = intent.slot(group);
        let nested = slot.and_then(|slot| intent.in_slot(slot)).map(|(_, group)| group.groups()).unwrap_or_default();
        let own = slot.map(|slot| intent.direct_members(slot).clone()).unwrap_or_default();
        if nested.is_empty() {
            return own;
        }
        if let Some(known) = self.known.get(&group) {
            return known.clone();
        }
        let mut all = Bitmap::new(intent.slot_bound::<PeerId>());
        all.add(&own);
        nested.iter().for_each(|inner| all.add(&self.of(intent, *inner)));
        let all: SlotSet = all.iter().collect();
        self.known.insert(group, all.clone());
        all
    }
}

/// Those of a selector who take part and satisfy the conditions.
pub(crate) fn members(intent: &Intent, key: &SideKey, closures: &mut Closures) -> SlotSet {
    let mut members = match key.selector {
        Selector::Group(id) => closures.of(intent, id),
        Selector::Network(id) => intent.slot(id).map(|slot| intent.network_members(slot).clone()).unwrap_or_default(),
        Selector::Peer(id) => intent.slot(id).into_iter().collect(),
        Selector::Route(_) => SlotSet::new(),
    };
    let resting = intent.resting();
    match resting.len() < members.len() {
        true => resting.iter().for_each(|slot| _ = members.remove(slot)),
        false => retain(&mut members, |slot| !resting.contains(slot)),
    }
    if !key.conditions.is_empty() {
        retain(&mut members, |slot| intent.in_slot(slot).is_some_and(|(_, peer)| key.holds(peer)));
    }
    members
}

fn retain(members: &mut SlotSet, keeps: impl Fn(Slot<PeerId>) -> bool) {
    let gone: Vec<_> = members.iter().filter(|slot| !keeps(*slot)).collect();
    gone.into_iter().for_each(|slot| _ = members.remove(slot));
}

impl SideKey {
    /// Whether a peer satisfies the conditions.
    pub(crate) fn holds(&self, peer: &Peer) -> bool {
        self.conditions.iter().all(|condition| condition.holds(peer.facts()))
    }
}
