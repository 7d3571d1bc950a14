//! An ordered set as a B+-tree; a map is a set of pairs that is searched by the first part.
//!
//! **Invariant**: keys ascend from left to right, and the key beside a child is above all keys left of it and not above any in
//! it; the first child's counts as lower than everything. All leaves are equally deep, and no node but those on the right
//! edge and the root has fewer than `MIN` entries.

use std::cmp::Ordering;
use std::slice;
use std::sync::Arc;

/// chosen: what a change copies at each level.
const MAX: usize = 24;
const MIN: usize = MAX / 4;

#[derive(Debug, Clone)]
pub(crate) struct Tree<K> {
    root: Arc<Node<K>>,
    len: usize,
}

#[derive(Debug)]
enum Node<K> {
    Leaf(Vec<K>),
    Inner(Vec<(K, Arc<Node<K>>)>),
}

impl<K: Clone> Clone for Node<K> {
    /// With room for the key that a copy is made for.
    fn clone(&self) -> Self {
        fn roomy<T: Clone>(list: &[T]) -> Vec<T> {
            let mut copy = Vec::with_capacity(list.len() + 1);
            copy.extend_from_slice(list);
            copy
        }
        match self {
            Self::Leaf(keys) => Self::Leaf(roomy(keys)),
            Self::Inner(children) => Self::Inner(roomy(children)),
        }
    }
}

impl<K> Default for Tree<K> {
    fn default() -> Self {
        Self { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }
}

impl<K> Node<K> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(keys) => keys.len(),
            Self::Inner(children) => children.len(),
        }
    }
}

/// The child whose keys lie around the place up to which `before` holds.
fn child<K>(children: &[(K, Arc<Node<K>>)], before: impl Fn(&K) -> bool) -> usize {
    children[1..].partition_point(|(key, _)| before(key))
}

impl<K> Tree<K> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All keys, in order.
    pub(crate) fn iter(&self) -> Iter<'_, K> {
        Iter { walk: self.since(|_| false), left: self.len }
    }

    /// The keys from the first on for which `before` does not hold; it holds for a first part of the keys.
    pub(crate) fn since(&self, before: impl Fn(&K) -> bool) -> Walk<'_, K> {
        let (mut above, mut node) = (Vec::new(), &self.root);
        loop {
            match &**node {
                Node::Leaf(keys) => {
                    return Walk { above, leaf: keys[keys.partition_point(&before)..].iter() };
                }
                Node::Inner(children) => {
                    let at = child(children, &before);
                    above.push(children[at + 1..].iter());
                    node = &children[at].1;
                }
            }
        }
    }

    /// The last key for which `before` holds.
    pub(crate) fn last_while(&self, before: impl Fn(&K) -> bool) -> Option<&K> {
        let (mut node, mut left) = (&self.root, None);
        loop {
            match &**node {
                Node::Leaf(keys) => {
                    let at = keys.partition_point(&before);
                    return match at.checked_sub(1) {
                        Some(last) => keys.get(last),
                        None => last(left?),
                    };
                }
                Node::Inner(children) => {
                    let at = child(children, &before);
                    left = at.checked_sub(1).map(|n| &children[n].1).or(left);
                    node = &children[at].1;
                }
            }
        }
    }

    /// The key that compares as equal.
    pub(crate) fn find(&self, compare: impl Fn(&K) -> Ordering) -> Option<&K> {
        let mut node = &self.root;
        loop {
            match &**node {
                Node::Leaf(keys) => return keys.binary_search_by(&compare).ok().map(|at| &keys[at]),
                Node::Inner(children) => node = &children[child(children, |key| compare(key).is_le())].1,
            }
        }
    }
}

fn last<K>(mut node: &Arc<Node<K>>) -> Option<&K> {
    loop {
        match &**node {
            Node::Leaf(keys) => return keys.last(),
            Node::Inner(children) => node = &children.last()?.1,
        }
    }
}

impl<K: Clone> Tree<K> {
    /// The set of these keys, which ascend. Every node is made once, and no larger than it is.
    pub(crate) fn of(keys: Vec<K>) -> Self {
        let len = keys.len();
        let leaf = |keys: Vec<K>| (keys[0].clone(), Arc::new(Node::Leaf(keys)));
        let mut level: Vec<_> = parts(keys).map(leaf).collect();
        while level.len() > 1 {
            let inner = |children: Vec<(K, _)>| (children[0].0.clone(), Arc::new(Node::Inner(children)));
            level = parts(level).map(inner).collect();
        }
        level.pop().map_or_else(Self::default, |(_, root)| Self { root, len })
    }
}

/// Cuts a list into nodes: as few as can be, all equally long or one shorter.
fn parts<T>(list: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let (mut left, count) = (list.len(), list.len().div_ceil(MAX));
    let mut list = list.into_iter();
    (1..=count).rev().map(move |nodes| {
        let size = left.div_ceil(nodes);
        left -= size;
        list.by_ref().take(size).collect()
    })
}

