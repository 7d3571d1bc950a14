//! Differences between two maps of one peer: what control sends to an agent that holds the map before.
//!
//! **Invariants**: `old.patched(&old.delta_to(&new)) == new`; a difference is applied to the map that it was made for or
//! refused: the place in the order of maps must be the base's, and the content of the outcome what the sender said. A
//! difference is never a map: [`NetworkMap::base`] tells them apart, and no engine takes one.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::digest::Known;
use super::{AcceptRule, Digest, Facet, ForwardRule, MapEntry, Neighbor, NetworkMap};
use crate::cidr::Cidr;
use crate::generation::{Epoch, Generation};
use crate::key::PublicKey;

/// What a difference has beside what it adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) base: (Epoch, Generation),
    pub(super) check: Check,
    pub(super) gone: Gone,
}

/// The first eight bytes of the outcome's content digest. An accident passes with a chance of 2^-64; that both ends hold
/// the same is said in full by the digests of every report.
pub(super) type Check = [u8; 8];

/// What of the base is not in the outcome. A neighbor that changed is not gone: it is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) neighbors: Vec<PublicKey>,
    pub(super) accept: Vec<AcceptRule>,
    pub(super) forward: Vec<ForwardRule>,
    pub(super) masquerade: Vec<Cidr>,
    pub(super) routes: Vec<Cidr>,
}

/// A difference does not fit the map that it was applied to. Whoever holds that map asks for the whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapMismatch {
    /// It was made for another map than the one that is held.
    #[error(
        "the difference is to generation {wanted} in epoch {wanted_epoch}, and generation {held} in epoch {held_epoch} \
         is held"
    )]
    Base {
        /// The epoch that is held.
        held_epoch: Epoch,
        /// The generation that is held.
        held: Generation,
        /// The epoch that the difference was made for.
        wanted_epoch: Epoch,
        /// The generation that the difference was made for.
        wanted: Generation,
    },
    /// It was made for a map with the same place in the order of maps and another content.
    #[error("what the difference leads to is not what its sender said")]
    Content,
    /// It leads to two neighbors that both own one prefix.
    #[error("the difference leads to one prefix with two egress owners")]
    TwoOwners,
    /// What is held is itself a difference.
    #[error("what is held is itself a difference")]
    NotComplete,
}

crate::coded! { MapMismatch: Peer;
    Self::Base { .. } => ("map.mismatch.base", "ask for the whole map");
    Self::Content => ("map.mismatch.content", "ask for the whole map");
    Self::TwoOwners => ("map.mismatch.two_owners", "ask for the whole map");
    Self::NotComplete => ("map.mismatch.not_complete", "apply the difference to the whole map that is held");
}

