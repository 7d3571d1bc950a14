//! Addresses: who has which, here and nowhere else (SEC-23).
//!
//! **Invariant**: an address that is given belongs to one peer. One that a peer with a key released is *quarantined*: it is
//! given to no other peer before somebody who heard it from every node says that its removal was acknowledged
//! ([`ChangeSet::acknowledging`](crate::ChangeSet::acknowledging)), for filters and maps may still name it (PLANNING I29). What a
//! pending peer releases no node ever heard of. Addresses that nobody ever had are given first. Given the same changes in the
//! same order, the same addresses come out. The n-th address of each pool of a network goes to the same peer where it is free.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cidr::Cidr;
use crate::entity::Peer;
use crate::generation::Revision;
use crate::id::{NetworkId, PeerId};
use crate::intent::Tables;
use crate::object::{Entity, Label, ObjectId};
use crate::persistent::Tree;
use crate::refused::Violation;

mod pool;

use pool::{nth, offset, size};

/// What is known of addresses beyond who has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ipam {
    /// For each pool that was given from, the first offset that nobody ever had.
    fresh: Tree<(Cidr, u64)>,
    /// Offsets before that which are free again.
    free: Tree<(Cidr, u64)>,
    /// Released addresses, with who had them and the revision that took them away.
    quarantine: Tree<(IpAddr, PeerId, Revision)>,
    /// The same in the order in which they were released.
    aging: Tree<(Revision, IpAddr)>,
}

/// Makes addresses follow what changed: every peer has one of each pool of its networks, and what it had no more is released.
/// What a peer has, it keeps.
pub(crate) fn settle(
    before: &Tables,
    tables: &mut Tables,
    touched: impl Iterator<Item = ObjectId>,
    revision: Revision,
    acknowledged: Option<Revision>,
) -> Vec<Violation> {
    let peers = concerned(before, tables, touched);
    settle_peers(before, tables, peers, revision, acknowledged)
}

/// Gives every peer of a workspace that nobody had before its addresses.
pub(crate) fn settle_all(tables: &mut Tables, revision: Revision) -> Vec<Violation> {
    let peers = tables.peers.iter().map(|(id, _)| id).collect();
    settle_peers(&Tables::default(), tables, peers, revision, None)
}

fn settle_peers(
    before: &Tables,
    tables: &mut Tables,
    peers: Vec<PeerId>,
    revision: Revision,
    acknowledged: Option<Revision>,
) -> Vec<Violation> {
    let (peers, gone): (Vec<_>, Vec<_>) = peers.into_iter().partition(|id| tables.peers.get(id).is_some());
    for id in gone {
        release(before, tables, id, &[], revision);
    }
    acknowledged.into_iter().for_each(|through| tables.free_through(through));
    let mut violations = Vec::new();
    let mut full = BTreeMap::new();
    for id in peers {
        let peer = tables.peers.get(&id).expect("those that are gone were set aside");
        let taken = |address: &&IpAddr| !tables.is_free(before, **address, id);
        if let Some(address) = peer.fixed_addresses().iter().find(taken).copied() {
            // Of one that somebody still has the rules tell.
            if tables.held_by_other(address, id).is_none() {
                let subject = Label::new(id, tables);
                violations.push(Violation::Quarantined { subject, address, since: revision });
            }
            continue;
        }
        let complete = match needs(tables, peer) || peer.addresses().iter().any(|a| taken(&a)) {
            true => complete(before, tables, id, &mut full),
            false => Ok(peer.addresses().to_vec()),
        };
        match complete {
            Ok(addresses) => hold(before, tables, id, addresses, revision),
            Err(violation) => violations.push(violation),
        }
    }
    violations
}

/// Peers whose addresses a change may alter: those that it touches, and those in networks that have other pools now; by name.
fn concerned(before: &Tables, tables: &mut Tables, touched: impl Iterator<Item = ObjectId>) -> Vec<PeerId> {
    let mut peers = Vec::new();
    for id in touched {
        match id {
            ObjectId::Peer(peer) => peers.push(peer),
            ObjectId::Network(network) => {
                let pools = |tables: &Tables| tables.networks.get(&network).map(|n| n.pools().to_vec());
                let (old, new) = (pools(before).unwrap_or_default(), pools(tables).unwrap_or_default());
                if old != new {
                    peers.extend(tables.members_of(network));
                }
                for pool in old.iter().filter(|pool| !new.contains(pool)) {
                    tables.ipam.forget(pool);
                }
            }
            _ => {}
        }
    }
    peers.sort_unstable();
    peers.dedup();
    let name = |id: &PeerId| tables.peers.get(id).map(Entity::name).cloned();
    peers.sort_by_cached_key(name);
    peers
}

