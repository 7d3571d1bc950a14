//! Slots: where a revision keeps its objects, so that a planner can count in arrays instead of looking up ids.
//!
//! **Invariant**: an object keeps its slot from revision to revision. After it was removed its slot may be another object's.
//! Nothing that is stored or sent names a slot: it means something to one intent and those that came of it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

mod set;

pub use set::SlotSet;

/// The place of an object of one kind in an [`Intent`](crate::Intent): a small number, dense from 0.
pub struct Slot<I> {
    index: u32,
    kind: PhantomData<fn() -> I>,
}

impl<I> Slot<I> {
    /// The slot with this number; whether an object is in it is [`Intent::in_slot`](crate::Intent::in_slot)'s to say.
    pub const fn new(index: u32) -> Self {
        Self { index, kind: PhantomData }
    }

    /// The number, for arrays of [`Intent::slot_bound`](crate::Intent::slot_bound) elements.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

// Derives would ask the same of `I`, which is only a mark.
impl<I> Clone for Slot<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I> Copy for Slot<I> {}

impl<I> PartialEq for Slot<I> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<I> Eq for Slot<I> {}

impl<I> PartialOrd for Slot<I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<I> Ord for Slot<I> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.index.cmp(&other.index)
    }
}

impl<I> Hash for Slot<I> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl<I> fmt::Debug for Slot<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.index)
    }
}
