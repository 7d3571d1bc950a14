//! Sets of peers while something is computed: dense words, kept and cleared instead of allocated again.
//!
//! **Invariant**: the words are those of [`SlotSet::words`]: bit `b` of word `w` is slot `64 * w + b`.

use nanami_model::{PeerId, Slot, SlotSet};

/// A set of peers by slot, for computing with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// An empty set.
    pub(crate) const fn empty() -> Self {
        Self { words: Vec::new() }
    }

    /// An empty set with room for slots below `bound`.
    pub(crate) fn new(bound: usize) -> Self {
        Self { words: vec![0; bound.div_ceil(64)] }
    }

    /// Empties the set and gives it room for slots below `bound`.
    pub(crate) fn reset(&mut self, bound: usize) {
        self.words.clear();
        self.words.resize(bound.div_ceil(64), 0);
    }

    pub(crate) fn insert(&mut self, slot: Slot<PeerId>) {
        let (word, bit) = place(slot);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    pub(crate) fn remove(&mut self, slot: Slot<PeerId>) {
        let (word, bit) = place(slot);
        if let Some(own) = self.words.get_mut(word) {
            *own &= !bit;
        }
    }

    pub(crate) fn contains(&self, slot: Slot<PeerId>) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|own| own & bit != 0)
    }

    /// The word at an index; beyond the end there is nobody.
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// The words that are not empty, with their index.
    pub(crate) fn words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.words.iter().copied().enumerate().filter(|(_, word)| *word != 0)
    }

    /// Adds the peers of one word.
    pub(crate) fn set_word(&mut self, index: usize, bits: u64) {
        if self.words.len() <= index {
            self.words.resize(index + 1, 0);
        }
        self.words[index] |= bits;
    }

    /// Takes out the peers of one word.
    pub(crate) fn clear_word(&mut self, index: usize, bits: u64) {
        self.words.get_mut(index).into_iter().for_each(|word| *word &= !bits);
    }

    pub(crate) fn add(&mut self, set: &SlotSet) {
        let words = set.bound().div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        set.union_into(&mut self.words);
    }

    pub(crate) fn union(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(own, word)| *own |= word);
    }

    pub(crate) fn subtract(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, word)| *own &= !word);
    }

    /// Takes out those of a set, by the shorter of the two. Says how many words were looked at.
    pub(crate) fn leave_out(&mut self, set: &SlotSet) -> u64 {
        let mut looked = 0;
        if set.len() < self.words.len() {
            for (index, word) in set.words() {
                looked += 1;
                self.words.get_mut(index).into_iter().for_each(|own| *own &= !word);
            }
            return looked;
        }
        self.retain(|index, own| {
            looked += 1;
            own & !set.word(index)
        });
        looked
    }

    /// Puts a part of each word that is not empty in its place.
    pub(crate) fn retain(&mut self, mut part: impl FnMut(usize, u64) -> u64) {
        let words = self.words.iter_mut().enumerate().filter(|(_, word)| **word != 0);
        words.for_each(|(index, word)| *word = part(index, *word));
    }

    pub(crate) fn intersect(&mut self, other: &Self) {
        self.words.truncate(other.words.len());
        self.words.iter_mut().zip(&other.words).for_each(|(own, word)| *own &= word);
    }

    /// Keeps those who are in just one of the two.
    pub(crate) fn differ(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(own, word)| *own ^= word);
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The slots, the lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot<PeerId>> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| bits(index, *word))
    }
}

impl FromIterator<Slot<PeerId>> for Bitmap {
    fn from_iter<T: IntoIterator<Item = Slot<PeerId>>>(slots: T) -> Self {
        let mut set = Self::default();
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

/// The slots of one word.
#[inline]
pub(crate) fn bits(index: usize, mut word: u64) -> impl Iterator<Item = Slot<PeerId>> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 64).then(|| Slot::new(index as u32 * 64 + bit))
    })
}

fn place(slot: Slot<PeerId>) -> (usize, u64) {
    (slot.index() / 64, 1 << (slot.index() % 64))
}
