//! What differs between two revisions, object by object.

use super::{Table, Tables};
use crate::object::{Entity, ObjectId};

/// The objects that differ between two revisions. Each list is in the order of ids, kind by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    added: Vec<ObjectId>,
    removed: Vec<ObjectId>,
    changed: Vec<ObjectId>,
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

    /// Whether the two revisions hold the same objects.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    pub(super) fn between(older: &Tables, newer: &Tables) -> Self {
        crate::object::difference(older, newer)
    }

    /// Notes what differs between two tables of one kind.
    pub(crate) fn note<I, E>(&mut self, older: &Table<I, E>, newer: &Table<I, E>)
    where
        I: Ord + Copy + Into<ObjectId>,
        E: Entity,
    {
        for (_, id, entity) in newer.occupied() {
            match older.get(&id) {
                None => self.added.push(id.into()),
                Some(before) if before != entity => self.changed.push(id.into()),
                Some(_) => {}
            }
        }
        let gone = older.occupied().map(|(_, id, _)| id).filter(|id| newer.get(id).is_none());
        self.removed.extend(gone.map(Into::into));
    }

    pub(crate) fn sorted(mut self) -> Self {
        [&mut self.added, &mut self.removed, &mut self.changed].map(|ids| ids.sort_unstable());
        self
    }
}
