//! Sets of peers, by slot.
//!
//! **Invariant**: `count` is the number of slots in all pages. A page with few slots lists them, a page with many is a bitmap;
//! which of the two it is follows from its count, and an empty page is none.

use std::sync::Arc;

use super::Slot;
use crate::id::PeerId;
use crate::persistent::Pages;

/// Slots in a page (PLANNING: copy-on-write pages of 4k peers).
const PAGE: usize = 4096;
const WORDS: usize = PAGE / 64;
/// chosen: so many slots take a third of the bitmap's memory at most.
const FEW: usize = 80;

/// A set of peers, by their slots: a bitmap in pages, which clones share until one of them changes.
///
/// ```
/// use nanami_model::{Slot, SlotSet};
///
/// let set: SlotSet = [3, 70].map(Slot::new).into_iter().collect();
/// assert_eq!(set.words().collect::<Vec<_>>(), [(0, 1 << 3), (1, 1 << 6)]);
/// assert!(set.contains(Slot::new(70)) && set.len() == 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct SlotSet {
    pages: Pages<Option<Arc<Page>>>,
    count: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Page {
    /// In ascending order.
    Few(Vec<u16>),
    Many(Box<[u64; WORDS]>),
}

impl SlotSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the peer in this slot is in the set.
    pub fn contains(&self, slot: Slot<PeerId>) -> bool {
        match self.page(slot.index() / PAGE) {
            None => false,
            Some(Page::Few(list)) => list.binary_search(&within(slot)).is_ok(),
            Some(Page::Many(words)) => words[slot.index() % PAGE / 64] & bit(slot) != 0,
        }
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
        if self.contains(slot) {
            return false;
        }
        let at = slot.index() / PAGE;
        while self.pages.len() <= at {
            self.pages.push(None);
        }
        let page = self.pages.get_mut(at).expect("it was made");
        match Arc::make_mut(page.get_or_insert_with(|| Arc::new(Page::Few(Vec::new())))) {
            Page::Few(list) => list.insert(list.partition_point(|n| *n < within(slot)), within(slot)),
            Page::Many(words) => words[slot.index() % PAGE / 64] |= bit(slot),
        }
        shape(page);
        self.count += 1;
        true
    }

    /// Takes a slot out of the set; says whether it was in it.
    pub fn remove(&mut self, slot: Slot<PeerId>) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let page = self.pages.get_mut(slot.index() / PAGE).expect("the slot is in it");
        match page.as_mut().map(Arc::make_mut) {
            Some(Page::Few(list)) => list.retain(|n| *n != within(slot)),
            Some(Page::Many(words)) => words[slot.index() % PAGE / 64] &= !bit(slot),
            None => {}
        }
        shape(page);
        self.count -= 1;
        true
    }

    /// The slots, the lowest first.
    pub fn iter(&self) -> impl Iterator<Item = Slot<PeerId>> + '_ {
        self.words().flat_map(|(index, word)| bits(index, word))
    }

    /// The bitmap in words of 64 slots that are not empty, each with its index: bit `b` of word `w` is slot `64 * w + b`.
    pub fn words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let pages = self.pages.iter().enumerate().filter_map(|(n, page)| Some((n * WORDS, &**page.as_ref()?)));
        pages.flat_map(|(first, page)| Words { first, page, at: 0 })
    }

    /// One word of the bitmap that [`words`](Self::words) describes; 0 beyond the end.
    pub fn word(&self, index: usize) -> u64 {
        self.page(index / WORDS).map_or(0, |page| page.word(index % WORDS))
    }

    /// One more than the highest slot of the set; 0 if it is empty.
    pub fn bound(&self) -> usize {
        let pages = (0..self.pages.len()).rev().filter_map(|n| Some((n, self.page(n)?)));
        let highest = pages.map(|(n, page)| n * PAGE + page.highest()).next();
        highest.map_or(0, |highest| highest + 1)
    }

    /// Sets the bits of all slots of the set in a bitmap of the form that [`words`](Self::words) describes. Words beyond the
    /// end of the bitmap are left out.
    pub fn union_into(&self, bitmap: &mut [u64]) {
        let pages = self.pages.iter().enumerate().filter_map(|(n, page)| Some((n * WORDS, &**page.as_ref()?)));
        for (first, page) in pages {
            let Some(target) = bitmap.get_mut(first..) else { return };
            match page {
                Page::Few(list) => list.iter().for_each(|n| {
                    if let Some(word) = target.get_mut(usize::from(*n) / 64) {
                        *word |= 1 << (n % 64);
                    }
                }),
                Page::Many(words) => target.iter_mut().zip(words.iter()).for_each(|(word, own)| *word |= own),
            }
        }
    }

    /// The slots that are in this set and not in the other, the lowest first. Pages that the two share are not looked at, so
    /// that two revisions of a set are compared in the time that their difference takes.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Slot<PeerId>> + 'a {
        let mut left = Vec::new();
        self.pages.differing(&other.pages, &mut |n, own, theirs| {
            let (own, theirs) = (own.and_then(Option::as_ref), theirs.and_then(Option::as_ref));
            match (own, theirs) {
                (Some(own), Some(theirs)) if Arc::ptr_eq(own, theirs) => {}
                (Some(own), theirs) => left.push((n * WORDS, &**own, theirs.map(|page| &**page))),
                (None, _) => {}
            }
        });
        left.into_iter().flat_map(|(first, own, theirs)| {
            let rest =
                move |(index, word): (usize, u64)| (index, word & !theirs.map_or(0, |page| page.word(index % WORDS)));
            Words { first, page: own, at: 0 }.map(rest).flat_map(|(index, word)| bits(index, word))
        })
    }

    /// Whether the two share their memory, and so are equal without a look at any element. `false` says nothing.
    pub fn shares(&self, other: &Self) -> bool {
        self.pages.shares(&other.pages)
    }

    fn page(&self, at: usize) -> Option<&Page> {
        self.pages.get(at)?.as_deref()
    }
}

