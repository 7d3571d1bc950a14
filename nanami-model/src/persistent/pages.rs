//! A vector in pages.
//!
//! **Invariant**: every page but the last is full, and the path to a page follows from its number. Two vectors of which one
//! came of the other share the pages in which they do not differ.

use std::sync::Arc;

/// chosen: elements in a page; what a change copies.
const PAGE: usize = 32;
/// chosen: children of an inner node; 131,072 elements need two levels of them.
const CHILDREN: usize = 64;

#[derive(Debug, Clone)]
pub(crate) struct Pages<T> {
    root: Option<Arc<Node<T>>>,
    /// Levels of inner nodes above the pages.
    height: u32,
    len: usize,
}

#[derive(Debug, Clone)]
enum Node<T> {
    Page(Vec<T>),
    Inner(Vec<Arc<Node<T>>>),
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { root: None, height: 0, len: 0 }
    }
}

/// How many elements a node of this height holds.
fn capacity(height: u32) -> usize {
    PAGE.saturating_mul(CHILDREN.saturating_pow(height))
}

impl<T> Pages<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len {
            return None;
        }
        let (mut node, mut height) = (self.root.as_ref()?, self.height);
        loop {
            match &**node {
                Node::Page(page) => return page.get(index % PAGE),
                Node::Inner(children) => {
                    height -= 1;
                    node = children.get(index / capacity(height) % CHILDREN)?;
                }
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len.div_ceil(PAGE)).flat_map(|page| self.page(page))
    }

    /// The elements of one page, which are 32 from the 32nd of its number on, fewer in the last one and none beyond.
    pub(crate) fn page(&self, page: usize) -> &[T] {
        let start = page.saturating_mul(PAGE);
        if start >= self.len {
            return &[];
        }
        let (mut node, mut height) = (self.root.as_ref(), self.height);
        loop {
            match node.map(|node| &**node) {
                None => return &[],
                Some(Node::Page(page)) => return page,
                Some(Node::Inner(children)) => {
                    height -= 1;
                    node = children.get(start / capacity(height) % CHILDREN);
                }
            }
        }
    }

    /// Whether the two are one vector in memory.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        }
    }

    /// Shows each index at which the two may differ, with what either has there. Pages that they share are skipped.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self, with: &mut dyn FnMut(usize, Option<&'a T>, Option<&'a T>)) {
        let (one, two) = ((self.root.as_ref(), self.height), (other.root.as_ref(), other.height));
        differing(one, two, 0, with);
    }
}

type Side<'a, T> = (Option<&'a Arc<Node<T>>>, u32);

fn differing<'a, T>(
    one: Side<'a, T>,
    two: Side<'a, T>,
    base: usize,
    with: &mut dyn FnMut(usize, Option<&'a T>, Option<&'a T>),
) {
    match (one.0, two.0) {
        (None, None) => return,
        (Some(a), Some(b)) if one.1 == two.1 && Arc::ptr_eq(a, b) => return,
        _ => {}
    }
    let height = one.1.max(two.1);
    if height > 0 {
        let (left, right) = (children(one, height), children(two, height));
        for n in 0..left.len().max(right.len()) {
            let child = |side: &[Side<'a, T>]| side.get(n).copied().unwrap_or((None, height - 1));
            differing(child(&left), child(&right), base + n * capacity(height - 1), with);
        }
        return;
    }
    let page = |side: Side<'a, T>| match side.0.map(|node| &**node) {
        Some(Node::Page(page)) => page.as_slice(),
        _ => &[],
    };
    let (left, right) = (page(one), page(two));
    for n in 0..left.len().max(right.len()) {
        with(base + n, left.get(n), right.get(n));
    }
}

/// The children at this height; a tree that is lower stands where its new root would have put it, first.
fn children<T>((node, own): Side<'_, T>, height: u32) -> Vec<Side<'_, T>> {
    match node.map(|node| &**node) {
        Some(Node::Inner(children)) if own == height => children.iter().map(|c| (Some(c), height - 1)).collect(),
        Some(_) => vec![(node, own)],
        None => Vec::new(),
    }
}

impl<T: Clone> Pages<T> {
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len {
            return None;
        }
        let (mut node, mut height) = (self.root.as_mut()?, self.height);
        loop {
            match Arc::make_mut(node) {
                Node::Page(page) => return page.get_mut(index % PAGE),
                Node::Inner(children) => {
                    height -= 1;
                    node = children.get_mut(index / capacity(height) % CHILDREN)?;
                }
            }
        }
    }

    pub(crate) fn push(&mut self, value: T) {
        let root = self.root.get_or_insert_with(|| Arc::new(Node::Page(Vec::new())));
        if self.len == capacity(self.height) {
            *root = Arc::new(Node::Inner(vec![root.clone()]));
            self.height += 1;
        }
        let (mut node, mut height) = (root, self.height);
        loop {
            match Arc::make_mut(node) {
                Node::Page(page) => {
                    page.push(value);
                    break;
                }
                Node::Inner(children) => {
                    height -= 1;
                    let at = self.len / capacity(height) % CHILDREN;
                    if at == children.len() {
                        let empty = if height == 0 { Node::Page(Vec::new()) } else { Node::Inner(Vec::new()) };
                        children.push(Arc::new(empty));
                    }
                    node = &mut children[at];
                }
            }
        }
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u32]) -> Pages<u32> {
        values.iter().fold(Pages::default(), |mut pages, value| {
            pages.push(*value);
            pages
        })
    }

    #[test]
    fn many_elements_make_levels() {
        let values: Vec<u32> = (0..100_000).collect();
        let pages = of(&values);
        assert!(pages.iter().eq(values.iter()) && pages.height == 2);
        assert!((0..values.len()).all(|n| pages.get(n) == Some(&values[n])));
        assert_eq!(pages.get(values.len()), None);
        let mut changed = pages.clone();
        *changed.get_mut(70_000).unwrap() = 7;
        let mut seen = Vec::new();
        changed.differing(&pages, &mut |n, new, old| {
            seen.push(n);
            assert!(new == old || (n, new, old) == (70_000, Some(&7), Some(&70_000)));
        });
        assert_eq!(seen, (69_984..70_016).collect::<Vec<_>>(), "one page is looked at");
    }

    proptest! {
        #[test]
        fn pages_are_a_vector_and_old_ones_stay(
            start in 0usize..2100,
            steps in proptest::collection::vec((any::<bool>(), any::<u32>(), 0usize..2200), 0..60),
        ) {
            let mut model: Vec<u32> = (0..start as u32).collect();
            let mut pages = of(&model);
            let mut kept = vec![(pages.clone(), model.clone())];
            for (pushes, value, at) in steps {
                if pushes {
                    pages.push(value);
                    model.push(value);
                } else if let Some(element) = model.get_mut(at) {
                    *element = value;
                    *pages.get_mut(at).unwrap() = value;
                } else {
                    prop_assert_eq!(pages.get_mut(at), None);
                }
                kept.push((pages.clone(), model.clone()));
            }
            for (old, was) in &kept {
                prop_assert_eq!(old.len(), was.len());
                prop_assert!(old.iter().eq(was.iter()));
                let mut differing = Vec::new();
                pages.differing(old, &mut |n, new, old| if new != old { differing.push((n, new.copied(), old.copied())) });
                let brute = (0..model.len().max(was.len())).map(|n| (n, model.get(n).copied(), was.get(n).copied()));
                prop_assert_eq!(differing, brute.filter(|(_, new, old)| new != old).collect::<Vec<_>>());
            }
        }
    }
}
