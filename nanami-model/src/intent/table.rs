//! The objects of one kind: found by id and by name, listed by name.
//!
//! **Invariant**: both maps hold the same objects. They are shared until one is changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::Name;
use crate::object::Entity;

#[derive(Debug, Clone, PartialEq)]
#[allow(unreachable_pub, reason = "a sealed trait names it; the module is private")]
pub struct Table<I, E> {
    entries: Arc<BTreeMap<I, E>>,
    names: Arc<BTreeMap<Name, I>>,
}

impl<I, E> Default for Table<I, E> {
    fn default() -> Self {
        Self { entries: Arc::default(), names: Arc::default() }
    }
}

impl<I: Ord + Copy, E: Entity> Table<I, E> {
    /// Puts an object under an id; one that is there is replaced, whatever its name was.
    pub(crate) fn put(&mut self, id: I, entity: E) {
        let names = Arc::make_mut(&mut self.names);
        if let Some(old) = self.entries.get(&id) {
            names.remove(old.name());
        }
        names.insert(entity.name().clone(), id);
        Arc::make_mut(&mut self.entries).insert(id, entity);
    }

    pub(crate) fn remove(&mut self, id: &I) {
        if let Some(old) = Arc::make_mut(&mut self.entries).remove(id) {
            Arc::make_mut(&mut self.names).remove(old.name());
        }
    }

    pub(crate) fn get(&self, id: &I) -> Option<&E> {
        self.entries.get(id)
    }

    pub(crate) fn id(&self, name: &str) -> Option<I> {
        self.names.get(name).copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.keys()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (I, &E)> + Clone {
        self.names.values().map(|id| (*id, &self.entries[id]))
    }
}
