//! A NAT in front of a host: RFC 4787's behaviours, without a clock or a port of its own.
//!
//! **Invariant**: what comes from outside passes only by a mapping that a datagram from inside opened or renewed within the
//! timeout, and only from whom the NAT's kind lets in; no outside address is ever used twice. Only what leaves renews
//! (RFC 4787 REQ-6), so that whoever listens alone is forgotten.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Whom a NAT lets in, and how often it gives its host another port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One port for all; whoever knows it is let in.
    Independent,
    /// One port for all; addresses that were written to are let in, by any port of theirs.
    AddressDependent,
    /// One port for each destination, which alone is let in.
    Symmetric,
}

/// A NAT, with what it remembers.
#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) kind: Kind,
    /// How long it remembers, in microseconds.
    pub(crate) timeout: u64,
    /// Its own address, under which its host is known outside.
    pub(crate) address: IpAddr,
    /// By destination where there is a port for each.
    mappings: BTreeMap<Option<SocketAddr>, Mapping>,
}

#[derive(Debug)]
struct Mapping {
    port: u16,
    /// When something last left to each address.
    left: BTreeMap<SocketAddr, u64>,
}

/// What became of a mapping when something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It leaves from where it left before.
    Renewed,
    /// Nothing had left to there yet.
    Opened,
    /// What was known there was forgotten, and there is a new port instead.
    Remapped,
}

/// What becomes of something from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arriving {
    Passes,
    /// Its port is open, but not for its sender.
    Filtered,
    /// Its port was, until nothing left for too long.
    Expired,
    /// Nobody has this port, or nobody has it any more.
    Unknown,
}

impl Nat {
    pub(crate) fn new(kind: Kind, timeout: u64, address: IpAddr) -> Self {
        Self { kind, timeout, address, mappings: BTreeMap::new() }
    }

    /// It forgets everything, and may have another address afterwards.
    pub(crate) fn reboot(&mut self, address: IpAddr) {
        self.mappings.clear();
        self.address = address;
    }

    /// A datagram leaves: from which port outside. `port` is one that was never used, should a new one be needed.
    pub(crate) fn leaves(&mut self, now: u64, to: SocketAddr, port: u16) -> (SocketAddr, Leaving) {
        let by = (self.kind == Kind::Symmetric).then_some(to);
        let known = self.mappings.get(&by).map(|mapping| mapping.is_alive(now, self.timeout));
        let leaving = match known {
            Some(true) => Leaving::Renewed,
            Some(false) => Leaving::Remapped,
            None => Leaving::Opened,
        };
        if leaving != Leaving::Renewed {
            self.mappings.insert(by, Mapping { port, left: BTreeMap::new() });
        }
        let mapping = self.mappings.get_mut(&by).expect("it is there, or was put there");
        mapping.left.insert(to, now);
        (SocketAddr::new(self.address, mapping.port), leaving)
    }

    /// A datagram comes to an outside address of it.
    pub(crate) fn arrives(&self, now: u64, from: SocketAddr, to: SocketAddr) -> Arriving {
        let mapping = self.mappings.values().find(|mapping| mapping.port == to.port());
        let Some(mapping) = mapping.filter(|_| to.ip() == self.address) else { return Arriving::Unknown };
        if !mapping.is_alive(now, self.timeout) {
            return Arriving::Expired;
        }
        let lets_in = |other: &SocketAddr| match self.kind {
            Kind::Independent => true,
            Kind::AddressDependent => other.ip() == from.ip(),
            Kind::Symmetric => *other == from,
        };
        let mut recent = mapping.left.iter().filter(|(_, at)| now - **at <= self.timeout);
        if recent.any(|(other, _)| lets_in(other)) { Arriving::Passes } else { Arriving::Filtered }
    }
}

impl Mapping {
    fn is_alive(&self, now: u64, timeout: u64) -> bool {
        self.left.values().any(|at| now - at <= timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: u64 = 20;

    fn at(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    fn nat(kind: Kind) -> Nat {
        Nat::new(kind, TIMEOUT, IpAddr::from([198, 18, 0, 1]))
    }

    /// Whether somebody who was written to, another port of theirs, and a stranger are let in.
    fn let_in(kind: Kind) -> [bool; 3] {
        let mut nat = nat(kind);
        let (outside, leaving) = nat.leaves(0, at(1, 51820), 4000);
        assert_eq!((outside.port(), leaving), (4000, Leaving::Opened));
        [at(1, 51820), at(1, 9), at(2, 51820)].map(|from| nat.arrives(1, from, outside) == Arriving::Passes)
    }

    #[test]
    fn each_kind_lets_in_whom_it_should() {
        assert_eq!(let_in(Kind::Independent), [true, true, true]);
        assert_eq!(let_in(Kind::AddressDependent), [true, true, false]);
        assert_eq!(let_in(Kind::Symmetric), [true, false, false]);
    }

    #[test]
    fn only_a_symmetric_one_has_a_port_for_each_destination() {
        for (kind, port) in [(Kind::Independent, 4000), (Kind::AddressDependent, 4000), (Kind::Symmetric, 4001)] {
            let mut nat = nat(kind);
            nat.leaves(0, at(1, 51820), 4000);
            assert_eq!(nat.leaves(1, at(2, 51820), 4001).0.port(), port, "{kind:?}");
        }
    }

    #[test]
    fn what_is_not_renewed_from_inside_is_forgotten_and_gets_another_port() {
        let mut nat = nat(Kind::Independent);
        let (outside, _) = nat.leaves(0, at(1, 51820), 4000);
        assert_eq!(nat.arrives(TIMEOUT, at(1, 51820), outside), Arriving::Passes);
        assert_eq!(nat.arrives(TIMEOUT + 1, at(1, 51820), outside), Arriving::Expired, "what comes does not renew");
        let (other, leaving) = nat.leaves(TIMEOUT + 1, at(1, 51820), 4001);
        assert_eq!((other.port(), leaving), (4001, Leaving::Remapped));
        assert_eq!(nat.arrives(TIMEOUT + 1, at(1, 51820), outside), Arriving::Unknown);
    }

    #[test]
    fn a_filter_forgets_as_a_mapping_does() {
        let mut nat = nat(Kind::AddressDependent);
        nat.leaves(0, at(1, 51820), 4000);
        let (outside, _) = nat.leaves(15, at(2, 51820), 4001);
        assert_eq!(nat.arrives(25, at(2, 51820), outside), Arriving::Passes);
        assert_eq!(nat.arrives(25, at(1, 51820), outside), Arriving::Filtered);
    }
}
