//! The byte form of a map and of a difference (version 2): sections, each with a tag, a length and columns.
//!
//! **Invariants**: what is unknown is skipped by whole sections; reading allocates no more than [`MAX_ENTRIES`] entries,
//! whatever the bytes say, and never looks past its section. What is alike stands together, so that it is
//! said once: a key costs its 32 bytes, everything else of a neighbor as much as it differs from the one before.
//!
//! Neighbors stand in the order of their first address, because addresses are given in order and names often are too. So
//! names travel with the bulk: 2 bytes each where machines are numbered, 6 to 12 where people named them (figures:
//! `cargo run --release -p nanami-model --example map_bytes`).

use super::delta::{Difference, Gone};
use super::{NetworkMap, v1};
use crate::generation::{Epoch, Generation};
use crate::tlv::{MAX_BYTES, MessageError, malformed};

mod bytes;
mod names;
mod neighbors;
mod prefixes;
mod rules;

use bytes::{Input, Output};

const VERSION: u8 = 2;

/// Entries in a map at most, all facets together (chosen: 100,000 neighbors under four policies). Runs make a few bytes
/// stand for many entries, so that the bytes alone bound nothing.
pub(super) const MAX_ENTRIES: usize = 1 << 19;

mod tag {
    pub(super) const PLACE: u8 = 1;
    pub(super) const BASE: u8 = 2;
    pub(super) const ADDRESSES: u8 = 3;
    pub(super) const NEIGHBORS: u8 = 4;
    pub(super) const FILTER: u8 = 5;
    pub(super) const FORWARD: u8 = 6;
    pub(super) const ROUTES: u8 = 7;
    pub(super) const GONE_ADDRESSES: u8 = 8;
    pub(super) const GONE_NEIGHBORS: u8 = 9;
    pub(super) const GONE_FILTER: u8 = 10;
    pub(super) const GONE_FORWARD: u8 = 11;
    pub(super) const GONE_ROUTES: u8 = 12;
    pub(super) const MASQUERADE: u8 = 13;
    pub(super) const GONE_MASQUERADE: u8 = 14;
    pub(super) const LAST: u8 = GONE_MASQUERADE;
}

impl NetworkMap {
    /// The map, or the difference, as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Output::default();
        out.byte(VERSION);
        out.section(tag::PLACE, |out| {
            out.number(self.epoch.value().into());
            out.number(self.generation.value().into());
        });
        if let Some(difference) = &self.difference {
            out.section(tag::BASE, |out| {
                out.number(difference.base.0.value().into());
                out.number(difference.base.1.value().into());
                out.bytes(&difference.check);
            });
        }
        let neighbors = neighbors::in_order(&self.neighbors);
        out.list(tag::ADDRESSES, &self.addresses, prefixes::write_hosts);
        out.list(tag::NEIGHBORS, &neighbors, neighbors::write);
        out.list(tag::FILTER, &self.filter.rules, |out, list| rules::write(out, list, &neighbors));
        out.list(tag::FORWARD, &self.forward, |out, list| rules::write(out, list, &neighbors));
        out.list(tag::ROUTES, &self.routes, prefixes::write);
        out.list(tag::MASQUERADE, &self.masquerade, prefixes::write);
        if let Some(difference) = &self.difference {
            let Gone { addresses, neighbors, accept, forward, masquerade, routes } = &difference.gone;
            out.list(tag::GONE_ADDRESSES, addresses, prefixes::write_hosts);
            out.list(tag::GONE_NEIGHBORS, neighbors, neighbors::write_keys);
            out.list(tag::GONE_FILTER, accept, |out, list| rules::write(out, list, &[]));
            out.list(tag::GONE_FORWARD, forward, |out, list| rules::write(out, list, &[]));
            out.list(tag::GONE_ROUTES, routes, prefixes::write);
            out.list(tag::GONE_MASQUERADE, masquerade, prefixes::write);
        }
        out.into_bytes()
    }

    /// The map, or the difference, in these bytes.
    ///
    /// # Errors
    /// [`MessageError`] if the version is unknown, a section is cut off, stands twice or is invalid, a key stands twice, a
    /// prefix has two egress owners, or there are too many entries.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_BYTES {
            return Err(MessageError::TooLarge { limit: MAX_BYTES });
        }
        match bytes.split_first() {
            Some((&VERSION, rest)) => read(rest)?.canonical(),
            Some((&v1::VERSION, _)) => v1::read(bytes)?.canonical(),
            Some((found, _)) => Err(MessageError::Version { found: *found }),
            None => Err(malformed("empty")),
        }
    }

    /// Sorts what was read, and refuses what no map holds.
    fn canonical(mut self) -> Result<Self, MessageError> {
        self.neighbors.sort_by_key(|n| n.key);
        if self.neighbors.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(malformed("one key for two neighbors"));
        }
        if self.has_two_owners() {
            return Err(malformed("one prefix with two egress owners"));
        }
        sort(&mut self.addresses);
        sort(&mut self.filter.rules);
        sort(&mut self.forward);
        sort(&mut self.masquerade);
        sort(&mut self.routes);
        if let Some(difference) = &mut self.difference {
            let Gone { addresses, neighbors, accept, forward, masquerade, routes } = &mut difference.gone;
            sort(addresses);
            sort(neighbors);
            sort(accept);
            sort(forward);
            sort(masquerade);
            sort(routes);
        }
        Ok(self)
    }
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

