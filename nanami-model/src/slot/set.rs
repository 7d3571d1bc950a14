//! Sets of peers, by slot.
//!
//! **Invariant**: `count` is the number of bits that are set, and the last word is not empty, so that equal sets are equal
//! values.

use std::sync::Arc;

use super::Slot;
use crate::id::PeerId;

/// A set of peers, by their slots: a bitmap that clones share until one of them changes.
///
/// ```
/// use nanami_model::{Slot, SlotSet};
///
/// let set: SlotSet = [3, 70].map(Slot::new).into_iter().collect();
/// assert_eq!(set.words().collect::<Vec<_>>(), [(0, 1 << 3), (1, 1 << 6)]);
/// assert!(set.contains(Slot::new(70)) && set.len() == 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotSet {
    words: Arc<Vec<u64>>,
    count: usize,
}

impl SlotSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the peer in this slot is in the set.
    pub fn contains(&self, slot: Slot<PeerId>) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// How many peers are in the set.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts a slot into the set; says whether it was not in it before.
    pub fn insert(&mut self, slot: Slot<PeerId>) -> bool {
        let (word, bit) = place(slot);
        if self.contains(slot) {
            return false;
        }
        let words = Arc::make_mut(&mut self.words);
        words.resize(words.len().max(word + 1), 0);
        words[word] |= bit;
        self.count += 1;
        true
    }

    /// Takes a slot out of the set; says whether it was in it.
    pub fn remove(&mut self, slot: Slot<PeerId>) -> bool {
        let (word, bit) = place(slot);
        if !self.contains(slot) {
            return false;
        }
        let words = Arc::make_mut(&mut self.words);
        words[word] &= !bit;
        while words.last() == Some(&0) {
            words.pop();
        }
        self.count -= 1;
        true
    }

    /// The slots, the lowest first.
    pub fn iter(&self) -> impl Iterator<Item = Slot<PeerId>> + '_ {
        self.words().flat_map(|(index, word)| bits(index, word))
    }

    /// The bitmap in words of 64 slots that are not empty, each with its index: bit `b` of word `w` is slot `64 * w + b`.
    pub fn words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.words.iter().copied().enumerate().filter(|(_, word)| *word != 0)
    }

    /// Sets the bits of all slots of the set in a bitmap of the form that [`words`](Self::words) describes. It is as long
    /// as the highest slot needs; words beyond its end are left out.
    pub fn union_into(&self, bitmap: &mut [u64]) {
        for (index, word) in self.words() {
            if let Some(own) = bitmap.get_mut(index) {
                *own |= word;
            }
        }
    }

    /// The slots that are in this set and not in the other, the lowest first. Parts that the two share are not looked at, so
    /// that two revisions of a set are compared in the time that their difference takes.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Slot<PeerId>> + 'a {
        let theirs = |index: usize| other.words.get(index).copied().unwrap_or(0);
        self.words().flat_map(move |(index, word)| bits(index, word & !theirs(index)))
    }

    /// Whether the two share their memory, and so are equal without a look at any element. `false` says nothing.
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.words, &other.words)
    }
}

impl FromIterator<Slot<PeerId>> for SlotSet {
    fn from_iter<T: IntoIterator<Item = Slot<PeerId>>>(slots: T) -> Self {
        let mut set = Self::new();
        set.extend(slots);
        set
    }
}

impl Extend<Slot<PeerId>> for SlotSet {
    fn extend<T: IntoIterator<Item = Slot<PeerId>>>(&mut self, slots: T) {
        slots.into_iter().for_each(|slot| _ = self.insert(slot));
    }
}

fn place(slot: Slot<PeerId>) -> (usize, u64) {
    (slot.index() / 64, 1 << (slot.index() % 64))
}

fn bits(index: usize, mut word: u64) -> impl Iterator<Item = Slot<PeerId>> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 64).then(|| Slot::new(index as u32 * 64 + bit))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_slot_set_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0u32..20_000), 0..200)) {
            let (mut set, mut model, mut kept) = (SlotSet::new(), BTreeSet::new(), Vec::new());
            for (n, (inserts, index)) in steps.into_iter().enumerate() {
                let slot = Slot::new(index);
                match inserts {
                    true => prop_assert_eq!(set.insert(slot), model.insert(slot)),
                    false => prop_assert_eq!(set.remove(slot), model.remove(&slot)),
                }
                if n % 16 == 0 {
                    kept.push((set.clone(), model.clone()));
                }
            }
            kept.push((set.clone(), model.clone()));
            let mut bitmap = vec![0; 20_000 / 64 + 1];
            set.union_into(&mut bitmap);
            for (old, was) in &kept {
                prop_assert_eq!(old.iter().collect::<BTreeSet<_>>(), was.clone());
                prop_assert_eq!((old.len(), old.is_empty()), (was.len(), was.is_empty()));
                prop_assert!(set.without(old).eq(model.difference(was).copied()));
                prop_assert!(old.without(&set).eq(was.difference(&model).copied()));
                prop_assert_eq!(&was.iter().copied().collect::<SlotSet>(), old);
                prop_assert!(old.words().all(|(_, word)| word != 0));
            }
            for (index, word) in bitmap.into_iter().enumerate() {
                prop_assert!(bits(index, word).all(|slot| set.contains(slot)));
            }
            prop_assert_eq!(set.words().map(|(_, word)| word.count_ones() as usize).sum::<usize>(), set.len());
        }
    }
}