impl<K: Ord + Clone> Tree<K> {
    pub(crate) fn contains(&self, key: &K) -> bool {
        self.find(|other| other.cmp(key)).is_some()
    }

    /// Puts a key in; says whether it was not there.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        if self.contains(&key) {
            return false;
        }
        if let Some((low, right)) = insert(&mut self.root, key) {
            // The first child's key is never compared.
            let left = (low.clone(), self.root.clone());
            self.root = Arc::new(Node::Inner(vec![left, (low, right)]));
        }
        self.len += 1;
        true
    }

    /// Takes a key out; says whether it was there.
    pub(crate) fn remove(&mut self, key: &K) -> bool {
        if !self.contains(key) {
            return false;
        }
        remove(&mut self.root, key);
        if let Node::Inner(children) = &*self.root
            && let [(_, only)] = children.as_slice()
        {
            self.root = only.clone();
        }
        self.len -= 1;
        true
    }
}

/// What is split off a node that became too large.
type Split<K> = Option<(K, Arc<Node<K>>)>;

fn insert<K: Ord + Clone>(node: &mut Arc<Node<K>>, key: K) -> Split<K> {
    match Arc::make_mut(node) {
        Node::Leaf(keys) => {
            let at = keys.partition_point(|other| *other < key);
            keys.insert(at, key);
            let right = split(keys, at)?;
            Some((right[0].clone(), Arc::new(Node::Leaf(right))))
        }
        Node::Inner(children) => {
            let at = child(children, |other| *other <= key);
            let (low, new) = insert(&mut children[at].1, key)?;
            children.insert(at + 1, (low, new));
            let right = split(children, at + 1)?;
            Some((right[0].0.clone(), Arc::new(Node::Inner(right))))
        }
    }
}

/// Splits a list that is too long in half; where keys come in order, at its end, so that full nodes are left behind.
fn split<T>(list: &mut Vec<T>, inserted: usize) -> Option<Vec<T>> {
    if list.len() <= MAX {
        return None;
    }
    let at = if inserted + 1 == list.len() { list.len() - 1 } else { list.len() / 2 };
    Some(list.split_off(at))
}

fn remove<K: Ord + Clone>(node: &mut Arc<Node<K>>, key: &K) {
    match Arc::make_mut(node) {
        Node::Leaf(keys) => _ = keys.remove(keys.partition_point(|other| other < key)),
        Node::Inner(children) => {
            let at = child(children, |other| other <= key);
            remove(&mut children[at].1, key);
            if children[at].1.len() < MIN && children.len() > 1 {
                merge(children, at.min(children.len() - 2));
            }
        }
    }
}

/// Makes one node of two neighbors, or two that are equally long.
fn merge<K: Ord + Clone>(children: &mut Vec<(K, Arc<Node<K>>)>, at: usize) {
    let (low, right) = children.remove(at + 1);
    let right = Arc::unwrap_or_clone(right);
    let split = match (Arc::make_mut(&mut children[at].1), right) {
        (Node::Leaf(left), Node::Leaf(right)) => {
            left.extend(right);
            halve(left).map(|half| (half[0].clone(), Node::Leaf(half)))
        }
        (Node::Inner(left), Node::Inner(mut right)) => {
            right[0].0 = low;
            left.extend(right);
            halve(left).map(|half| (half[0].0.clone(), Node::Inner(half)))
        }
        _ => unreachable!("all leaves are equally deep"),
    };
    if let Some((low, half)) = split {
        children.insert(at + 1, (low, Arc::new(half)));
    }
}

fn halve<T>(list: &mut Vec<T>) -> Option<Vec<T>> {
    (list.len() > MAX).then(|| list.split_off(list.len() / 2))
}

/// Keys in order, from some key on.
#[derive(Debug)]
pub(crate) struct Walk<'a, K> {
    above: Vec<slice::Iter<'a, (K, Arc<Node<K>>)>>,
    leaf: slice::Iter<'a, K>,
}

impl<K> Clone for Walk<'_, K> {
    fn clone(&self) -> Self {
        Self { above: self.above.clone(), leaf: self.leaf.clone() }
    }
}

impl<'a, K> Iterator for Walk<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        loop {
            if let Some(key) = self.leaf.next() {
                return Some(key);
            }
            let (_, node) = loop {
                match self.above.last_mut()?.next() {
                    Some(child) => break child,
                    None => _ = self.above.pop(),
                }
            };
            match &**node {
                Node::Leaf(keys) => self.leaf = keys.iter(),
                Node::Inner(children) => self.above.push(children.iter()),
            }
        }
    }
}

