//! Pairs as few statements: everybody with everybody, one with several, one with one.

use std::collections::{BTreeMap, BTreeSet};

use super::links::Pair;

/// One statement about pairs; all of them together are about exactly the pairs that were asked for, each once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cover {
    /// All pairs among these, three or more.
    Everybody(BTreeSet<usize>),
    /// One with each of several.
    Star { center: usize, others: BTreeSet<usize> },
    /// One with one.
    Pair(usize, usize),
}

pub(super) fn cover(pairs: &BTreeSet<Pair>) -> Vec<Cover> {
    let everybody: BTreeSet<usize> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    if everybody.len() > 2 && pairs.len() == everybody.len() * (everybody.len() - 1) / 2 {
        return vec![Cover::Everybody(everybody)];
    }
    let mut neighbors = BTreeMap::<usize, BTreeSet<usize>>::new();
    for (a, b) in pairs {
        neighbors.entry(*a).or_default().insert(*b);
        neighbors.entry(*b).or_default().insert(*a);
    }
    let mut covers = Vec::new();
    // The one with the most left goes next; the smallest index where several have.
    let most = |left: &BTreeMap<usize, BTreeSet<usize>>| {
        left.iter()
            .filter(|(_, others)| !others.is_empty())
            .max_by_key(|(at, others)| (others.len(), usize::MAX - **at))
            .map(|(at, _)| *at)
    };
    while let Some(center) = most(&neighbors) {
        let others = neighbors.remove(&center).unwrap_or_default();
        for other in &others {
            neighbors.entry(*other).or_default().remove(&center);
        }
        covers.push(match (others.len(), others.first()) {
            (1, Some(other)) => Cover::Pair(center.min(*other), center.max(*other)),
            _ => Cover::Star { center, others },
        });
    }
    covers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_the_pairs_are_covered_each_once(pairs in prop::collection::btree_set((0usize..8, 0usize..8), 0..20)) {
            let pairs: BTreeSet<_> = pairs.into_iter().filter(|(a, b)| a < b).collect();
            let mut covered = Vec::new();
            for cover in cover(&pairs) {
                match cover {
                    Cover::Everybody(all) => covered.extend(all.iter().flat_map(|a| all.range(a + 1..).map(move |b| (*a, *b)))),
                    Cover::Star { center, others } => covered.extend(others.iter().map(|o| (center.min(*o), center.max(*o)))),
                    Cover::Pair(a, b) => covered.push((a, b)),
                }
            }
            covered.sort_unstable();
            prop_assert_eq!(covered, pairs.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_mesh_is_one_statement_and_a_hub_is_one() {
        let mesh = [(0, 1), (0, 2), (1, 2)].into();
        assert_eq!(cover(&mesh), [Cover::Everybody([0, 1, 2].into())]);
        let hub = [(0, 3), (1, 3), (2, 3)].into();
        assert_eq!(cover(&hub), [Cover::Star { center: 3, others: [0, 1, 2].into() }]);
    }
}
