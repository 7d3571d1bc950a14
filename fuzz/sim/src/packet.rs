//! Inner packets that say which packet they are: UDP with a number, and contents that follow from it.

use std::net::IpAddr;

/// The number and every byte of a packet that a world sends.
#[derive(Debug, Clone)]
pub(crate) struct Tagged {
    pub(crate) bytes: Vec<u8>,
}

/// The two ends of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ends {
    pub(crate) from: (IpAddr, u16),
    pub(crate) to: (IpAddr, u16),
}

impl Ends {
    /// The same flow the other way.
    pub(crate) fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

impl Tagged {
    /// A packet of `length` bytes, or of as many as headers and number need.
    pub(crate) fn new(ends: Ends, id: u64, length: usize) -> Self {
        let header = if ends.from.0.is_ipv4() { 20 } else { 40 };
        let length = length.max(header + 16);
        let udp = (length - header) as u16;
        let mut bytes = match (ends.from.0, ends.to.0) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, HOPS, UDP, 0, 0];
                bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                bytes.extend(from.octets().into_iter().chain(to.octets()));
                set_checksum(&mut bytes);
                bytes
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut bytes = vec![0x60, 0, 0, 0, 0, 0, UDP, HOPS];
                bytes[4..6].copy_from_slice(&udp.to_be_bytes());
                bytes.extend(from.octets().into_iter().chain(to.octets()));
                bytes
            }
            _ => panic!("a world's packets have two ends of one family"),
        };
        for word in [ends.from.1, ends.to.1, udp, 0] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(id.to_be_bytes());
        let contents = (bytes.len()..length).map(|at| (id.wrapping_mul(31) as u8).wrapping_add(at as u8));
        bytes.extend(contents.collect::<Vec<_>>());
        Self { bytes }
    }

    /// What comes out of a gateway that forwarded it.
    pub(crate) fn one_hop_further(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        assert!(bytes[0] >> 4 == 4, "the hub forwards IPv4");
        bytes[8] -= 1;
        set_checksum(&mut bytes[..20]);
        bytes
    }
}

/// The number of a packet of a world, or of the one that an ICMP error quotes; `true` for a quoted one.
pub(crate) fn id_of(packet: &[u8]) -> Option<(u64, bool)> {
    let (header, protocol) = shape(packet)?;
    if protocol == UDP {
        return Some((word(packet, header + 8)?, false));
    }
    let is_error = match (packet[0] >> 4, protocol) {
        (4, ICMP) => matches!(packet.get(header)?, 3 | 11),
        (6, ICMP6) => *packet.get(header)? < 128,
        _ => false,
    };
    let quoted = packet.get(header + 8..).filter(|_| is_error)?;
    let (header, protocol) = shape(quoted)?;
    (protocol == UDP).then(|| Some((word(quoted, header + 8)?, true)))?
}

/// Length of the IP header, and the protocol behind it.
fn shape(packet: &[u8]) -> Option<(usize, u8)> {
    match packet.first()? >> 4 {
        4 => Some((usize::from(packet[0] & 15) * 4, *packet.get(9)?)),
        6 => Some((40, *packet.get(6)?)),
        _ => None,
    }
}

fn word(packet: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(packet.get(at..at + 8)?.try_into().ok()?))
}

fn set_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum: u32 = header.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

const HOPS: u8 = 64;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_which_one_it_is_in_both_families() {
        for [from, to] in [["10.0.0.1", "10.0.0.2"], ["fd00::1", "fd00::2"]] {
            let ends = Ends { from: (from.parse().unwrap(), 9), to: (to.parse().unwrap(), 7) };
            for length in [0, 60, 61, 1000] {
                let packet = Tagged::new(ends, 77, length);
                assert!(packet.bytes.len() == length.max(if from.contains(':') { 56 } else { 36 }));
                assert_eq!(id_of(&packet.bytes), Some((77, false)));
            }
        }
    }
}
