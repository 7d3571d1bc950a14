//! Cryptokey routing: to whom a prefix is sent, and from whom its sources are taken.
//!
//! **Invariants**: a packet goes to the carrier in use of the longest carried prefix that covers its destination; a source
//! is taken from a neighbor only if that neighbor is in the accepted set of the longest prefix that covers it, whoever
//! owns that prefix (SEC-41, TUNNEL.md fact 6). Standbys are always in the accepted set.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use nanami_model::{Cidr, NetworkMap};

use super::prefixes::Prefixes;

/// A neighbor's place in the list of neighbors of one snapshot.
pub(crate) type Slot = usize;

/// Both questions of cryptokey routing, for one map.
#[derive(Debug, Default)]
pub(crate) struct Table {
    entries: Prefixes<Entry>,
    /// The prefixes with more than one carrier, in order.
    ranked: Vec<Cidr>,
}

/// What is known about one prefix.
#[derive(Debug, Default)]
enum Entry {
    #[default]
    Nobody,
    /// One neighbor carries it, and only from that one sources in it are taken: nearly every prefix, so it costs no list.
    Sole(Slot),
    Several(Box<Several>),
}

/// What is known about a prefix that concerns more than one neighbor.
#[derive(Debug, Default)]
struct Several {
    /// Who may carry it, the egress owner first, then standbys by rank.
    carriers: Vec<Slot>,
    /// Which of them does, by place.
    carrying: AtomicUsize,
    /// From whom sources in it are taken.
    accepted: Vec<Slot>,
}

impl Table {
    /// The table of a map; the slot of a neighbor is its place in [`NetworkMap::neighbors`].
    pub(crate) fn of(map: &NetworkMap) -> Self {
        let mut table = Self::default();
        let mut standbys = Vec::new();
        for (slot, neighbor) in map.neighbors().iter().enumerate() {
            for prefix in neighbor.allowed_ips() {
                table.entries.entry(*prefix).carry(slot);
            }
            for standby in neighbor.standby() {
                standbys.push((standby.prefix, standby.rank, slot));
                table.entries.entry(standby.prefix).accept(slot);
            }
            for prefix in neighbor.accepted() {
                table.entries.entry(*prefix).accept(slot);
            }
        }
        standbys.sort_unstable();
        for (prefix, _, slot) in standbys {
            table.entries.entry(prefix).carry(slot);
        }
        let prefixes =
            map.neighbors().iter().flat_map(|neighbor| neighbor.standby().iter().map(|standby| standby.prefix));
        let mut ranked: Vec<_> = prefixes.filter(|prefix| table.carriers(*prefix).len() > 1).collect();
        ranked.sort_unstable();
        ranked.dedup();
        table.ranked = ranked;
        table
    }

    /// To whom a packet for this address goes.
    pub(crate) fn egress(&self, destination: IpAddr) -> Option<Slot> {
        self.entries.covering(destination).find_map(Entry::carrier)
    }

    /// To whom a gateway sends a packet on, by a rule about `range`: a carrier of all that the rule speaks about, or of a part
    /// of it. One of more than that, such as the gateway's own exit, is not what the rule meant.
    pub(crate) fn onward(&self, destination: IpAddr, range: Cidr) -> Option<Slot> {
        self.entries.covering_within(destination, range.length()).find_map(Entry::carrier)
    }

    /// Whether packets from this address are taken from this neighbor.
    pub(crate) fn accepts(&self, source: IpAddr, from: Slot) -> bool {
        self.entries.longest(source).is_some_and(|entry| entry.accepts(from))
    }

    /// The prefixes that have standbys.
    pub(crate) fn ranked(&self) -> &[Cidr] {
        &self.ranked
    }

    /// Who may carry exactly this prefix, by rank.
    pub(crate) fn carriers(&self, prefix: Cidr) -> &[Slot] {
        self.entries.get(prefix).map_or(&[], Entry::carriers)
    }

    /// Which of the carriers of exactly this prefix carries it, by place.
    pub(crate) fn carrying(&self, prefix: Cidr) -> usize {
        match self.entries.get(prefix) {
            Some(Entry::Several(several)) => several.carrying.load(Ordering::Relaxed),
            _ => 0,
        }
    }

    /// Lets another carrier of exactly this prefix carry it from now on, in one atomic step.
    pub(crate) fn switch(&self, prefix: Cidr, place: usize) {
        if let Some(Entry::Several(several)) = self.entries.get(prefix) {
            several.carrying.store(place, Ordering::Relaxed);
        }
    }
}

impl Entry {
    fn carry(&mut self, slot: Slot) {
        match self {
            Self::Nobody => *self = Self::Sole(slot),
            _ => self.several().carriers.push(slot),
        }
        self.accept(slot);
    }

    fn accept(&mut self, slot: Slot) {
        if !self.accepts(slot) {
            self.several().accepted.push(slot);
        }
    }

    /// Room for more than one.
    fn several(&mut self) -> &mut Several {
        match self {
            Self::Several(several) => return several,
            Self::Nobody => *self = Self::Several(Box::default()),
            Self::Sole(slot) => {
                *self = Self::Several(Box::new(Several {
                    carriers: vec![*slot],
                    accepted: vec![*slot],
                    ..Several::default()
                }));
            }
        }
        self.several()
    }

