//! A map from prefixes to values that answers longest-prefix questions.
//!
//! **Invariant**: a look-up looks at each length that occurs, longest first; there are few of those, however many
//! prefixes there are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nanami_model::Cidr;

/// Values by prefix, both families.
#[derive(Debug, Clone)]
pub(crate) struct Prefixes<T> {
    v4: BTreeMap<u8, BTreeMap<u128, T>>,
    v6: BTreeMap<u8, BTreeMap<u128, T>>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { v4: BTreeMap::new(), v6: BTreeMap::new() }
    }
}

impl<T> Prefixes<T> {
    /// The value at exactly this prefix, made if it is absent.
    pub(crate) fn entry(&mut self, prefix: Cidr) -> &mut T
    where
        T: Default,
    {
        let address = prefix.address();
        let family = if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        family.entry(prefix.length()).or_default().entry(bits(address)).or_default()
    }

    /// The value at exactly this prefix.
    pub(crate) fn get(&self, prefix: Cidr) -> Option<&T> {
        self.family(prefix.address()).get(&prefix.length())?.get(&bits(prefix.address()))
    }

    /// The values of every prefix that covers the address, longest first.
    pub(crate) fn covering(&self, address: IpAddr) -> impl Iterator<Item = &T> {
        self.covering_within(address, 0)
    }

    /// The same, without prefixes shorter than this.
    pub(crate) fn covering_within(&self, address: IpAddr, shortest: u8) -> impl Iterator<Item = &T> {
        let (bits, width) = (bits(address), if address.is_ipv4() { 32 } else { 128 });
        self.family(address)
            .range(shortest..)
            .rev()
            .filter_map(move |(length, values)| values.get(&mask(bits, *length, width)))
    }

    /// The value of the longest prefix that covers the address.
    pub(crate) fn longest(&self, address: IpAddr) -> Option<&T> {
        self.covering(address).next()
    }

    fn family(&self, address: IpAddr) -> &BTreeMap<u8, BTreeMap<u128, T>> {
        if address.is_ipv4() { &self.v4 } else { &self.v6 }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn mask(bits: u128, length: u8, width: u8) -> u128 {
    let host_bits = u32::from(width.saturating_sub(length));
    bits & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}