impl NetworkMap {
    /// What changes from this map to a `newer` one of the same peer, as a map with a [base](NetworkMap::base). Both must be
    /// complete; when one is a difference itself, `newer` is given back as it is.
    ///
    /// ```
    /// use nanami_model::{Epoch, Generation, NetworkMap, Neighbor, PrivateKey};
    ///
    /// let at = |n| (Epoch::new(1), Generation::new(n));
    /// let (epoch, generation) = at(7);
    /// let old = NetworkMap::new([]).with_generation(epoch, generation);
    /// let neighbor = Neighbor::new(PrivateKey::from_bytes([1; 32]).public(), ["10.42.0.2/32".parse()?]);
    /// let new = old.clone().with_neighbor(neighbor).with_generation(epoch, generation.next());
    ///
    /// let delta = old.delta_to(&new);
    /// assert_eq!(delta.base(), Some(generation));
    /// assert_eq!(old.patched(&delta)?, new);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn delta_to(&self, newer: &NetworkMap) -> NetworkMap {
        if self.difference.is_some() || newer.difference.is_some() {
            return newer.clone();
        }
        let (gone_addresses, addresses) = differ(&self.addresses, &newer.addresses);
        let (gone_accept, accept) = differ(&self.filter.rules, &newer.filter.rules);
        let (gone_forward, forward) = differ(&self.forward, &newer.forward);
        let (gone_masquerade, masquerade) = differ(&self.masquerade, &newer.masquerade);
        let (gone_routes, routes) = differ(&self.routes, &newer.routes);
        let mut neighbors = Vec::new();
        let mut gone_neighbors = Vec::new();
        walk(
            &self.neighbors,
            &newer.neighbors,
            |n| n.key,
            |old, new| match (old, new) {
                (Some(old), None) => gone_neighbors.push(old.key),
                (old, Some(new)) if old != Some(new) => neighbors.push(new.clone()),
                _ => {}
            },
        );
        let gone = Gone {
            addresses: gone_addresses,
            neighbors: gone_neighbors,
            accept: gone_accept,
            forward: gone_forward,
            masquerade: gone_masquerade,
            routes: gone_routes,
        };
        let difference = Difference { base: (self.epoch, self.generation), check: check(newer.content()), gone };
        NetworkMap {
            epoch: newer.epoch,
            generation: newer.generation,
            difference: Some(Box::new(difference)),
            addresses,
            neighbors,
            filter: accept.into_iter().collect(),
            forward,
            masquerade,
            routes,
            digests: Known::default(),
        }
    }

    /// The map that a difference leads to from this one. A complete map replaces this one, whatever it is.
    ///
    /// # Errors
    /// [`MapMismatch`] when the difference was made for another map; nothing of it counts then.
    pub fn patched(&self, delta: &NetworkMap) -> Result<NetworkMap, MapMismatch> {
        let Some(difference) = &delta.difference else { return Ok(delta.clone()) };
        if self.difference.is_some() {
            return Err(MapMismatch::NotComplete);
        }
        let Difference { base: (wanted_epoch, wanted), check: wanted_check, gone } = &**difference;
        let (held_epoch, held) = (self.epoch, self.generation);
        if (held_epoch, held) != (*wanted_epoch, *wanted) {
            let (wanted_epoch, wanted) = (*wanted_epoch, *wanted);
            return Err(MapMismatch::Base { held_epoch, held, wanted_epoch, wanted });
        }
        let mut sums = Sums(self.digests());
        let addresses =
            merged(&self.addresses, &gone.addresses, &delta.addresses, |a| MapEntry::Address(*a), &mut sums);
        let neighbors = self.patched_neighbors(&gone.neighbors, &delta.neighbors, &mut sums);
        let rules = merged(&self.filter.rules, &gone.accept, &delta.filter.rules, MapEntry::Accept, &mut sums);
        let forward = merged(&self.forward, &gone.forward, &delta.forward, MapEntry::Forward, &mut sums);
        let masquerade =
            merged(&self.masquerade, &gone.masquerade, &delta.masquerade, |r| MapEntry::Masquerade(*r), &mut sums);
        let routes = merged(&self.routes, &gone.routes, &delta.routes, |r| MapEntry::Route(*r), &mut sums);
        let map = NetworkMap {
            epoch: delta.epoch,
            generation: delta.generation,
            difference: None,
            addresses,
            neighbors,
            filter: super::Filter { rules },
            forward,
            masquerade,
            routes,
            digests: Known::from(sums.0),
        };
        if check(map.content()) != *wanted_check {
            return Err(MapMismatch::Content);
        }
        if map.has_two_owners() { Err(MapMismatch::TwoOwners) } else { Ok(map) }
    }

    /// The same map, its digests worked out from an older one's: only what differs between the two is hashed, which is what whoever
    /// makes many maps and changes few entries of each wants. Where one of the two is a difference, nothing is worked out.
    ///
    /// ```
    /// use nanami_model::NetworkMap;
    ///
    /// let old = NetworkMap::new([]).with_routes(["10.60.0.0/16".parse()?]);
    /// let new = NetworkMap::new([]).with_routes(["10.60.0.0/16".parse()?, "10.61.0.0/16".parse()?]);
    /// assert_eq!(new.clone().hashed_from(&old).digests(), new.digests());
    /// # Ok::<(), nanami_model::ParseCidrError>(())
    /// ```
    #[must_use]
    pub fn hashed_from(self, older: &NetworkMap) -> NetworkMap {
        if self.difference.is_some() || older.difference.is_some() {
            return self;
        }
        let mut sums = Sums(older.digests());
        sums.exchange(&older.addresses, &self.addresses, |address| MapEntry::Address(*address));
        sums.exchange(&older.filter.rules, &self.filter.rules, MapEntry::Accept);
        sums.exchange(&older.forward, &self.forward, MapEntry::Forward);
        sums.exchange(&older.masquerade, &self.masquerade, |range| MapEntry::Masquerade(*range));
        sums.exchange(&older.routes, &self.routes, |route| MapEntry::Route(*route));
        walk(
            &older.neighbors,
            &self.neighbors,
            |n| n.key,
            |old, new| {
                if old != new {
                    old.into_iter().for_each(|old| sums.without_neighbor(old));
                    new.into_iter().for_each(|new| sums.with_neighbor(new));
                }
            },
        );
        NetworkMap { digests: Known::from(sums.0), ..self }
    }

    fn patched_neighbors(&self, gone: &[PublicKey], news: &[Neighbor], sums: &mut Sums) -> Vec<Neighbor> {
        let mut patched = Vec::with_capacity(self.neighbors.len() + news.len());
        walk(
            &self.neighbors,
            news,
            |n| n.key,
            |old, new| {
                let kept = old.filter(|old| new.is_none() && gone.binary_search(&old.key).is_err());
                if let Some(kept) = kept {
                    patched.push(kept.clone());
                    return;
                }
                old.into_iter().for_each(|old| sums.without_neighbor(old));
                new.into_iter().for_each(|new| {
                    sums.with_neighbor(new);
                    patched.push(new.clone());
                });
            },
        );
        patched
    }

    /// Whether two neighbors both own a prefix, which no map says.
    pub(super) fn has_two_owners(&self) -> bool {
        let mut owned: Vec<_> = self.neighbors.iter().flat_map(|n| &n.allowed_ips).collect();
        owned.sort_unstable();
        owned.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// The digests of an outcome while it is put together.
struct Sums([Digest; 6]);

impl Sums {
    fn of(&mut self, facet: Facet) -> &mut Digest {
        &mut self.0[facet as usize]
    }

    fn with(&mut self, entry: &MapEntry<'_>) {
        let sum = self.of(entry.facet());
        *sum = sum.with(entry.digest());
    }

    fn without(&mut self, entry: &MapEntry<'_>) {
        let sum = self.of(entry.facet());
        *sum = sum.without(entry.digest());
    }
}

impl Sums {
    fn with_neighbor(&mut self, neighbor: &Neighbor) {
        self.with(&MapEntry::Identity(neighbor));
        self.with(&MapEntry::Cryptokey(neighbor));
    }

    fn without_neighbor(&mut self, neighbor: &Neighbor) {
        self.without(&MapEntry::Identity(neighbor));
        self.without(&MapEntry::Cryptokey(neighbor));
    }

    /// Puts what only the new list has in the place of what only the old one has.
    fn exchange<'a, T: Ord>(&mut self, old: &'a [T], new: &'a [T], entry: impl Fn(&'a T) -> MapEntry<'a>) {
        walk(
            old,
            new,
            |item| item,
            |old, new| match (old, new) {
                (Some(old), None) => self.without(&entry(old)),
                (None, Some(new)) => self.with(&entry(new)),
                _ => {}
            },
        );
    }
}