    fn accepts(&self, slot: Slot) -> bool {
        match self {
            Self::Nobody => false,
            Self::Sole(sole) => *sole == slot,
            Self::Several(several) => several.accepted.contains(&slot),
        }
    }

    fn carriers(&self) -> &[Slot] {
        match self {
            Self::Nobody => &[],
            Self::Sole(slot) => std::slice::from_ref(slot),
            Self::Several(several) => &several.carriers,
        }
    }

    fn carrier(&self) -> Option<Slot> {
        match self {
            Self::Nobody => None,
            Self::Sole(slot) => Some(*slot),
            Self::Several(several) => {
                let carriers = &several.carriers;
                carriers.get(several.carrying.load(Ordering::Relaxed)).or(carriers.first()).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nanami_model::{Neighbor, PrivateKey, PublicKey};
    use proptest::prelude::*;

    fn key(n: u8) -> PublicKey {
        PrivateKey::from_bytes([n + 1; 32]).public()
    }

    /// The obvious way: look at every prefix of every neighbor.
    fn oracle_accepts(map: &NetworkMap, source: IpAddr, from: Slot) -> bool {
        let all = |n: &Neighbor| -> Vec<Cidr> {
            let standby = n.standby().iter().map(|s| s.prefix);
            n.allowed_ips().iter().copied().chain(standby).chain(n.accepted().iter().copied()).collect()
        };
        let covering = map.neighbors().iter().flat_map(all).filter(|prefix| prefix.contains(source));
        let Some(longest) = covering.max_by_key(Cidr::length) else { return false };
        all(&map.neighbors()[from]).contains(&longest)
    }

    fn oracle_egress(map: &NetworkMap, destination: IpAddr) -> Option<Slot> {
        let owned = map.neighbors().iter().enumerate().flat_map(|(slot, n)| {
            let standby = n.standby().iter().map(move |s| (s.prefix, s.rank, slot));
            n.allowed_ips().iter().map(move |prefix| (*prefix, 0, slot)).chain(standby)
        });
        let covering = owned.filter(|(prefix, ..)| prefix.contains(destination));
        covering.min_by_key(|(prefix, rank, slot)| (u8::MAX - prefix.length(), *rank, *slot)).map(|(.., slot)| slot)
    }

    fn prefix() -> impl Strategy<Value = Cidr> {
        // Few distinct bits, so that prefixes nest and collide.
        (any::<[bool; 4]>(), prop::sample::select(vec![0u8, 8, 9, 10, 16, 24, 32]), any::<bool>()).prop_map(
            |(bits, length, v6)| {
                let byte = |i: usize| u8::from(bits[i]) * 0xc0;
                let v4 = u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)]);
                match v6 {
                    false => Cidr::new(
                        (v4 & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)).to_be_bytes().into(),
                        length,
                    ),
                    true => {
                        let length = length * 4;
                        let bits = u128::from(v4) << 96;
                        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                        Cidr::new((bits & mask).to_be_bytes().into(), length)
                    }
                }
                .unwrap()
            },
        )
    }

    proptest! {
        #[test]
        fn both_questions_agree_with_the_obvious_way(
            neighbors in prop::collection::vec(
                (prop::collection::vec(prefix(), 0..4), prop::collection::vec((prefix(), 1u8..4), 0..3), prop::collection::vec(prefix(), 0..3)),
                1..5,
            ),
            probes in prop::collection::vec(prefix(), 1..20),
        ) {
            let map = neighbors.into_iter().enumerate().fold(NetworkMap::default(), |map, (i, (owned, standby, accepted))| {
                let neighbor = Neighbor::new(key(i as u8), owned).with_accepted(accepted);
                map.with_neighbor(standby.into_iter().fold(neighbor, |n, (prefix, rank)| n.with_standby(prefix, rank)))
            });
            let table = Table::of(&map);
            for address in probes.iter().flat_map(|prefix| [prefix.address(), prefix.last()]) {
                prop_assert_eq!(table.egress(address), oracle_egress(&map, address), "{}", address);
                for slot in 0..map.neighbors().len() {
                    prop_assert_eq!(table.accepts(address, slot), oracle_accepts(&map, address, slot), "{}", address);
                }
            }
        }
    }

    #[test]
    fn the_carrier_in_use_changes_who_gets_packets_and_not_who_is_believed() {
        let prefix: Cidr = "10.60.0.0/16".parse().unwrap();
        let map = NetworkMap::default()
            .with_neighbor(Neighbor::new(key(0), [prefix]))
            .with_neighbor(Neighbor::new(key(1), []).with_standby(prefix, 1));
        let (table, inside) = (Table::of(&map), "10.60.0.10".parse().unwrap());
        let owner = table.egress(inside).unwrap();
        assert_eq!(table.ranked(), [prefix]);
        table.switch(prefix, 1);
        assert_ne!(table.egress(inside), Some(owner));
        assert!(table.accepts(inside, 0) && table.accepts(inside, 1));
    }
}
