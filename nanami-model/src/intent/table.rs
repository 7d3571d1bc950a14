//! The objects of one kind: found by id, by name and by slot, listed by name.
//!
//! **Invariant**: the cells, the ids and the names hold the same objects, and an object keeps its slot as long as it is there.
//! While rules are being checked two objects may have one name; in an intent none do.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Difference;
use crate::name::Name;
use crate::object::{Entity, ObjectId};
use crate::persistent::{Pages, Tree};

#[derive(Debug, Clone)]
#[allow(unreachable_pub, reason = "a sealed trait names it; the module is private")]
pub struct Table<I, E> {
    cells: Pages<Cell<I, E>>,
    ids: Tree<(I, u32)>,
    names: Tree<(Name, u32)>,
    vacant: Option<u32>,
}

#[derive(Debug)]
enum Cell<I, E> {
    Taken(Arc<(I, E)>),
    /// With the next vacant cell, if there is one more.
    Vacant(Option<u32>),
}

// A derive would ask for objects that can be cloned.
impl<I, E> Clone for Cell<I, E> {
    fn clone(&self) -> Self {
        match self {
            Self::Taken(object) => Self::Taken(object.clone()),
            Self::Vacant(next) => Self::Vacant(*next),
        }
    }
}

impl<I, E> Default for Table<I, E> {
    fn default() -> Self {
        Self { cells: Pages::default(), ids: Tree::default(), names: Tree::default(), vacant: None }
    }
}

impl<I: Ord + Copy, E: Entity> Table<I, E> {
    /// Puts an object under an id; one that is there is replaced, whatever its name was.
    pub(crate) fn put(&mut self, id: I, entity: E) {
        let known = self.slot(&id);
        let slot = known.unwrap_or_else(|| self.take_slot());
        if let Some(old) = known.and_then(|slot| self.at(slot)).map(|(_, old)| old.name().clone())
            && old != *entity.name()
        {
            self.names.remove(&(old, slot));
        }
        if known.is_none() {
            self.ids.insert((id, slot));
        }
        self.names.insert((entity.name().clone(), slot));
        *self.cells.get_mut(slot as usize).expect("it was taken") = Cell::Taken(Arc::new((id, entity)));
    }

    /// Adds an object of a table that is being built; it is found by its slot alone until [`order`](Self::order) is called.
    pub(crate) fn push(&mut self, id: I, entity: E) {
        self.cells.push(Cell::Taken(Arc::new((id, entity))));
    }

    /// Makes everything that was pushed found by id and by name. Of those that share an id or a name the first stays; the others
    /// are taken out and returned, in the order in which they came.
    pub(crate) fn order(&mut self) -> Vec<(I, Name)> {
        let mut ids: Vec<_> = self.occupied().map(|(slot, id, _)| (id, slot)).collect();
        let mut names: Vec<_> = self.occupied().map(|(slot, _, entity)| (entity.name().clone(), slot)).collect();
        ids.sort_unstable();
        names.sort_unstable();
        let mut rejected = Vec::new();
        let (mut taken_ids, mut taken_names) = (BTreeSet::new(), BTreeSet::new());
        for slot in contested(&ids).chain(contested(&names)).collect::<BTreeSet<_>>() {
            let Some((id, name)) = self.at(slot).map(|(id, entity)| (id, entity.name().clone())) else { continue };
            if !(taken_ids.insert(id) && taken_names.insert(name.clone())) {
                rejected.push((id, name));
                *self.cells.get_mut(slot as usize).expect("an object is in it") = Cell::Vacant(self.vacant);
                self.vacant = Some(slot);
            }
        }
        if !rejected.is_empty() {
            ids.retain(|(_, slot)| self.at(*slot).is_some());
            names.retain(|(_, slot)| self.at(*slot).is_some());
        }
        (self.ids, self.names) = (Tree::of(ids), Tree::of(names));
        rejected
    }

