//! Neighbors as columns: keys, then what each has, then the values of those that have one.

use std::time::Duration;

use super::bytes::{Input, Output};
use super::{names, prefixes};
use crate::cidr::Cidr;
use crate::id::PeerId;
use crate::key::PublicKey;
use crate::network_map::neighbor::sorted;
use crate::network_map::{Neighbor, Standby};
use crate::tlv::{self, MessageError, malformed};

/// What a neighbor has, one bit each. What comes later gets a section of its own.
mod has {
    pub(super) const PEER: u8 = 1;
    pub(super) const NAME: u8 = 2;
    pub(super) const KEEPALIVE: u8 = 4;
    /// One host address of the family; a second one is among the rest.
    pub(super) const V4: u8 = 8;
    pub(super) const V6: u8 = 16;
    pub(super) const REST: u8 = 32;
    pub(super) const STANDBY: u8 = 64;
    pub(super) const ACCEPTED: u8 = 128;
}

/// A neighbor as the columns show it.
pub(super) struct Row<'a> {
    neighbor: &'a Neighbor,
    v4: Option<u128>,
    v6: Option<u128>,
}

/// The neighbors in the order in which they are written: by their first address.
pub(super) fn in_order(neighbors: &[Neighbor]) -> Vec<Row<'_>> {
    let row = |neighbor| {
        let first = |of: fn(&Cidr) -> Option<u128>| Neighbor::allowed_ips(neighbor).iter().find_map(of);
        Row { neighbor, v4: first(prefixes::v4), v6: first(prefixes::v6) }
    };
    let mut rows: Vec<_> = neighbors.iter().map(row).collect();
    rows.sort_by_key(|row| (row.v4, row.v6, row.neighbor.key));
    rows
}

impl Row<'_> {
    pub(super) fn hosts(&self) -> impl Iterator<Item = &Cidr> {
        hosts(self.neighbor)
    }

    fn rest(&self) -> Vec<Cidr> {
        let column = |cidr: &Cidr| {
            (self.v4.is_some() && prefixes::v4(cidr) == self.v4) || (self.v6.is_some() && prefixes::v6(cidr) == self.v6)
        };
        self.neighbor.allowed_ips.iter().filter(|cidr| !column(cidr)).copied().collect()
    }

    fn has(&self) -> u8 {
        let Neighbor { peer, name, keepalive, standby, accepted, .. } = self.neighbor;
        [
            (has::PEER, peer.is_some()),
            (has::NAME, name.is_some()),
            (has::KEEPALIVE, keepalive.is_some()),
            (has::V4, self.v4.is_some()),
            (has::V6, self.v6.is_some()),
            (has::REST, !self.rest().is_empty()),
            (has::STANDBY, !standby.is_empty()),
            (has::ACCEPTED, !accepted.is_empty()),
        ]
        .into_iter()
        .filter(|(_, has)| *has)
        .fold(0, |all, (bit, _)| all | bit)
    }
}

/// The single hosts among what a neighbor owns; rules speak of them together.
pub(super) fn hosts(neighbor: &Neighbor) -> impl Iterator<Item = &Cidr> {
    neighbor.allowed_ips.iter().filter(|cidr| cidr.is_host())
}