fn check(content: Digest) -> Check {
    *content.as_bytes().first_chunk().expect("a digest has 32 bytes")
}

/// What is only in the one, and what is only in the other of two sorted lists.
fn differ<T: Ord + Clone>(old: &[T], new: &[T]) -> (Vec<T>, Vec<T>) {
    let (mut gone, mut added) = (Vec::new(), Vec::new());
    walk(
        old,
        new,
        |item| item,
        |old, new| match (old, new) {
            (Some(old), None) => gone.push(old.clone()),
            (None, Some(new)) => added.push(new.clone()),
            _ => {}
        },
    );
    (gone, added)
}

/// A sorted list without `gone` and with `added`.
fn merged<'a, T: Ord + Clone>(
    old: &'a [T],
    gone: &'a [T],
    added: &'a [T],
    entry: impl Fn(&'a T) -> MapEntry<'a>,
    sums: &mut Sums,
) -> Vec<T> {
    let mut merged = Vec::with_capacity(old.len() + added.len());
    walk(
        old,
        added,
        |item| item,
        |old, new| match (old, new) {
            (Some(old), None) if gone.binary_search(old).is_ok() => sums.without(&entry(old)),
            (None, Some(new)) => {
                sums.with(&entry(new));
                merged.push(new.clone());
            }
            (Some(kept), _) => merged.push(kept.clone()),
            (None, None) => {}
        },
    );
    merged
}

/// Walks two sorted lists side by side; items with the same key come together.
fn walk<'a, T, K: Ord>(
    left: &'a [T],
    right: &'a [T],
    key: impl Fn(&'a T) -> K,
    mut each: impl FnMut(Option<&'a T>, Option<&'a T>),
) {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => key(l).cmp(&key(r)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let l = if order.is_le() { left.next() } else { None };
        let r = if order.is_ge() { right.next() } else { None };
        each(l, r);
    }
}
