//! Sets of peers that are kept: the words of a bitmap that are not empty, and nothing for the others.
//!
//! **Invariant**: indices ascend and no word is empty; so what is done with a set takes the time and the memory of whom it holds, not
//! of the workspace, and sets of the same peers are equal. Bit `b` of word `w` is slot `64 * w + b`, as in [`SlotSet::words`].

use nanami_model::{PeerId, Slot, SlotSet};

use crate::bitmap::{Bitmap, bits};

/// A set of peers by slot, to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(Vec<(u32, u64)>);

/// Sets that can be asked for one word of their bitmap.
pub(crate) trait ByWord {
    /// The word at an index; beyond the end there is nobody.
    fn word(&self, index: usize) -> u64;
}

impl ByWord for Words {
    fn word(&self, index: usize) -> u64 {
        self.place(index).map_or(0, |at| self.0[at].1)
    }
}

impl ByWord for Bitmap {
    fn word(&self, index: usize) -> u64 {
        Self::word(self, index)
    }
}

impl ByWord for SlotSet {
    fn word(&self, index: usize) -> u64 {
        Self::word(self, index)
    }
}

impl Words {
    /// The set of all these words, which may come in any order and more than once.
    pub(crate) fn of(words: impl IntoIterator<Item = (usize, u64)>) -> Self {
        let mut all: Vec<(u32, u64)> = words.into_iter().map(|(index, word)| (index as u32, word)).collect();
        all.retain(|(_, word)| *word != 0);
        if !all.is_sorted_by_key(|(index, _)| *index) {
            all.sort_unstable_by_key(|(index, _)| *index);
        }
        all.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 |= later.1;
            }
            same
        });
        Self(all)
    }

    fn place(&self, index: usize) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last as usize >= index => self.0.binary_search_by_key(&(index as u32), |(at, _)| *at),
            _ => Err(self.0.len()),
        }
    }

    /// Adds the peers of one word.
    pub(crate) fn set_word(&mut self, index: usize, bits: u64) {
        if bits == 0 {
            return;
        }
        match self.place(index) {
            Ok(at) => self.0[at].1 |= bits,
            Err(at) => self.0.insert(at, (index as u32, bits)),
        }
    }

    pub(crate) fn insert(&mut self, slot: Slot<PeerId>) {
        self.set_word(slot.index() / 64, 1 << (slot.index() % 64));
    }

    pub(crate) fn remove(&mut self, slot: Slot<PeerId>) {
        if let Ok(at) = self.place(slot.index() / 64) {
            self.0[at].1 &= !(1 << (slot.index() % 64));
            if self.0[at].1 == 0 {
                self.0.remove(at);
            }
        }
    }

    pub(crate) fn contains(&self, slot: Slot<PeerId>) -> bool {
        self.word(slot.index() / 64) >> (slot.index() % 64) & 1 == 1
    }

    /// The words that are not empty, with their index.
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.0.iter().map(|(index, word)| (*index as usize, *word))
    }

    /// The word at an index, by one look after another at ascending indices: `from` is where the last one ended, 0 at first.
    pub(crate) fn word_from(&self, from: &mut usize, index: usize) -> u64 {
        let rest = &self.0[*from..];
        *from += match rest.first() {
            Some((first, _)) if (*first as usize) < index => rest.partition_point(|(at, _)| (*at as usize) < index),
            _ => 0,
        };
        self.0.get(*from).filter(|(at, _)| *at as usize == index).map_or(0, |(_, word)| *word)
    }

    pub(crate) fn union(&mut self, other: &Self) {
        self.merge(other, |a, b| a | b);
    }

    /// Keeps those who are in just one of the two.
    pub(crate) fn differ(&mut self, other: &Self) {
        self.merge(other, |a, b| a ^ b);
    }

    fn merge(&mut self, other: &Self, both: impl Fn(u64, u64) -> u64) {
        let after = self.0.last().is_none_or(|(last, _)| other.0.first().is_none_or(|(first, _)| last < first));
        if after {
            return self.0.extend_from_slice(&other.0);
        }
        let mut merged = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut a, mut b) = (self.0.as_slice(), other.0.as_slice());
        while let ([one, rest_a @ ..], [two, rest_b @ ..]) = (a, b) {
            match one.0.cmp(&two.0) {
                std::cmp::Ordering::Less => (merged.push(*one), a = rest_a).1,
                std::cmp::Ordering::Greater => (merged.push(*two), b = rest_b).1,
                std::cmp::Ordering::Equal => {
                    let word = both(one.1, two.1);
                    merged.extend((word != 0).then_some((one.0, word)));
                    (a, b) = (rest_a, rest_b);
                }
            }
        }
        merged.extend_from_slice(a);
        merged.extend_from_slice(b);
        self.0 = merged;
    }

    pub(crate) fn subtract(&mut self, other: &impl ByWord) {
        self.keep(|index, word| word & !other.word(index));
    }

    pub(crate) fn intersect(&mut self, other: &impl ByWord) {
        self.keep(|index, word| word & other.word(index));
    }

    fn keep(&mut self, part: impl Fn(usize, u64) -> u64) {
        self.0.retain_mut(|(index, word)| {
            *word = part(*index as usize, *word);
            *word != 0
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|(_, word)| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The slots, the lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot<PeerId>> + '_ {
        self.words().flat_map(|(index, word)| bits(index, word))
    }

    pub(crate) fn add_to(&self, all: &mut Bitmap) {
        self.words().for_each(|(index, word)| all.set_word(index, word));
    }
}

impl From<&Bitmap> for Words {
    fn from(set: &Bitmap) -> Self {
        Self::of(set.words())
    }
}

impl FromIterator<Slot<PeerId>> for Words {
    fn from_iter<T: IntoIterator<Item = Slot<PeerId>>>(slots: T) -> Self {
        Self::of(slots.into_iter().map(|slot| (slot.index() / 64, 1 << (slot.index() % 64))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn slots(list: &[u32]) -> BTreeSet<Slot<PeerId>> {
        list.iter().copied().map(Slot::new).collect()
    }

    proptest! {
        #[test]
        fn words_are_a_set(
            a in prop::collection::vec(0u32..700, 0..60),
            b in prop::collection::vec(0u32..700, 0..60),
            at in 0u32..700,
        ) {
            let (one, two) = (slots(&a), slots(&b));
            let of = |list: &[u32]| list.iter().copied().map(Slot::new).collect::<Words>();
            let same = |words: Words, model: BTreeSet<Slot<PeerId>>| {
                let well = words.0.is_sorted_by(|a, b| a.0 < b.0) && words.0.iter().all(|(_, word)| *word != 0);
                well && words.count() == model.len() && words.is_empty() == model.is_empty() && words.iter().eq(model)
            };
            let with = |change: &dyn Fn(&mut Words)| {
                let mut words = of(&a);
                change(&mut words);
                words
            };
            let other = of(&b);
            let dense: Bitmap = two.iter().copied().collect();
            prop_assert!(same(with(&|w| w.union(&other)), &one | &two));
            prop_assert!(same(with(&|w| w.differ(&other)), &one ^ &two));
            prop_assert!(same(with(&|w| w.subtract(&other)), &one - &two));
            prop_assert!(same(with(&|w| w.subtract(&dense)), &one - &two));
            prop_assert!(same(with(&|w| w.intersect(&dense)), &one & &two));
            prop_assert!(same(with(&|w| w.insert(Slot::new(at))), &one | &slots(&[at])));
            prop_assert!(same(with(&|w| w.remove(Slot::new(at))), &one - &slots(&[at])));
            prop_assert_eq!(other.contains(Slot::new(at)), two.contains(&Slot::new(at)));
            prop_assert_eq!(Words::from(&dense), other.clone());
            let mut from = 0;
            prop_assert!((0..12).all(|index| other.word_from(&mut from, index) == dense.word(index)));
        }
    }
}
