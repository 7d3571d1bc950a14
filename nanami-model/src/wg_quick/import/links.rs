//! Who reaches whom, read out of AllowedIPs as WireGuard enforces them.
//!
//! **Invariant**: a pair is here only if both ends send to each other the same way: WireGuard takes a packet only from the peer that
//! its source is sent to. Of a device that has no file it is supposed that it would.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Notes;
use super::devices::Devices;
use super::report::Source;
use crate::cidr::Cidr;
use crate::wg_quick::{PeerSection, WgQuick};

/// A pair of devices by index, the smaller first.
pub(super) type Pair = (usize, usize);

#[derive(Default)]
pub(super) struct Links {
    /// Pairs with a tunnel of their own.
    pub(super) direct: BTreeSet<Pair>,
    /// For each device in the middle, the pairs whose packets go through it.
    pub(super) through: BTreeMap<usize, BTreeSet<Pair>>,
    /// For each range that is no overlay address: by which devices it is reached, by whom, and where that is said first.
    pub(super) behind: BTreeMap<Cidr, Behind>,
}

pub(super) struct Behind {
    pub(super) gateways: Vec<usize>,
    pub(super) clients: BTreeSet<usize>,
    pub(super) source: Source,
}

impl Links {
    pub(super) fn of(devices: &Devices<'_>, pools: &[Cidr], notes: &mut Notes) -> Self {
        let mut links = Self::default();
        for (from, device) in devices.all.iter().enumerate() {
            for section in device.config.map(WgQuick::peers).unwrap_or_default() {
                let to = devices.by_key[&section.public_key()];
                let source = Source { file: device.source.file.clone(), line: section.line() };
                if !knows(devices, to, from) {
                    let (here, there) = (&device.name, &devices.all[to].name);
                    let why = format!("the file of {there} does not know {here}, so that no handshake succeeds");
                    notes.drop(format!("the tunnel from {here} to {there}"), why, source);
                    continue;
                }
                links.tunnel(devices, from, to, section);
                links.ranges(devices, pools, (from, to), section, &source, notes);
            }
            if device.config.is_some() {
                links.relayed(devices, from, notes);
            }
        }
        links
    }

    /// A pair with a tunnel, if each sends one of the other's addresses into it.
    fn tunnel(&mut self, devices: &Devices<'_>, a: usize, b: usize, section: &PeerSection) {
        let (own, other) = (addresses(devices, a), addresses(devices, b));
        // An address that nobody knows cannot be looked for; that there is a tunnel is all that is said.
        let unknown = other.is_empty() && !section.allowed_ips().is_empty();
        let meets = |x: &IpAddr, y: &IpAddr| devices.sends(a, *y, b) && devices.sends(b, *x, a);
        if unknown || pairs(&own, &other).any(|(x, y)| meets(x, y)) {
            self.direct.insert(ordered(a, b));
        }
    }

    /// Pairs whose packets go through one device in the middle.
    fn relayed(&mut self, devices: &Devices<'_>, a: usize, notes: &mut Notes) {
        for (c, other) in devices.all.iter().enumerate().filter(|(c, _)| *c != a) {
            let middle = other.addresses.iter().filter_map(|own| devices.next_hop(a, own.address())).find(|h| *h != c);
            let Some(h) = middle else { continue };
            let named = devices.all[h].config.is_some() || other.config.is_some();
            let passes = |x: &IpAddr, y: &IpAddr| {
                let there = devices.next_hop(a, *y) == Some(h) && devices.sends(h, *y, c);
                there && devices.sends(c, *x, h) && devices.sends(h, *x, a)
            };
            if named && h != a && pairs(&addresses(devices, a), &addresses(devices, c)).any(|(x, y)| passes(x, y)) {
                self.through.entry(h).or_default().insert(ordered(a, c));
            } else if named && h != a && (a < c || other.config.is_none()) {
                twice(devices, (a, c), h, notes);
            }
        }
    }