fn needs(tables: &Tables, peer: &Peer) -> bool {
    wanted_pools(tables, peer).count() != peer.addresses().len()
        || wanted_pools(tables, peer).any(|pool| !peer.addresses().iter().any(|a| pool.contains(*a)))
        || peer.fixed_addresses().iter().any(|a| !peer.addresses().contains(a))
}

fn wanted_pools<'a>(tables: &'a Tables, peer: &'a Peer) -> impl Iterator<Item = Cidr> + 'a {
    let networks = peer.networks().iter().filter_map(|id| tables.networks.get(id));
    networks.flat_map(|network| network.pools().iter().copied())
}

/// Pools found to have nothing left, with what was left before the change: nobody counts twice.
type Full = BTreeMap<Cidr, (u64, u64)>;

/// The addresses of a peer, one of each pool: what it asked for, what it has, else one that is free.
fn complete(before: &Tables, tables: &mut Tables, id: PeerId, full: &mut Full) -> Result<Vec<IpAddr>, Violation> {
    let peer = tables.peers.get(&id).expect("it is concerned").clone();
    let had = before.peers.get(&id).map(Peer::addresses).unwrap_or_default();
    let mut addresses = Vec::new();
    for network in peer.networks() {
        let pools = tables.networks.get(network).map(|network| network.pools().to_vec()).unwrap_or_default();
        let mut place = None;
        for pool in &pools {
            let within = |list: &[IpAddr]| list.iter().copied().find(|a| pool.contains(*a));
            let kept = || within(peer.addresses()).or_else(|| within(had)).filter(|a| tables.is_free(before, *a, id));
            let address = match within(peer.fixed_addresses()).or_else(kept) {
                Some(address) => address,
                None => {
                    let given = tables.give(before, pool, place, id);
                    nth(pool, given.ok_or_else(|| exhausted(before, tables, id, *network, pool, full))?)
                }
            };
            place = place.or(offset(pool, address));
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn exhausted(
    before: &Tables,
    tables: &Tables,
    id: PeerId,
    network: NetworkId,
    pool: &Cidr,
    full: &mut Full,
) -> Violation {
    let (left, quarantined) = *full.entry(*pool).or_insert_with(|| before.left_in(pool));
    let (subject, network) = (Label::new(id, tables), Label::new(network, tables));
    Violation::Exhausted { subject, network, left, size: size(pool), quarantined }
}

/// Gives a peer these addresses, and releases what it had besides.
fn hold(before: &Tables, tables: &mut Tables, id: PeerId, addresses: Vec<IpAddr>, revision: Revision) {
    for address in &addresses {
        tables.ipam.reclaim(*address, id);
        tables.index.addresses.insert((*address, id));
    }
    if before.peers.get(&id).is_some() {
        release(before, tables, id, &addresses, revision);
    }
    let peer = tables.peers.get(&id).expect("it is concerned");
    let stale: Vec<_> = peer.addresses().iter().copied().filter(|a| !addresses.contains(a)).collect();
    for address in stale.into_iter().filter(|a| !peer.fixed_addresses().contains(a)) {
        tables.index.addresses.remove(&(address, id));
    }
    if peer.addresses() != addresses {
        tables.peers.update(&id, |peer| peer.set_addresses(addresses));
    }
}

/// Releases the addresses that a peer had and has not kept.
fn release(before: &Tables, tables: &mut Tables, id: PeerId, kept: &[IpAddr], revision: Revision) {
    let Some(old) = before.peers.get(&id) else { return };
    for address in old.addresses().iter().copied().filter(|address| !kept.contains(address)) {
        match old.key() {
            Some(_) => tables.ipam.quarantine(address, id, revision),
            None => tables.free(address),
        }
    }
}

impl Ipam {
    fn fresh(&self, pool: &Cidr) -> u64 {
        self.fresh.find(|(other, _)| other.cmp(pool)).map_or(1, |(_, offset)| *offset)
    }

    fn set_fresh(&mut self, pool: &Cidr, offset: u64) {
        let old = self.fresh(pool);
        if old != offset {
            self.fresh.remove(&(*pool, old));
            self.fresh.insert((*pool, offset));
        }
    }

    /// What is known of a pool that is gone.
    fn forget(&mut self, pool: &Cidr) {
        let offset = self.fresh(pool);
        self.fresh.remove(&(*pool, offset));
        while let Some(entry) = self.first_free(pool) {
            self.free.remove(&entry);
        }
    }

    fn first_free(&self, pool: &Cidr) -> Option<(Cidr, u64)> {
        self.free.since(|(other, _)| other < pool).next().filter(|(other, _)| other == pool).copied()
    }

    fn entry(&self, address: IpAddr) -> Option<(IpAddr, PeerId, Revision)> {
        self.quarantine.find(|(other, ..)| other.cmp(&address)).copied()
    }

    /// The revision that released the address, if another peer than this one had it and it waits for acknowledgement.
    pub(crate) fn quarantined_for_other(&self, address: IpAddr, peer: PeerId) -> Option<Revision> {
        self.entry(address).filter(|(_, had, _)| *had != peer).map(|(.., since)| since)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.quarantine.len()
    }

    fn quarantine(&mut self, address: IpAddr, peer: PeerId, revision: Revision) {
        self.quarantine.insert((address, peer, revision));
        self.aging.insert((revision, address));
    }

    /// A peer that comes back may have what it had.
    fn reclaim(&mut self, address: IpAddr, peer: PeerId) {
        if let Some(entry) = self.entry(address).filter(|(_, had, _)| *had == peer) {
            self.quarantine.remove(&entry);
            self.aging.remove(&(entry.2, address));
        }
    }
}

impl Tables {
    /// Whether a peer may have an address: no other has it, had it before this change with a key, or released it lately.
    fn is_free(&self, before: &Tables, address: IpAddr, peer: PeerId) -> bool {
        let enforced = |other: PeerId| {
            before.peers.get(&other).is_some_and(|old| old.key().is_some()) || self.peers.get(&other).is_some()
        };
        self.held_by_other(address, peer).is_none()
            && self.ipam.quarantined_for_other(address, peer).is_none()
            && !before.held_by_other(address, peer).is_some_and(enforced)
    }

    fn held_by_other(&self, address: IpAddr, peer: PeerId) -> Option<PeerId> {
        let holders = self.index.addresses.since(|(other, _)| *other < address);
        holders.take_while(|(other, _)| *other == address).map(|(_, holder)| *holder).find(|holder| *holder != peer)
    }

    /// An offset into a pool for a peer: the wanted one, else the next that nobody ever had, else one that is free again.
    fn give(&mut self, before: &Tables, pool: &Cidr, wanted: Option<u64>, peer: PeerId) -> Option<u64> {
        let (size, fresh) = (size(pool), self.ipam.fresh(pool));
        if let Some(offset) = wanted.filter(|n| (1..=size).contains(n) && self.is_free(before, nth(pool, *n), peer)) {
            self.ipam.free.remove(&(*pool, offset));
            if offset == fresh {
                self.ipam.set_fresh(pool, fresh + 1);
            }
            return Some(offset);
        }
        // What is passed over has a holder or is quarantined, and comes back by `free`.
        let next = (fresh..=size).find(|n| self.is_free(before, nth(pool, *n), peer));
        self.ipam.set_fresh(pool, next.unwrap_or(size) + 1);
        if next.is_some() {
            return next;
        }
        while let Some(entry) = self.ipam.first_free(pool) {
            self.ipam.free.remove(&entry);
            if self.is_free(before, nth(pool, entry.1), peer) {
                return Some(entry.1);
            }
        }
        None
    }

    /// Notes that nobody has or names an address any more.
    fn free(&mut self, address: IpAddr) {
        let Some(pool) = crate::intent::innermost(&self.index.pools, &Cidr::host(address)) else { return };
        if let Some(offset) = offset(&pool, address).filter(|offset| *offset < self.ipam.fresh(&pool)) {
            self.ipam.free.insert((pool, offset));
        }
    }

    /// Ends the quarantine of everything that was released up to a revision.
    fn free_through(&mut self, through: Revision) {
        while let Some(first) = self.ipam.aging.iter().next().copied().filter(|(revision, _)| *revision <= through) {
            self.ipam.aging.remove(&first);
            if let Some(entry) = self.ipam.entry(first.1) {
                self.ipam.quarantine.remove(&entry);
            }
            self.free(first.1);
        }
    }

    /// How many addresses of a pool may be given, and how many are quarantined.
    fn left_in(&self, pool: &Cidr) -> (u64, u64) {
        let start = pool.address();
        let held = self.index.addresses.since(|(other, _)| *other < start).map(|(address, _)| *address);
        let held = held.take_while(|address| pool.contains(*address)).filter(|a| offset(pool, *a).is_some());
        let mut held: Vec<_> = held.collect();
        held.dedup();
        let waiting = self.ipam.quarantine.since(|(other, ..)| *other < start).map(|(address, ..)| *address);
        let waiting = waiting.take_while(|address| pool.contains(*address)).filter(|a| offset(pool, *a).is_some());
        let waiting = waiting.filter(|address| held.binary_search(address).is_err()).count() as u64;
        (size(pool).saturating_sub(held.len() as u64).saturating_sub(waiting), waiting)
    }
}
