//! The dense form of an intent: objects by slot, and members as sets of slots.

use super::{Difference, Intent};
use crate::id::{GroupId, NetworkId};
use crate::object::Id;
use crate::object::sealed::Stored;
use crate::slot::{Slot, SlotSet};

static NOBODY: std::sync::LazyLock<SlotSet> = std::sync::LazyLock::new(SlotSet::new);

impl Intent {
    /// The slot of the object with this id.
    pub fn slot<I: Id>(&self, id: I) -> Option<Slot<I>> {
        I::Entity::table(&self.tables).slot(&id).map(Slot::new)
    }

    /// The object in this slot, with its id.
    pub fn in_slot<I: Id>(&self, slot: Slot<I>) -> Option<(I, &I::Entity)> {
        I::Entity::table(&self.tables).at(u32::try_from(slot.index()).ok()?)
    }

    /// A number above that of every occupied slot of this kind: the length of an array with an element for each.
    pub fn slot_bound<I: Id>(&self) -> usize {
        I::Entity::table(&self.tables).bound()
    }

    /// The objects of a kind in the order of their slots, which is faster than their listing by name.
    pub fn occupied<I: Id>(&self) -> impl Iterator<Item = (Slot<I>, I, &I::Entity)> {
        I::Entity::table(&self.tables).occupied().map(|(slot, id, entity)| (Slot::new(slot), id, entity))
    }

    /// The peers that belong to this group themselves: those that name it, and those whose owner does. The members of the
    /// groups nested in it come on top.
    pub fn direct_members(&self, group: Slot<GroupId>) -> &SlotSet {
        self.tables.index.groups.get(group.index()).unwrap_or(&NOBODY)
    }

    /// The peers that have addresses in this network.
    pub fn network_members(&self, network: Slot<NetworkId>) -> &SlotSet {
        self.tables.index.networks.get(network.index()).unwrap_or(&NOBODY)
    }

    /// What this revision adds to an older one, removes from it and changes in it. The time that it takes grows with the
    /// difference, for what two revisions share is not looked at.
    pub fn difference(&self, older: &Intent) -> Difference {
        Difference::between(&older.tables, &self.tables)
    }
}
