//! Lists of prefixes: by family and length, the numbers of the networks as differences or runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::{Input, Output};
use crate::cidr::Cidr;
use crate::tlv::{MessageError, malformed};

/// Family and length in one byte: 0 to 32 for IPv4, 33 to 161 for IPv6.
const V6: u8 = 33;

pub(super) fn write(out: &mut Output, list: &[Cidr]) {
    let mut kinds: BTreeMap<u8, Vec<u128>> = BTreeMap::new();
    for cidr in list {
        kinds.entry(kind(cidr)).or_default().push(number(cidr));
    }
    out.count(kinds.len());
    for (kind, mut numbers) in kinds {
        numbers.sort_unstable();
        out.byte(kind);
        out.numbers(&numbers);
    }
}

/// A section of nothing but prefixes; a missing section is an empty list.
pub(super) fn read(mut input: Input<'_>, left: &mut usize) -> Result<Vec<Cidr>, MessageError> {
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let list = read_inline(&mut input, left)?;
    input.end()?;
    Ok(list)
}

pub(super) fn read_inline(input: &mut Input<'_>, left: &mut usize) -> Result<Vec<Cidr>, MessageError> {
    let mut list = Vec::new();
    for _ in 0..input.count(2)? {
        let kind = input.byte()?;
        for number in input.numbers(left)? {
            list.push(cidr(kind, number)?);
        }
    }
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

pub(super) fn write_hosts(out: &mut Output, list: &[IpAddr]) {
    write(out, &list.iter().map(|address| Cidr::host(*address)).collect::<Vec<_>>());
}

pub(super) fn read_hosts(input: Input<'_>, left: &mut usize) -> Result<Vec<IpAddr>, MessageError> {
    let host =
        |cidr: Cidr| if cidr.is_host() { Ok(cidr.address()) } else { Err(malformed("an address with a length")) };
    read(input, left)?.into_iter().map(host).collect()
}

/// One prefix by itself: family and length, then as many bytes of the address as the length covers.
pub(super) fn write_one(out: &mut Output, cidr: &Cidr) {
    out.byte(kind(cidr));
    let covered = usize::from(cidr.length()).div_ceil(8);
    match cidr.address() {
        IpAddr::V4(v4) => out.bytes(&v4.octets()[..covered]),
        IpAddr::V6(v6) => out.bytes(&v6.octets()[..covered]),
    }
}

pub(super) fn read_one(input: &mut Input<'_>) -> Result<Cidr, MessageError> {
    let kind = input.byte()?;
    let (length, address) = match kind.checked_sub(V6) {
        None => {
            let mut octets = [0; 4];
            let covered = usize::from(kind).div_ceil(8);
            octets[..covered].copy_from_slice(input.bytes(covered)?);
            (kind, IpAddr::from(octets))
        }
        Some(length) if length <= 128 => {
            let mut octets = [0; 16];
            let covered = usize::from(length).div_ceil(8);
            octets[..covered].copy_from_slice(input.bytes(covered)?);
            (length, IpAddr::from(octets))
        }
        Some(_) => return Err(WRONG),
    };
    Cidr::new(address, length).map_err(|_| WRONG)
}

pub(super) fn v4(cidr: &Cidr) -> Option<u128> {
    (kind(cidr) == 32).then(|| number(cidr))
}

pub(super) fn v6(cidr: &Cidr) -> Option<u128> {
    (kind(cidr) == V6 + 128).then(|| number(cidr))
}

pub(super) fn v4_host(number: u128) -> Result<Cidr, MessageError> {
    cidr(32, number)
}

pub(super) fn v6_host(number: u128) -> Result<Cidr, MessageError> {
    cidr(V6 + 128, number)
}

fn kind(cidr: &Cidr) -> u8 {
    match cidr.address() {
        IpAddr::V4(_) => cidr.length(),
        IpAddr::V6(_) => V6 + cidr.length(),
    }
}

/// Which of the networks of its length it is.
fn number(cidr: &Cidr) -> u128 {
    let shifted = |bits: u128, width: u32| bits.checked_shr(width - u32::from(cidr.length())).unwrap_or(0);
    match cidr.address() {
        IpAddr::V4(v4) => shifted(u32::from(v4).into(), 32),
        IpAddr::V6(v6) => shifted(v6.into(), 128),
    }
}

fn cidr(kind: u8, number: u128) -> Result<Cidr, MessageError> {
    let (length, width) = if kind < V6 { (kind, 32) } else { (kind - V6, 128) };
    if length > width || number.checked_shr(length.into()).unwrap_or(0) != 0 {
        return Err(WRONG);
    }
    let bits = number.checked_shl(u32::from(width - length)).unwrap_or(0);
    let address = match width {
        32 => IpAddr::from(Ipv4Addr::from(u32::try_from(bits).map_err(|_| WRONG)?)),
        _ => IpAddr::from(Ipv6Addr::from(bits)),
    };
    Cidr::new(address, length).map_err(|_| WRONG)
}

const WRONG: MessageError = MessageError::Malformed { what: "prefix" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_of_both_families_round_trips() {
        let (v4, v6): (Ipv4Addr, Ipv6Addr) = ("203.0.113.255".parse().unwrap(), "fd42:ffff::ffff:1".parse().unwrap());
        let v4 = (0..=32u8).map(|length| {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Cidr::new(IpAddr::from(Ipv4Addr::from(u32::from(v4) & mask)), length).unwrap()
        });
        let v6 = (0..=128u8).map(|length| {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Cidr::new(IpAddr::from(Ipv6Addr::from(u128::from(v6) & mask)), length).unwrap()
        });
        let mut all: Vec<Cidr> = v4.chain(v6).collect();
        for cidr in &all {
            let mut out = Output::default();
            write_one(&mut out, cidr);
            let bytes = out.into_bytes();
            assert_eq!(read_one(&mut Input::new(&bytes)), Ok(*cidr));
        }
        all.sort_unstable();
        let mut out = Output::default();
        write(&mut out, &all);
        assert_eq!(read(Input::new(&out.into_bytes()), &mut 1000), Ok(all));
    }

    #[test]
    fn a_network_beyond_its_length_and_an_unknown_length_are_refused() {
        assert!(cidr(8, 256).is_err() && cidr(8, 255).is_ok() && cidr(0, 0).is_ok() && cidr(0, 1).is_err());
        assert!(cidr(162, 0).is_err() && cidr(255, 0).is_err() && cidr(161, u128::MAX).is_ok());
        assert!(read_one(&mut Input::new(&[200])).is_err() && read_one(&mut Input::new(&[32, 10])).is_err());
        assert!(read_one(&mut Input::new(&[4, 0xff])).is_err(), "host bits");
    }
}