/// All keys in order, counted.
#[derive(Debug)]
pub(crate) struct Iter<'a, K> {
    walk: Walk<'a, K>,
    left: usize,
}

impl<K> Clone for Iter<'_, K> {
    fn clone(&self) -> Self {
        Self { walk: self.walk.clone(), left: self.left }
    }
}

impl<'a, K> Iterator for Iter<'a, K> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        let key = self.walk.next()?;
        self.left -= 1;
        Some(key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K> ExactSizeIterator for Iter<'_, K> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Looks at a tree from inside: order, separators, depth.
    fn sound(node: &Node<u32>, low: Option<u32>, high: Option<u32>) -> usize {
        let within = |key: u32| low.is_none_or(|low| low <= key) && high.is_none_or(|high| key < high);
        match node {
            Node::Leaf(keys) => {
                assert!(keys.is_sorted_by(|a, b| a < b) && keys.iter().all(|key| within(*key)) && keys.len() <= MAX);
                0
            }
            Node::Inner(children) => {
                assert!((1..=MAX).contains(&children.len()));
                let bounds = |n: usize| if n == 0 { low } else { children.get(n).map(|(key, _)| *key).or(high) };
                let depths = children.iter().enumerate().map(|(n, (_, c))| sound(c, bounds(n), bounds(n + 1)));
                let depths: BTreeSet<_> = depths.collect();
                assert_eq!(depths.len(), 1, "leaves are equally deep");
                1 + depths.into_iter().next().unwrap()
            }
        }
    }

    fn same(tree: &Tree<u32>, model: &BTreeSet<u32>) {
        assert!(tree.iter().eq(model.iter()));
        assert_eq!((tree.len(), tree.iter().len()), (model.len(), model.len()));
        sound(&tree.root, None, None);
    }

    #[test]
    fn keys_in_either_order_make_few_levels_and_all_of_them_go_again() {
        for ascending in [true, false] {
            let keys: Vec<u32> = (0..20_000).collect();
            let order = |n: usize| if ascending { keys[n] } else { keys[keys.len() - 1 - n] };
            let mut tree = Tree::default();
            (0..keys.len()).for_each(|n| assert!(tree.insert(order(n))));
            assert!(sound(&tree.root, None, None) <= 4, "{}", sound(&tree.root, None, None));
            same(&tree, &keys.iter().copied().collect());
            for n in 0..keys.len() {
                assert!(tree.remove(&keys[n * 7919 % keys.len()]));
            }
            same(&tree, &BTreeSet::new());
        }
    }

    #[test]
    fn a_tree_of_ascending_keys_is_sound_whatever_their_number() {
        for len in (0..1300).chain([13_824, 13_825, 40_000]) {
            let keys: Vec<u32> = (0..len).map(|n| n * 3).collect();
            let tree = Tree::of(keys.clone());
            same(&tree, &keys.into_iter().collect());
            assert!(shortest(&tree.root, true) >= MIN, "{len}");
        }
    }

    /// The length of the shortest node but the root.
    fn shortest(node: &Node<u32>, is_root: bool) -> usize {
        let own = if is_root { usize::MAX } else { node.len() };
        match node {
            Node::Leaf(_) => own,
            Node::Inner(children) => children.iter().map(|(_, c)| shortest(c, false)).min().unwrap_or(own).min(own),
        }
    }

    proptest! {
        #[test]
        fn a_tree_is_an_ordered_set_and_old_ones_stay(
            start in proptest::collection::btree_set(0u32..3000, 0..1200),
            at_once: bool,
            steps in proptest::collection::vec((0u8..3, 0u32..3000), 0..300),
        ) {
            let (mut tree, mut model) = (Tree::default(), BTreeSet::new());
            if at_once {
                (tree, model) = (Tree::of(start.iter().copied().collect()), start);
            } else {
                for key in start {
                    prop_assert_eq!(tree.insert(key), model.insert(key));
                }
            }
            let mut kept = vec![(tree.clone(), model.clone())];
            for (n, (what, key)) in steps.into_iter().enumerate() {
                match what {
                    0 => prop_assert_eq!(tree.insert(key), model.insert(key)),
                    // What is there goes more often than a random key would.
                    _ => {
                        let key = model.range(key..).next().copied().unwrap_or(key);
                        prop_assert_eq!(tree.remove(&key), model.remove(&key));
                    }
                }
                prop_assert_eq!(tree.contains(&key), model.contains(&key));
                prop_assert!(tree.since(|k| *k < key).take(40).eq(model.range(key..).take(40)));
                prop_assert_eq!(tree.last_while(|k| *k < key), model.range(..key).next_back());
                if n % 40 == 0 {
                    kept.push((tree.clone(), model.clone()));
                }
            }
            kept.push((tree, model));
            kept.iter().for_each(|(tree, model)| same(tree, model));
        }
    }
}
