//! The objects of one kind: found by id, by name and by slot, listed by name.
//!
//! **Invariant**: all maps hold the same objects, and an object keeps its slot as long as it is there. They are shared until
//! one is changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::Name;
use crate::object::Entity;

#[derive(Debug, Clone)]
#[allow(unreachable_pub, reason = "a sealed trait names it; the module is private")]
pub struct Table<I, E> {
    slots: Arc<Vec<Option<(I, E)>>>,
    ids: Arc<BTreeMap<I, u32>>,
    names: Arc<BTreeMap<Name, u32>>,
}

impl<I, E> Default for Table<I, E> {
    fn default() -> Self {
        Self { slots: Arc::default(), ids: Arc::default(), names: Arc::default() }
    }
}

impl<I: Ord + Copy, E: Entity> PartialEq for Table<I, E> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<I: Ord + Copy, E: Entity> Table<I, E> {
    /// Puts an object under an id; one that is there is replaced, whatever its name was.
    pub(crate) fn put(&mut self, id: I, entity: E) {
        let slots = Arc::make_mut(&mut self.slots);
        let free = || slots.iter().position(Option::is_none).unwrap_or(slots.len()) as u32;
        let slot = self.ids.get(&id).copied().unwrap_or_else(free);
        slots.resize_with(slots.len().max(slot as usize + 1), || None);
        let names = Arc::make_mut(&mut self.names);
        if let Some((_, old)) = &slots[slot as usize] {
            names.remove(old.name());
        }
        names.insert(entity.name().clone(), slot);
        slots[slot as usize] = Some((id, entity));
        Arc::make_mut(&mut self.ids).insert(id, slot);
    }

    pub(crate) fn remove(&mut self, id: &I) {
        let Some(slot) = Arc::make_mut(&mut self.ids).remove(id) else { return };
        if let Some((_, old)) = Arc::make_mut(&mut self.slots)[slot as usize].take() {
            Arc::make_mut(&mut self.names).remove(old.name());
        }
    }

    pub(crate) fn get(&self, id: &I) -> Option<&E> {
        self.at(self.slot(id)?).map(|(_, entity)| entity)
    }

    pub(crate) fn id(&self, name: &str) -> Option<I> {
        self.at(*self.names.get(name)?).map(|(id, _)| id)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.keys()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (I, &E)> + Clone {
        self.names.values().map(|slot| self.at(*slot).expect("a name is some object's"))
    }

    pub(crate) fn slot(&self, id: &I) -> Option<u32> {
        self.ids.get(id).copied()
    }

    pub(crate) fn at(&self, slot: u32) -> Option<(I, &E)> {
        self.slots.get(slot as usize)?.as_ref().map(|(id, entity)| (*id, entity))
    }

    /// One more than the highest slot that was ever taken.
    pub(crate) fn bound(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn occupied(&self) -> impl Iterator<Item = (u32, I, &E)> {
        (0..).zip(self.slots.iter()).filter_map(|(n, object)| object.as_ref().map(|(id, entity)| (n, *id, entity)))
    }
}