pub(super) fn write(out: &mut Output, rows: &[Row<'_>]) {
    out.count(rows.len());
    rows.iter().for_each(|row| out.bytes(row.neighbor.key.as_bytes()));
    let has: Vec<u8> = rows.iter().map(Row::has).collect();
    for alike in has.chunk_by(|a, b| a == b) {
        out.byte(alike[0]);
        out.count(alike.len());
    }
    let numbers = |out: &mut Output, column: Vec<u128>| {
        if !column.is_empty() {
            out.numbers(&column);
        }
    };
    numbers(out, rows.iter().filter_map(|row| row.v4).collect());
    numbers(out, rows.iter().filter_map(|row| row.v6).collect());
    let neighbors = || rows.iter().map(|row| row.neighbor);
    neighbors().filter_map(|n| n.peer).for_each(|peer| out.bytes(&peer.to_bytes()));
    names::write(out, neighbors().filter_map(|n| n.name.as_ref()));
    neighbors().filter_map(|n| n.keepalive).for_each(|every| out.number(every.as_secs().into()));
    rows.iter().map(Row::rest).filter(|rest| !rest.is_empty()).for_each(|rest| prefixes::write(out, &rest));
    for standby in neighbors().map(|n| &n.standby).filter(|standby| !standby.is_empty()) {
        out.count(standby.len());
        for Standby { prefix, rank } in standby {
            prefixes::write_one(out, prefix);
            out.byte(*rank);
        }
    }
    neighbors().map(|n| &n.accepted).filter(|list| !list.is_empty()).for_each(|list| prefixes::write(out, list));
}

pub(super) fn read(mut input: Input<'_>, left: &mut usize) -> Result<Vec<Neighbor>, MessageError> {
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let count = input.count(32)?;
    *left = left.checked_sub(count).ok_or(malformed("too many entries"))?;
    let mut neighbors = Vec::with_capacity(count);
    for _ in 0..count {
        neighbors.push(Neighbor::new(tlv::key(input.bytes(32)?)?, []));
    }
    let mut has = Vec::with_capacity(count);
    while has.len() < count {
        let (bits, alike) = (input.byte()?, input.small::<usize>("a run")?);
        if alike == 0 || alike > count - has.len() {
            return Err(malformed("a run of neighbors"));
        }
        has.extend(std::iter::repeat_n(bits, alike));
    }
    let mut columns = Columns { neighbors, has };
    columns.hosts(has::V4, &mut input, left, prefixes::v4_host)?;
    columns.hosts(has::V6, &mut input, left, prefixes::v6_host)?;
    columns.each(has::PEER, |n| {
        n.peer = Some(PeerId::from_bytes(input.array()?));
        Ok(())
    })?;
    let mut names = names::read(&mut input, columns.having(has::NAME))?.into_iter();
    columns.each(has::NAME, |n| {
        n.name = names.next();
        Ok(())
    })?;
    columns.each(has::KEEPALIVE, |n| {
        let every = Duration::from_secs(input.small("keepalive")?);
        *n = n.clone().with_keepalive(every);
        Ok(())
    })?;
    columns.each(has::REST, |n| {
        n.allowed_ips.extend(prefixes::read_inline(&mut input, left)?);
        Ok(())
    })?;
    columns.each(has::STANDBY, |n| {
        n.standby = read_standbys(&mut input, left)?;
        Ok(())
    })?;
    columns.each(has::ACCEPTED, |n| {
        n.accepted = prefixes::read_inline(&mut input, left)?;
        Ok(())
    })?;
    input.end()?;
    columns.neighbors.iter_mut().for_each(|n| n.allowed_ips = sorted(std::mem::take(&mut n.allowed_ips)));
    Ok(columns.neighbors)
}

/// Neighbors while their columns are read.
struct Columns {
    neighbors: Vec<Neighbor>,
    has: Vec<u8>,
}

impl Columns {
    fn having(&self, bit: u8) -> usize {
        self.has.iter().filter(|has| **has & bit != 0).count()
    }

    fn each(
        &mut self,
        bit: u8,
        mut read: impl FnMut(&mut Neighbor) -> Result<(), MessageError>,
    ) -> Result<(), MessageError> {
        let having = self.neighbors.iter_mut().zip(&self.has).filter(|(_, has)| **has & bit != 0);
        having.map(|(neighbor, _)| neighbor).try_for_each(&mut read)
    }

    fn hosts(
        &mut self,
        bit: u8,
        input: &mut Input<'_>,
        left: &mut usize,
        host: fn(u128) -> Result<Cidr, MessageError>,
    ) -> Result<(), MessageError> {
        let wanted = self.having(bit);
        if wanted == 0 {
            return Ok(());
        }
        let numbers = input.numbers(left)?;
        if numbers.len() != wanted {
            return Err(malformed("a column of addresses"));
        }
        let mut numbers = numbers.into_iter();
        self.each(bit, |n| {
            let number = numbers.next().expect("there are as many numbers as neighbors that have one");
            n.allowed_ips.push(host(number)?);
            Ok(())
        })
    }
}

fn read_standbys(input: &mut Input<'_>, left: &mut usize) -> Result<Vec<Standby>, MessageError> {
    let count = input.count(2)?;
    *left = left.checked_sub(count).ok_or(malformed("too many entries"))?;
    let mut standbys = Vec::with_capacity(count);
    for _ in 0..count {
        standbys.push(Standby { prefix: prefixes::read_one(input)?, rank: input.byte()?.max(1) });
    }
    standbys.sort_unstable();
    standbys.dedup_by_key(|standby| standby.prefix);
    Ok(standbys)
}

pub(super) fn write_keys(out: &mut Output, keys: &[PublicKey]) {
    keys.iter().for_each(|key| out.bytes(key.as_bytes()));
}

pub(super) fn read_keys(mut input: Input<'_>) -> Result<Vec<PublicKey>, MessageError> {
    let mut keys = Vec::new();
    while !input.is_empty() {
        keys.push(tlv::key(input.bytes(32)?)?);
    }
    Ok(keys)
}
