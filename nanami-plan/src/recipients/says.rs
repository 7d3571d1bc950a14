//! What a map says of others, in one direction, and of whom two of these say something else.
//!
//! **Invariant**: nothing here is as long as the workspace: a list has the words in which somebody is meant, in their order.

use std::borrow::Cow;
use std::sync::Arc;

use nanami_model::{PolicyId, Services};

use crate::access::rule::Rule;
use crate::bitmap::Bitmap;

/// Some peers: words of 64 with their index, which ascends.
type Words = Vec<(usize, u64)>;

/// For each policy and what it lets through: for whom.
#[derive(Debug, Default)]
pub(super) struct Says<'a>(Vec<Entry<'a>>);

#[derive(Debug)]
struct Entry<'a> {
    policy: PolicyId,
    services: Cow<'a, Services>,
    whom: Words,
}

impl<'a> Says<'a> {
    /// Adds what is left of a rule for the peers of a word. A rule comes as a whole, its words in order.
    pub(super) fn note(&mut self, index: usize, word: u64, rule: &'a Arc<Rule>, services: &Services) {
        let whole = std::ptr::eq(services, &rule.services);
        let own = self.0.iter_mut().rev().take_while(|entry| entry.policy == rule.policy);
        let same = |entry: &&mut Entry<'_>| std::ptr::eq(services, &*entry.services) || *entry.services == *services;
        let Some(entry) = { own }.find(same) else {
            let services = if whole { Cow::Borrowed(&rule.services) } else { Cow::Owned(services.clone()) };
            self.0.push(Entry { policy: rule.policy, services, whom: vec![(index, word)] });
            return;
        };
        match entry.whom.last_mut().filter(|(last, _)| *last == index) {
            Some((_, own)) => *own |= word,
            None => entry.whom.push((index, word)),
        }
    }

    /// Adds everybody of whom anything is said.
    pub(super) fn add_to(&self, into: &mut Bitmap) {
        self.0.iter().flat_map(|entry| &entry.whom).for_each(|(index, word)| into.set_word(*index, *word));
    }

    /// Adds those of whom the two say something else.
    pub(super) fn differing(mut self, mut other: Self, into: &mut Bitmap) {
        for entries in [&mut self.0, &mut other.0] {
            entries.sort_by_key(|entry| entry.policy);
        }
        for entry in &self.0 {
            unequal(&entry.whom, other.of(entry), into);
        }
        for entry in other.0.iter().filter(|entry| self.of(entry).is_empty()) {
            unequal(&entry.whom, &[], into);
        }
    }

    /// Of whom the same is said here, once it is in order.
    fn of(&self, entry: &Entry<'_>) -> &[(usize, u64)] {
        let first = self.0.partition_point(|own| own.policy < entry.policy);
        let own = self.0[first..].iter().take_while(|own| own.policy == entry.policy);
        { own }.find(|own| own.services == entry.services).map_or(&[], |own| &own.whom)
    }
}

/// Adds those who are in just one of the two.
fn unequal(mut one: &[(usize, u64)], mut two: &[(usize, u64)], into: &mut Bitmap) {
    while let (Some((a, word)), Some((b, other))) = (one.first(), two.first()) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => into.set_word(*a, *word),
            std::cmp::Ordering::Equal => into.set_word(*a, word ^ other),
            std::cmp::Ordering::Greater => into.set_word(*b, *other),
        }
        one = &one[usize::from(a <= b)..];
        two = &two[usize::from(b <= a)..];
    }
    one.iter().chain(two).for_each(|(index, word)| into.set_word(*index, *word));
}
