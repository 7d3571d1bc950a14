//! Sets of peers that are held and looked at, and change no more.
//!
//! **Invariant**: the peers of the [`Words`] that it was made of, in what takes less memory: a plan holds many sets, and where groups are
//! drawn at random hardly two of their peers are in one word.

use nanami_model::{PeerId, Slot};

use crate::bitmap::Bitmap;
use crate::words::Words;

/// A set of peers by slot.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    /// The slots, the lowest first: four bytes for each.
    Slots(Box<[u32]>),
    /// The words: sixteen bytes for each.
    Words(Words),
}

impl Held {
    /// The lowest slots first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot<PeerId>> + '_ {
        let (slots, words) = match self {
            Self::Slots(slots) => (Some(slots), None),
            Self::Words(words) => (None, Some(words)),
        };
        let slots = slots.into_iter().flatten().copied().map(Slot::new);
        slots.chain(words.into_iter().flat_map(Words::iter))
    }

    pub(crate) fn contains(&self, slot: Slot<PeerId>) -> bool {
        match self {
            Self::Slots(slots) => slots.binary_search(&(slot.index() as u32)).is_ok(),
            Self::Words(words) => words.contains(slot),
        }
    }

    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Slots(slots) => slots.len(),
            Self::Words(words) => words.count(),
        }
    }

    pub(crate) fn add_to(&self, all: &mut Bitmap) {
        match self {
            Self::Slots(slots) => slots.iter().for_each(|slot| all.insert(Slot::new(*slot))),
            Self::Words(words) => words.add_to(all),
        }
    }
}

impl From<&Words> for Held {
    fn from(set: &Words) -> Self {
        let count = set.count();
        if count >= 4 * set.words().len() {
            return Self::Words(set.clone());
        }
        let mut slots = Vec::with_capacity(count);
        for (index, mut word) in set.words() {
            while word != 0 {
                slots.push(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        Self::Slots(slots.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_set_is_held_as_the_same_peers_are_in_it() {
        let far = (0..40).map(|n| n * 70).collect::<Vec<u32>>();
        for slots in [far, (3..200).collect(), Vec::new()] {
            let words: Words = slots.iter().copied().map(Slot::new).collect();
            let (held, mut all) = (Held::from(&words), Bitmap::default());
            held.add_to(&mut all);
            assert_eq!(held.iter().collect::<Vec<_>>(), words.iter().collect::<Vec<_>>());
            assert_eq!((held.count(), Words::from(&all)), (slots.len(), words.clone()));
            assert!((0..3000).map(Slot::new).all(|slot| held.contains(slot) == words.contains(slot)));
        }
    }
}