    /// What is behind `to`, as `from` sees it.
    fn ranges(
        &mut self,
        devices: &Devices<'_>,
        pools: &[Cidr],
        (from, to): (usize, usize),
        section: &PeerSection,
        source: &Source,
        notes: &mut Notes,
    ) {
        for range in whole(section.allowed_ips().as_slice()) {
            let overlay = pools.iter().any(|pool| pool.covers(&range));
            if overlay || devices.holder(range.address()).is_some_and(|_| range.is_host()) {
                continue;
            }
            if range.length() > 0 && pools.iter().any(|pool| range.covers(pool)) {
                let why = "it is around a pool; of it only the peers are reached, and what is in other AllowedIPs";
                notes.drop(format!("range {range} behind {}", devices.all[to].name), why, source.clone());
                continue;
            }
            let new = || Behind { gateways: Vec::new(), clients: BTreeSet::new(), source: source.clone() };
            let behind = self.behind.entry(range).or_insert_with(new);
            if !behind.gateways.contains(&to) {
                behind.gateways.push(to);
            }
            behind.clients.insert(from);
        }
    }
}

/// Says of a pair that goes through a second device behind the first that nobody takes it over: a policy goes through one gateway, and only
/// plain devices are carried by two.
fn twice(devices: &Devices<'_>, (a, c): (usize, usize), h: usize, notes: &mut Notes) {
    let back = |x: &IpAddr, y: &IpAddr, k: usize| {
        let ends = k != a && k != c && k != h && devices.sends(k, *y, c) && devices.sends(c, *x, k);
        ends && devices.next_hop(k, *x) == Some(h) && devices.sends(h, *x, a)
    };
    let second = |x: &IpAddr, y: &IpAddr| {
        let there = devices.next_hop(a, *y) == Some(h);
        devices.next_hop(h, *y).filter(|k| there && back(x, y, *k))
    };
    let Some(k) = pairs(&addresses(devices, a), &addresses(devices, c)).find_map(|(x, y)| second(x, y)) else { return };
    let name = |at: usize| &devices.all[at].name;
    let to_first = |section: &&PeerSection| devices.by_key.get(&section.public_key()) == Some(&h);
    let section = devices.all[a].config.and_then(|config| config.peers().iter().find(to_first));
    let source = Source { file: devices.all[a].source.file.clone(), line: section.map_or(1, PeerSection::line) };
    let why = "a policy goes through one gateway; give the two a tunnel of their own, or one gateway that both have a tunnel to";
    notes.drop(
        format!("what goes between {} and {} through {} and {}", name(a), name(c), name(h), name(k)),
        why,
        source,
    );
}

/// Whether a device's file names another. Of one without a file it is supposed.
fn knows(devices: &Devices<'_>, device: usize, other: usize) -> bool {
    let Some(config) = devices.all[device].config else { return true };
    let is_other = |section: &PeerSection| devices.by_key.get(&section.public_key()) == Some(&other);
    config.peers().iter().any(is_other)
}

/// The ranges, with the two halves that stand for everything made one, as `wg-quick` users write a default route.
fn whole(ranges: &[Cidr]) -> Vec<Cidr> {
    let mut ranges = ranges.to_vec();
    for all in [Cidr::ALL_V4, Cidr::ALL_V6] {
        let half = |range: &Cidr| range.length() == 1 && all.covers(range);
        if ranges.iter().filter(|range| half(range)).count() == 2 {
            ranges.retain(|range| !half(range));
            ranges.insert(0, all);
        }
    }
    ranges.dedup();
    ranges
}

fn addresses(devices: &Devices<'_>, at: usize) -> Vec<IpAddr> {
    devices.all[at].addresses.iter().map(|own| own.address()).collect()
}

/// The pairs of one family.
fn pairs<'a>(one: &'a [IpAddr], other: &'a [IpAddr]) -> impl Iterator<Item = (&'a IpAddr, &'a IpAddr)> {
    let both = one.iter().flat_map(move |x| other.iter().map(move |y| (x, y)));
    both.filter(|(x, y)| x.is_ipv4() == y.is_ipv4())
}

fn ordered(a: usize, b: usize) -> Pair {
    (a.min(b), a.max(b))
}