/// Gives a page that was changed the form that its count asks for.
fn shape(page: &mut Option<Arc<Page>>) {
    let formed = match page.as_deref() {
        Some(Page::Few(list)) if list.is_empty() => None,
        Some(Page::Few(list)) if list.len() > FEW => {
            let mut words = Box::new([0; WORDS]);
            list.iter().for_each(|n| words[usize::from(*n) / 64] |= 1 << (n % 64));
            Some(Page::Many(words))
        }
        Some(Page::Many(words)) if words.iter().map(|w| w.count_ones() as usize).sum::<usize>() <= FEW => {
            let whole = Page::Many(words.clone());
            let slots = Words { first: 0, page: &whole, at: 0 }.flat_map(|(index, word)| bits(index, word));
            Some(Page::Few(slots.map(within).collect()))
        }
        _ => return,
    };
    *page = formed.map(Arc::new);
}

impl Page {
    /// The highest place that is taken.
    fn highest(&self) -> usize {
        match self {
            Self::Few(list) => list.last().map_or(0, |n| usize::from(*n)),
            Self::Many(words) => {
                let last = words.iter().rposition(|word| *word != 0);
                last.map_or(0, |at| 64 * at + 63 - words[at].leading_zeros() as usize)
            }
        }
    }

    fn word(&self, at: usize) -> u64 {
        match self {
            Self::Few(list) => {
                let own = list[list.partition_point(|n| usize::from(*n) / 64 < at)..].iter();
                own.take_while(|n| usize::from(**n) / 64 == at).fold(0, |word, n| word | 1 << (n % 64))
            }
            Self::Many(words) => words[at],
        }
    }
}

/// The words of one page that are not empty. In a list, `at` counts elements, in a bitmap words.
struct Words<'a> {
    first: usize,
    page: &'a Page,
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = (usize, u64);

    fn next(&mut self) -> Option<(usize, u64)> {
        match self.page {
            Page::Few(list) => {
                let index = usize::from(*list.get(self.at)?) / 64;
                let mut word = 0;
                while let Some(n) = list.get(self.at).filter(|n| usize::from(**n) / 64 == index) {
                    word |= 1 << (n % 64);
                    self.at += 1;
                }
                Some((self.first + index, word))
            }
            Page::Many(words) => {
                self.at += words.get(self.at..)?.iter().position(|word| *word != 0)? + 1;
                Some((self.first + self.at - 1, words[self.at - 1]))
            }
        }
    }
}

impl PartialEq for SlotSet {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.without(other).next().is_none()
    }
}

impl Eq for SlotSet {}

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

/// The slot's place in its page.
fn within(slot: Slot<PeerId>) -> u16 {
    (slot.index() % PAGE) as u16
}

fn bit(slot: Slot<PeerId>) -> u64 {
    1 << (slot.index() % 64)
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
        fn a_slot_set_is_a_set(
            start in proptest::collection::vec(0u32..9_000, 0..300),
            steps in proptest::collection::vec((any::<bool>(), 0u32..10_000), 0..200),
        ) {
            let mut set: SlotSet = start.iter().copied().map(Slot::new).collect();
            let mut model: BTreeSet<Slot<PeerId>> = start.into_iter().map(Slot::new).collect();
            let mut kept = vec![(set.clone(), model.clone())];
            for (n, (inserts, index)) in steps.into_iter().enumerate() {
                let slot = Slot::new(index);
                if inserts {
                    prop_assert_eq!(set.insert(slot), model.insert(slot));
                } else {
                    // What is there goes more often than a random slot would.
                    let slot = model.range(slot..).next().copied().unwrap_or(slot);
                    prop_assert_eq!(set.remove(slot), model.remove(&slot));
                }
                if n % 16 == 0 {
                    kept.push((set.clone(), model.clone()));
                }
            }
            kept.push((set.clone(), model.clone()));
            let mut bitmap = vec![0; 10_000 / 64 + 1];
            set.union_into(&mut bitmap);
            for (old, was) in &kept {
                prop_assert_eq!(old.iter().collect::<BTreeSet<_>>(), was.clone());
                prop_assert_eq!((old.len(), old.is_empty()), (was.len(), was.is_empty()));
                prop_assert!(set.without(old).eq(model.difference(was).copied()));
                prop_assert!(old.without(&set).eq(was.difference(&model).copied()));
                prop_assert_eq!(&was.iter().copied().collect::<SlotSet>(), old);
                prop_assert_eq!(old == &set, was == &model);
                prop_assert!(old.words().all(|(_, word)| word != 0));
                prop_assert!(old.words().all(|(index, word)| old.word(index) == word));
                prop_assert_eq!((0..200).filter(|index| old.word(*index) != 0).count(), old.words().count());
                prop_assert_eq!(old.bound(), was.last().map_or(0, |slot| slot.index() + 1));
                prop_assert!(was.iter().all(|slot| old.contains(*slot)));
            }
            for (index, word) in bitmap.into_iter().enumerate() {
                prop_assert!(bits(index, word).all(|slot| set.contains(slot)));
            }
            prop_assert_eq!(set.words().map(|(_, word)| word.count_ones() as usize).sum::<usize>(), set.len());
        }
    }
}
