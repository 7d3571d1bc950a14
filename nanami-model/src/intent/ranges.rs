//! Which ranges of addresses lie around another, and which inside, found in a tree that is ordered by range.
//!
//! Ranges nest or are disjoint. In the order of address, then length, a range stands right before what is inside it.

use crate::cidr::Cidr;
use crate::persistent::Tree;

/// The narrowest range of the tree that covers this one, itself included.
pub(crate) fn innermost<I>(tree: &Tree<(Cidr, I)>, range: &Cidr) -> Option<Cidr> {
    let mut bound = *range;
    loop {
        // What covers `range` and is not narrower than `bound` is not behind `bound`, nor behind the last range before it.
        let (candidate, _) = tree.last_while(|(other, _)| *other <= bound)?;
        if candidate.covers(range) {
            return Some(*candidate);
        }
        // So it covers the candidate too, and has at most the bits in which the two agree.
        bound = range.truncated(candidate.common_bits(range)?);
    }
}

/// All ranges of the tree that cover this one, the narrowest first.
pub(super) fn covering<I>(tree: &Tree<(Cidr, I)>, range: &Cidr) -> impl Iterator<Item = Cidr> {
    let wider = |inner: &Cidr| Some(inner.truncated(inner.length().checked_sub(1)?));
    let first = innermost(tree, range);
    std::iter::successors(first, move |inner| innermost(tree, &wider(inner)?))
}

/// All ranges of the tree that lie in this one, itself included, each with whose it is.
pub(super) fn inside<I>(tree: &Tree<(Cidr, I)>, range: &Cidr) -> impl Iterator<Item = (Cidr, I)>
where
    I: Copy,
{
    tree.since(|(other, _)| other < range).copied().take_while(move |(other, _)| range.covers(other))
}

/// Everybody who holds this key.
pub(super) fn holders<K: Ord, I: Copy>(tree: &Tree<(K, I)>, key: &K) -> impl Iterator<Item = I> {
    tree.since(move |(other, _)| other < key).take_while(move |(other, _)| other == key).map(|(_, holder)| *holder)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Cidr> {
        let v4 =
            (0u32..64, 20u8..=32).prop_map(|(bits, length)| (IpAddr::from(Ipv4Addr::from_bits(bits << 4)), length));
        let v6 =
            (0u128..64, 118u8..=128).prop_map(|(bits, length)| (IpAddr::from(Ipv6Addr::from_bits(bits << 4)), length));
        prop_oneof![v4, v6].prop_map(|(address, length)| Cidr::host(address).truncated(length))
    }

    proptest! {
        #[test]
        fn what_covers_and_what_is_inside_is_what_a_search_of_all_finds(
            all in proptest::collection::vec((ranges(), 0u8..3), 0..40),
            range in ranges(),
        ) {
            let mut tree = Tree::default();
            all.iter().for_each(|entry| _ = tree.insert(*entry));
            let mut around: Vec<_> = all.iter().map(|(other, _)| *other).filter(|other| other.covers(&range)).collect();
            around.sort_by_key(|other| std::cmp::Reverse(other.length()));
            around.dedup();
            prop_assert_eq!(covering(&tree, &range).collect::<Vec<_>>(), around);
            let mut within: Vec<_> = all.iter().copied().filter(|(other, _)| range.covers(other)).collect();
            within.sort_unstable();
            within.dedup();
            prop_assert_eq!(inside(&tree, &range).collect::<Vec<_>>(), within);
            let own = tree.iter().filter(|(other, _)| *other == range).map(|(_, id)| *id);
            prop_assert!(holders(&tree, &range).eq(own));
        }
    }
}
