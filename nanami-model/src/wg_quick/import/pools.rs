//! Which ranges the devices live in, and which of them belong together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Notes;
use super::devices::Devices;
use super::report::{Certainty, Source};
use crate::cidr::Cidr;
use crate::wg_quick::InterfaceAddress;

/// Pools that the same devices have addresses of, and those devices by index.
pub(super) struct Group {
    pub(super) pools: Vec<Cidr>,
    pub(super) devices: BTreeSet<usize>,
}

/// The pools, disjoint and in order, each with the place that it was seen in.
pub(super) fn pools(devices: &Devices<'_>, notes: &mut Notes) -> Vec<Cidr> {
    let said = || devices.all.iter().flat_map(|device| device.addresses.iter().map(move |own| (own, &device.source)));
    let mut found: BTreeMap<Cidr, (&Source, &str, Certainty)> = BTreeMap::new();
    for (own, source) in said().filter(|(own, _)| !own.network().is_host() && own.length() > 0) {
        let why = "an interface has an address with this length";
        found.entry(own.network()).or_insert((source, why, Certainty::Certain));
    }
    let ranges =
        || devices.all.iter().flat_map(|d| d.config).flat_map(|c| c.peers()).flat_map(|p| p.allowed_ips().iter());
    for (own, source) in said() {
        let address = own.address();
        if found.keys().any(|pool| pool.contains(address)) {
            continue;
        }
        let around = ranges().filter(|range| !range.is_host() && range.length() > 0 && range.contains(address));
        let (pool, why, certainty) = match around.max_by_key(Cidr::length) {
            Some(range) => (range, "addresses of devices lie in this AllowedIPs range", Certainty::Likely),
            None => (block(address), "an address stands alone, and something has to be around it", Certainty::Doubtful),
        };
        found.insert(pool, (source, why, certainty));
    }
    // In their order a range comes before everything inside it.
    let mut outermost = Vec::<Cidr>::new();
    for (pool, (source, why, certainty)) in found {
        if !outermost.iter().any(|outer| outer.covers(&pool)) {
            outermost.push(pool);
            notes.guess(format!("{pool} is a pool of overlay addresses"), why, certainty, source.clone());
        }
    }
    outermost
}

/// chosen: /24 and /64, the lengths that people give overlays.
fn block(address: IpAddr) -> Cidr {
    let length = if address.is_ipv4() { 24 } else { 64 };
    InterfaceAddress::new(address, length).expect("both families are that long").network()
}

/// Leaves each device one address of each pool, none of those that a pool keeps for itself, and groups the pools by who is in them.
pub(super) fn networks(devices: &mut Devices<'_>, pools: &[Cidr], notes: &mut Notes) -> Vec<Group> {
    for device in &mut devices.all {
        let mut used = BTreeSet::new();
        device.addresses.retain(|own| {
            let pool = pools.iter().find(|pool| pool.contains(own.address())).expect("every address is in a pool");
            let reserved = is_reserved(pool, own.address());
            if !reserved && used.insert(*pool) {
                return true;
            }
            let why = match reserved {
                true => format!("it names the pool {pool}, or all of it"),
                false => format!("a peer has one address of {pool}"),
            };
            notes.drop(format!("address {} of {}", own.address(), device.name), why, device.source.clone());
            false
        });
    }
    let mut groups: BTreeMap<BTreeSet<usize>, Vec<Cidr>> = BTreeMap::new();
    for pool in pools {
        let inside = |at: &usize| devices.all[*at].addresses.iter().any(|own| pool.contains(own.address()));
        groups.entry((0..devices.all.len()).filter(inside).collect()).or_default().push(*pool);
    }
    groups.remove(&BTreeSet::new());
    let mut groups: Vec<_> = groups.into_iter().map(|(devices, pools)| Group { pools, devices }).collect();
    groups.sort_by(|a, b| a.pools.cmp(&b.pools));
    groups
}

/// The first address names the pool, the last one of an IPv4 pool is its broadcast address.
fn is_reserved(pool: &Cidr, address: IpAddr) -> bool {
    let room = Cidr::host(address).length() - pool.length() > 1;
    room && (address == pool.address() || (address.is_ipv4() && address == pool.last()))
}