fn read(bytes: &[u8]) -> Result<NetworkMap, MessageError> {
    let mut sections: [Option<&[u8]>; tag::LAST as usize + 1] = [None; tag::LAST as usize + 1];
    let mut input = Input::new(bytes);
    while let Some((tag, section)) = input.section()? {
        let Some(known) = sections.get_mut(usize::from(tag)) else { continue };
        if known.replace(section).is_some() {
            return Err(malformed("a section that stands twice"));
        }
    }
    let section = |tag: u8| Input::new(sections[usize::from(tag)].unwrap_or_default());
    let mut left = MAX_ENTRIES;
    let (mut map, mut place) = (NetworkMap::default(), section(tag::PLACE));
    if !place.is_empty() {
        (map.epoch, map.generation) = read_place(&mut place)?;
    }
    map.addresses = prefixes::read_hosts(section(tag::ADDRESSES), &mut left)?;
    let neighbors = neighbors::read(section(tag::NEIGHBORS), &mut left)?;
    map.filter = rules::read(section(tag::FILTER), &neighbors, &mut left)?.into_iter().collect();
    map.forward = rules::read(section(tag::FORWARD), &neighbors, &mut left)?;
    map.neighbors = neighbors;
    map.routes = prefixes::read(section(tag::ROUTES), &mut left)?;
    map.masquerade = prefixes::read(section(tag::MASQUERADE), &mut left)?;
    let mut base = section(tag::BASE);
    if !base.is_empty() {
        let (at, check) = (read_place(&mut base)?, base.array()?);
        let gone = Gone {
            addresses: prefixes::read_hosts(section(tag::GONE_ADDRESSES), &mut left)?,
            neighbors: neighbors::read_keys(section(tag::GONE_NEIGHBORS))?,
            accept: rules::read(section(tag::GONE_FILTER), &[], &mut left)?,
            forward: rules::read(section(tag::GONE_FORWARD), &[], &mut left)?,
            masquerade: prefixes::read(section(tag::GONE_MASQUERADE), &mut left)?,
            routes: prefixes::read(section(tag::GONE_ROUTES), &mut left)?,
        };
        map.difference = Some(Box::new(Difference { base: at, check, gone }));
    }
    Ok(map)
}

fn read_place(input: &mut Input<'_>) -> Result<(Epoch, Generation), MessageError> {
    Ok((Epoch::new(input.small("epoch")?), Generation::new(input.small("generation")?)))
}
