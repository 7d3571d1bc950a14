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

    /// The same by one look after another at ascending indices: `from` is where the last one ended, 0 at first.
    fn word_from(&self, from: &mut usize, index: usize) -> u64 {
        let _ = from;
        self.word(index)
    }
}

impl ByWord for Words {
    fn word(&self, index: usize) -> u64 {
        self.place(index).map_or(0, |at| self.0[at].1)
    }

    fn word_from(&self, from: &mut usize, index: usize) -> u64 {
        // Sets that are looked at together have most of their words at the same places, or few of them.
        let ahead = |at: usize| self.0.get(at).is_some_and(|(own, _)| (*own as usize) < index);
        let mut steps = 0;
        while ahead(*from) {
            *from += 1;
            steps += 1;
            if steps == 8 {
                *from += self.0[*from..].partition_point(|(own, _)| (*own as usize) < index);
            }
        }
        self.0.get(*from).filter(|(own, _)| *own as usize == index).map_or(0, |(_, word)| *word)
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
            // Most often words come in order.
            Err(at) if at == self.0.len() => self.0.push((index as u32, bits)),
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
    pub(crate) fn words(&self) -> impl ExactSizeIterator<Item = (usize, u64)> + '_ {
        self.0.iter().map(|(index, word)| (*index as usize, *word))
    }

    /// An empty set with room for so many words.
    pub(crate) fn with_room(words: usize) -> Self {
        Self(Vec::with_capacity(words))
    }

    /// Everybody in any of the sets.
    pub(crate) fn all_of<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let sets: Vec<&Self> = sets.into_iter().filter(|set| !set.is_empty()).collect();
        match sets.as_slice() {
            [] => Self::default(),
            [one] => (*one).clone(),
            [one, others @ ..] if others.len() < 3 => {
                let mut all = (*one).clone();
                others.iter().for_each(|other| all.union(other));
                all
            }
            _ => {
                let mut all = Gathered::around(&sets);
                sets.iter().flat_map(|set| set.words()).for_each(|(index, word)| all.add(index, word));
                all.finish()
            }
        }
    }

    pub(crate) fn union(&mut self, other: &Self) {
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
                    merged.push((one.0, one.1 | two.1));
                    (a, b) = (rest_a, rest_b);
                }
            }
        }
        merged.extend_from_slice(a);
        merged.extend_from_slice(b);
        self.0 = merged;
    }

    pub(crate) fn subtract(&mut self, other: &impl ByWord) {
        let mut from = 0;
        self.keep(|index, word| word & !other.word_from(&mut from, index));
    }

    pub(crate) fn intersect(&mut self, other: &impl ByWord) {
        let mut from = 0;
        self.keep(|index, word| word & other.word_from(&mut from, index));
    }

    fn keep(&mut self, mut part: impl FnMut(usize, u64) -> u64) {
        self.0.retain_mut(|(index, word)| {
            *word = part(*index as usize, *word);
            *word != 0
        });
    }

    /// Whether anybody is in both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let mut from = 0;
        self.words().any(|(index, word)| word & other.word_from(&mut from, index) != 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|(_, word)| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one peer alone, without counting the others.
    pub(crate) fn is_one(&self) -> bool {
        matches!(self.0.as_slice(), [(_, word)] if word.is_power_of_two())
    }

    /// The slots, the lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot<PeerId>> + '_ {
        self.words().flat_map(|(index, word)| bits(index, word))
    }

    pub(crate) fn add_to(&self, all: &mut Bitmap) {
        self.words().for_each(|(index, word)| all.set_word(index, word));
    }
}

/// A set while it is put together of many: its words one beside the other, from the first to the last of theirs, or where few are
/// between these, one after the other.
pub(crate) enum Gathered {
    Dense { first: usize, words: Vec<u64> },
    Sparse(Vec<(usize, u64)>),
}

impl Gathered {
    /// Nobody yet, with room for everybody in these sets.
    pub(crate) fn around(sets: &[&Words]) -> Self {
        let firsts = sets.iter().filter_map(|set| set.0.first()).map(|(index, _)| *index as usize);
        let lasts = sets.iter().filter_map(|set| set.0.last()).map(|(index, _)| *index as usize);
        let (Some(first), Some(last)) = (firsts.min(), lasts.max()) else { return Self::Sparse(Vec::new()) };
        let held: usize = sets.iter().map(|set| set.0.len()).sum();
        match held * 8 < last - first {
            true => Self::Sparse(Vec::with_capacity(held)),
            false => Self::Dense { first, words: vec![0; last + 1 - first] },
        }
    }

    /// Adds the peers of a word that one of the sets has.
    pub(crate) fn add(&mut self, index: usize, word: u64) {
        match self {
            Self::Dense { first, words } => words[index - *first] |= word,
            Self::Sparse(words) => words.push((index, word)),
        }
    }

    /// Adds those who are in just one of the two.
    pub(crate) fn add_differing(&mut self, one: &Words, two: &Words) {
        let (mut at, mut from) = (0, 0);
        one.words().for_each(|(index, word)| self.add(index, word & !two.word_from(&mut at, index)));
        two.words().for_each(|(index, word)| self.add(index, word & !one.word_from(&mut from, index)));
    }

    pub(crate) fn finish(self) -> Words {
        match self {
            Self::Dense { first, words } => {
                let held = words.iter().filter(|word| **word != 0).count();
                let mut all = Vec::with_capacity(held);
                all.extend((first as u32..).zip(words).filter(|(_, word)| *word != 0));
                Words(all)
            }
            Self::Sparse(words) => Words::of(words),
        }
    }
}

impl From<&Bitmap> for Words {
    fn from(set: &Bitmap) -> Self {
        let mut words = Vec::with_capacity(set.words().count());
        words.extend(set.words().map(|(index, word)| (index as u32, word)));
        Self(words)
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
                let one = words.is_one() == (model.len() == 1);
                well && one && words.count() == model.len() && words.is_empty() == model.is_empty() && words.iter().eq(model)
            };
            let with = |change: &dyn Fn(&mut Words)| {
                let mut words = of(&a);
                change(&mut words);
                words
            };
            let other = of(&b);
            let dense: Bitmap = two.iter().copied().collect();
            prop_assert!(same(with(&|w| w.union(&other)), &one | &two));
            let mut apart = Gathered::around(&[&of(&a), &other]);
            apart.add_differing(&of(&a), &other);
            prop_assert!(same(apart.finish(), &one ^ &two));
            prop_assert!(same(Words::all_of([&of(&a), &Words::default(), &other]), &one | &two));
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