    /// Changes an object in place; its name stays.
    pub(crate) fn update(&mut self, id: &I, with: impl FnOnce(&mut E)) {
        let Some(slot) = self.slot(id) else { return };
        if let Some(Cell::Taken(object)) = self.cells.get_mut(slot as usize) {
            with(&mut Arc::make_mut(object).1);
        }
    }

    fn take_slot(&mut self) -> u32 {
        match self.vacant {
            Some(slot) => {
                let Some(Cell::Vacant(next)) = self.cells.get(slot as usize) else { unreachable!("it is vacant") };
                self.vacant = *next;
                slot
            }
            None => {
                self.cells.push(Cell::Vacant(None));
                u32::try_from(self.cells.len() - 1).expect("objects are fewer than addresses of memory")
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &I) {
        let Some(slot) = self.slot(id) else { return };
        let name = self.at(slot).map(|(_, old)| old.name().clone()).expect("an id is some object's");
        self.names.remove(&(name, slot));
        self.ids.remove(&(*id, slot));
        *self.cells.get_mut(slot as usize).expect("an object is in it") = Cell::Vacant(self.vacant);
        self.vacant = Some(slot);
    }

    pub(crate) fn get(&self, id: &I) -> Option<&E> {
        self.at(self.slot(id)?).map(|(_, entity)| entity)
    }

    /// The object of this name; the first in slot order if rules are still to say that there are two.
    pub(crate) fn id(&self, name: &str) -> Option<I> {
        self.of_name(name).next()
    }

    pub(crate) fn of_name(&self, name: &str) -> impl Iterator<Item = I> {
        let own = self.names.since(move |(other, _)| other.as_str() < name).take_while(move |n| n.0.as_str() == name);
        own.filter_map(|(_, slot)| Some(self.at(*slot)?.0))
    }

    /// Whether two objects have one name, as they may while rules are being checked.
    pub(crate) fn has_namesakes(&self) -> bool {
        self.names().zip(self.names().skip(1)).any(|(one, next)| one == next)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().map(|(name, _)| name)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (I, &E)> + Clone {
        self.names.iter().map(|(_, slot)| self.at(*slot).expect("a name is some object's"))
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn slot(&self, id: &I) -> Option<u32> {
        self.ids.find(|(other, _)| other.cmp(id)).map(|(_, slot)| *slot)
    }

    pub(crate) fn at(&self, slot: u32) -> Option<(I, &E)> {
        match self.cells.get(slot as usize)? {
            Cell::Taken(object) => Some((object.0, &object.1)),
            Cell::Vacant(_) => None,
        }
    }

    /// One more than the highest slot that was ever taken.
    pub(crate) fn bound(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn occupied(&self) -> impl Iterator<Item = (u32, I, &E)> {
        (0..).zip(self.cells.iter()).filter_map(|(n, cell)| match cell {
            Cell::Taken(object) => Some((n, object.0, &object.1)),
            Cell::Vacant(_) => None,
        })
    }
}

/// The slots of those that share their key with another.
fn contested<K: PartialEq>(sorted: &[(K, u32)]) -> impl Iterator<Item = u32> {
    sorted.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() > 1).flatten().map(|(_, slot)| *slot)
}

impl<I: Ord + Copy + Into<ObjectId>, E: Entity> Table<I, E> {
    /// Notes what differs between this table and an older one.
    pub(crate) fn note_difference(&self, older: &Self, difference: &mut Difference) {
        let taken = |cell: Option<&'_ Cell<I, E>>| match cell {
            Some(Cell::Taken(object)) => Some(object.clone()),
            _ => None,
        };
        self.cells.differing(&older.cells, &mut |_, new, old| {
            let (new, old) = (taken(new), taken(old));
            if let (Some(new), Some(old)) = (&new, &old)
                && (Arc::ptr_eq(new, old) || new == old)
            {
                return;
            }
            // An object that moved to another slot is met twice.
            for id in [&new, &old].into_iter().flatten().map(|object| object.0) {
                difference.note(id.into(), older.get(&id), self.get(&id));
                if let (Some(was), Some(is)) = (older.slot(&id), self.slot(&id))
                    && was != is
                {
                    difference.note_move();
                }
            }
        });
    }
}
