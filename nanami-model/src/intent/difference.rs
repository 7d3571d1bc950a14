//! What differs between two revisions, object by object.

use super::Tables;
use crate::object::ObjectId;

/// The objects that differ between two revisions. Each list is in the order of ids, kind by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    added: Vec<ObjectId>,
    removed: Vec<ObjectId>,
    changed: Vec<ObjectId>,
    moved: bool,
}

impl Difference {
    /// What only the newer revision has.
    pub fn added(&self) -> &[ObjectId] {
        &self.added
    }

    /// What only the older revision has.
    pub fn removed(&self) -> &[ObjectId] {
        &self.removed
    }

    /// What both have, and not alike.
    pub fn changed(&self) -> &[ObjectId] {
        &self.changed
    }

    /// Whether everything that both revisions hold is in the same slot in both, as it is where one came of the other. Only then
    /// do slots mean the same to both.
    pub fn keeps_slots(&self) -> bool {
        !self.moved
    }

    /// Whether the two revisions hold the same objects.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    pub(super) fn between(older: &Tables, newer: &Tables) -> Self {
        let mut difference = Self::default();
        newer.note_difference(older, &mut difference);
        for ids in [&mut difference.added, &mut difference.removed, &mut difference.changed] {
            ids.sort_unstable();
            ids.dedup();
        }
        difference
    }

    /// Notes that an object which both hold is in another slot.
    pub(super) fn note_move(&mut self) {
        self.moved = true;
    }

    /// Notes what became of one object.
    pub(super) fn note<E: PartialEq>(&mut self, id: ObjectId, older: Option<&E>, newer: Option<&E>) {
        match (older, newer) {
            (None, Some(_)) => self.added.push(id),
            (Some(_), None) => self.removed.push(id),
            (Some(older), Some(newer)) if older != newer => self.changed.push(id),
            _ => {}
        }
    }
}
