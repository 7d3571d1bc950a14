//! Addresses: who has which, here and nowhere else (SEC-23).
//!
//! **Invariant**: an address that is given belongs to one peer; one that was released is not given again while its network
//! has addresses that nobody ever had, so that a filter that still names it names nobody else. Given the same changes in the
//! same order, the same addresses come out. The n-th address of each pool of a network goes to the same peer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cidr::Cidr;
use crate::entity::Network;
use crate::id::{NetworkId, PeerId};
use crate::intent::Tables;
use crate::object::Label;
use crate::refused::Violation;

/// For each network, the first offset into its pools that nobody ever had.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ipam {
    fresh: BTreeMap<NetworkId, u64>,
}

/// Gives every peer an address of each pool of its networks. What a peer has, it keeps.
pub(crate) fn allocate(tables: &mut Tables) -> Vec<Violation> {
    let mut violations = Vec::new();
    let waiting: Vec<PeerId> = tables.peers.iter().filter(|(_, p)| needs(tables, p)).map(|(id, _)| id).collect();
    if waiting.is_empty() {
        return violations;
    }
    let mut taken: BTreeSet<IpAddr> =
        tables.peers.iter().flat_map(|(_, p)| [p.addresses(), p.fixed_addresses()].concat()).collect();
    let mut full = BTreeMap::new();
    for id in waiting {
        match complete(tables, id, &mut taken, &mut full) {
            Ok(addresses) => {
                let mut peer = tables.peers.get(&id).expect("it waits").clone();
                peer.set_addresses(addresses);
                tables.peers.put(id, peer);
            }
            Err(violation) => violations.push(violation),
        }
    }
    violations
}

fn needs(tables: &Tables, peer: &crate::entity::Peer) -> bool {
    wanted_pools(tables, peer).count() != peer.addresses().len()
        || wanted_pools(tables, peer).any(|(_, _, pool)| !peer.addresses().iter().any(|a| pool.contains(*a)))
        || peer.fixed_addresses().iter().any(|a| !peer.addresses().contains(a))
}

fn wanted_pools<'a>(
    tables: &'a Tables,
    peer: &'a crate::entity::Peer,
) -> impl Iterator<Item = (NetworkId, &'a Network, Cidr)> {
    let networks = peer.networks().iter().filter_map(|id| Some((*id, tables.networks.get(id)?)));
    networks.flat_map(|(id, network)| network.pools().iter().map(move |pool| (id, network, *pool)))
}

/// Networks found to have nothing left in these pools, with the size of the smallest: nobody looks twice.
type Full = BTreeMap<(NetworkId, Vec<Cidr>), u64>;

fn complete(
    tables: &mut Tables,
    id: PeerId,
    taken: &mut BTreeSet<IpAddr>,
    full: &mut Full,
) -> Result<Vec<IpAddr>, Violation> {
    let peer = tables.peers.get(&id).expect("it waits").clone();
    let mut addresses = Vec::new();
    for network_id in peer.networks() {
        let Some(network) = tables.networks.get(network_id).cloned() else { continue };
        let mut missing = Vec::new();
        for pool in network.pools() {
            let own = |list: &[IpAddr]| list.iter().copied().find(|a| pool.contains(*a));
            match own(peer.fixed_addresses()).or_else(|| own(peer.addresses())) {
                Some(address) => addresses.push(address),
                None => missing.push(*pool),
            }
        }
        if missing.is_empty() {
            continue;
        }
        let fresh = tables.ipam.fresh.entry(*network_id).or_insert(1);
        let known = full.get(&(*network_id, missing.clone())).copied();
        let offset = if known.is_some() { None } else { free_offset(&missing, fresh, taken) };
        let Some(offset) = offset else {
            let size = known.unwrap_or_else(|| missing.iter().map(size).min().unwrap_or(0));
            full.insert((*network_id, missing), size);
            let (subject, network) = (Label::new(id, tables), Label::new(*network_id, tables));
            return Err(Violation::Exhausted { subject, network, left: 0, size });
        };
        for pool in missing {
            let address = nth(&pool, offset);
            taken.insert(address);
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// The next offset that nobody ever had, else the lowest that nobody has.
fn free_offset(pools: &[Cidr], fresh: &mut u64, taken: &BTreeSet<IpAddr>) -> Option<u64> {
    let size = pools.iter().map(size).min()?;
    let free = |n: &u64| pools.iter().all(|pool| !taken.contains(&nth(pool, *n)));
    if let Some(offset) = (*fresh..=size).find(free) {
        *fresh = offset + 1;
        return Some(offset);
    }
    *fresh = size + 1;
    (1..=size).find(free)
}

/// How many addresses a pool gives: not the first one, which names the network (RFC 4291 section 2.6.1: the routers), nor the
/// last one of an IPv4 pool, which is its broadcast address. At most 2^32 are looked at.
fn size(pool: &Cidr) -> u64 {
    let host_bits = if pool.is_ipv4() { 32 - pool.length() } else { 128 - pool.length() };
    let all = 1u64 << host_bits.min(32);
    if pool.is_ipv4() { all.saturating_sub(2) } else { all.saturating_sub(1) }
}

fn nth(pool: &Cidr, offset: u64) -> IpAddr {
    match pool.address() {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits().saturating_add(u32::try_from(offset).unwrap_or(u32::MAX))).into()
        }
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().saturating_add(offset.into())).into(),
    }
}

impl Ipam {
    /// Forgets networks that are gone.
    pub(crate) fn retain(&mut self, exists: impl Fn(&NetworkId) -> bool) {
        self.fresh.retain(|id, _| exists(id));
    }
}
