//! A list that clones share page by page, so that a copy with one element changed costs one page.
//!
//! **Invariant**: every page but the last is full, and every shelf of pages but the last, so that an index is a shelf, a page and a
//! place in it.

use std::sync::Arc;

/// A list of elements in shared pages. The size of a page is chosen so that copying one costs less than a microsecond: 1,024
/// words, or fewer of what costs more to copy. Pages stand in shelves, so that a clone counts shelves and not pages: where hardly
/// two of 100,000 peers are alike there are 600 pages, and each that is counted is read from memory.
#[derive(Debug, Clone)]
pub(crate) struct Paged<T, const PAGE: usize = 1024> {
    shelves: Vec<Shelf<T>>,
    length: usize,
}

type Shelf<T> = Arc<Vec<Arc<Vec<T>>>>;

/// chosen: pages in a shelf, about the root of how many there are.
const SHELF: usize = 32;

impl<T, const PAGE: usize> Default for Paged<T, PAGE> {
    fn default() -> Self {
        Self { shelves: Vec::new(), length: 0 }
    }
}

impl<T: Clone, const PAGE: usize> Paged<T, PAGE> {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.shelves.get(index / PAGE / SHELF)?.get(index / PAGE % SHELF)?.get(index % PAGE)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let shelf = Arc::make_mut(self.shelves.get_mut(index / PAGE / SHELF)?);
        Arc::make_mut(shelf.get_mut(index / PAGE % SHELF)?).get_mut(index % PAGE)
    }

    pub(crate) fn push(&mut self, element: T) {
        if self.length.is_multiple_of(PAGE * SHELF) {
            self.shelves.push(Arc::default());
        }
        let shelf = Arc::make_mut(self.shelves.last_mut().expect("a shelf was pushed if there was no room"));
        if self.length.is_multiple_of(PAGE) {
            shelf.push(Arc::default());
        }
        Arc::make_mut(shelf.last_mut().expect("a page was pushed if there was no room")).push(element);
        self.length += 1;
    }

    /// Sets an element, after as many copies of `filler` as it takes to have a place there.
    pub(crate) fn put(&mut self, index: usize, element: T, filler: &T) {
        while self.length <= index {
            self.push(filler.clone());
        }
        if let Some(place) = self.get_mut(index) {
            *place = element;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.shelves.iter().flat_map(|shelf| shelf.iter()).flat_map(|page| page.iter())
    }
}

impl<T: Clone, const PAGE: usize> From<Vec<T>> for Paged<T, PAGE> {
    fn from(elements: Vec<T>) -> Self {
        let shelf = |shelf: &[T]| Arc::new(shelf.chunks(PAGE).map(|page| Arc::new(page.to_vec())).collect());
        Self { length: elements.len(), shelves: elements.chunks(PAGE * SHELF).map(shelf).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_copy_leaves_the_original_and_shares_the_rest() {
        let old: Paged<u32> = (0..3000).collect::<Vec<_>>().into();
        let mut new = old.clone();
        *new.get_mut(1500).unwrap() = 7;
        new.put(4000, 9, &0);
        assert_eq!((old.get(1500), new.get(1500)), (Some(&1500), Some(&7)));
        assert_eq!((old.len(), new.len()), (3000, 4001));
        assert_eq!((new.get(3500), new.get(4000), new.get(4001)), (Some(&0), Some(&9), None));
        let [was, is] = [&old, &new].map(|list| &list.shelves[0]);
        assert!(Arc::ptr_eq(&was[0], &is[0]) && !Arc::ptr_eq(&was[1], &is[1]));
        assert!(new.iter().take(1500).eq(old.iter().take(1500)));
    }

    #[test]
    fn whole_shelves_are_shared() {
        let elements: Vec<u32> = (0..70).collect();
        let old: Paged<u32, 1> = elements.clone().into();
        let mut new = Paged::<u32, 1>::default();
        elements.iter().for_each(|element| new.push(*element));
        assert!(old.iter().eq(new.iter()) && new.iter().eq(&elements) && new.len() == 70);
        assert!((0..71).all(|at| old.get(at) == elements.get(at) && new.get(at) == elements.get(at)));
        let mut changed = new.clone();
        changed.put(40, 7, &0);
        assert_eq!((new.get(40), changed.get(40)), (Some(&40), Some(&7)));
        let shared = |n: usize| Arc::ptr_eq(&new.shelves[n], &changed.shelves[n]);
        assert_eq!([0, 1, 2].map(shared), [true, false, true]);
    }
}
