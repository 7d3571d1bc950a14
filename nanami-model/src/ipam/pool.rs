//! Offsets into a pool: which addresses it gives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cidr::Cidr;

/// How many addresses a pool gives: not the first one, which names the network (RFC 4291 section 2.6.1: the routers), nor the
/// last one of an IPv4 pool, which is its broadcast address. At most 2^32 are looked at.
pub(super) fn size(pool: &Cidr) -> u64 {
    let host_bits = if pool.is_ipv4() { 32 - pool.length() } else { 128 - pool.length() };
    let all = 1u64 << host_bits.min(32);
    if pool.is_ipv4() { all.saturating_sub(2) } else { all.saturating_sub(1) }
}

/// The address at an offset.
pub(super) fn nth(pool: &Cidr, offset: u64) -> IpAddr {
    match pool.address() {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits().saturating_add(u32::try_from(offset).unwrap_or(u32::MAX))).into()
        }
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().saturating_add(offset.into())).into(),
    }
}

/// The offset of an address, if it is one that the pool gives.
pub(super) fn offset(pool: &Cidr, address: IpAddr) -> Option<u64> {
    let offset = match (pool.address(), address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => u64::from(address.to_bits().checked_sub(first.to_bits())?),
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            u64::try_from(address.to_bits().checked_sub(first.to_bits())?).ok()?
        }
        _ => return None,
    };
    (1..=size(pool)).contains(&offset).then_some(offset)
}
