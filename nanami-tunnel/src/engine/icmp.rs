//! ICMP messages that the engine makes itself: refusals for senders, probes and the answers to them.
//!
//! **Invariant**: nothing is said about an ICMP error, a later fragment, or a packet from or to many receivers
//! (RFC 1122 section 3.2.2, RFC 4443 section 2.4), and no message is longer than what it is about plus 48 bytes.

use std::net::IpAddr;

use super::packet::{Icmp, Inner, Transport};

/// Why a packet does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// A filter forbids it: "communication administratively prohibited".
    Prohibited,
    /// Nobody carries its destination: "network unreachable".
    NoRoute,
    /// It is longer than this many bytes: "fragmentation needed", "packet too big".
    TooBig { mtu: u16 },
}

impl Unreachable {
    /// Type and code: RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.
    fn type_and_code(self, ipv4: bool) -> (u8, u8) {
        match (self, ipv4) {
            (Self::Prohibited, true) => (3, 13),
            (Self::Prohibited, false) => (1, 1),
            (Self::NoRoute, true) => (3, 0),
            (Self::NoRoute, false) => (1, 0),
            (Self::TooBig { .. }, true) => (3, 4),
            (Self::TooBig { .. }, false) => (2, 0),
        }
    }
}

/// The message for the sender of `about`, from `from`; `None` where nothing may be said.
pub(crate) fn unreachable(from: IpAddr, about: &Inner<'_>, why: Unreachable) -> Option<Vec<u8>> {
    let silent = matches!(about.transport, Transport::Fragment | Transport::Icmp(Icmp::Error))
        || is_many(about.destination)
        || is_many(about.source)
        || from.is_ipv4() != about.source.is_ipv4();
    if silent {
        return None;
    }
    let (kind, code) = why.type_and_code(from.is_ipv4());
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    if let Unreachable::TooBig { mtu } = why {
        message[6..8].copy_from_slice(&mtu.to_be_bytes());
    }
    let quoted = if from.is_ipv4() { MAX_V4 - 28 } else { MAX_V6 - 48 };
    message.extend_from_slice(&about.bytes[..about.bytes.len().min(quoted)]);
    Some(icmp_packet(from, about.source, message))
}

/// An echo request.
pub(crate) fn echo_request(from: IpAddr, to: IpAddr, id: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let kind = if from.is_ipv4() { 8 } else { 128 };
    let mut message = vec![kind, 0, 0, 0];
    message.extend(id.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend_from_slice(payload);
    icmp_packet(from, to, message)
}

/// The reply to an echo request.
pub(crate) fn echo_reply(request: &Inner<'_>) -> Vec<u8> {
    let mut message = request.bytes[request.payload_at..].to_vec();
    message[0] = if request.source.is_ipv4() { 0 } else { 129 };
    icmp_packet(request.destination, request.source, message)
}

/// Identifier, sequence and payload of an echo message.
pub(crate) fn echo_parts<'a>(inner: &Inner<'a>) -> Option<(u16, u16, &'a [u8])> {
    let message = inner.bytes.get(inner.payload_at..)?;
    let field = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    Some((field(4)?, field(6)?, message.get(8..)?))
}

fn icmp_packet(from: IpAddr, to: IpAddr, mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].copy_from_slice(&[0, 0]);
    let protocol = if from.is_ipv4() { 1 } else { 58 };
    let pseudo = match (from, to) {
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut pseudo = Vec::with_capacity(40);
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
            pseudo.extend((message.len() as u32).to_be_bytes());
            pseudo.extend([0, 0, 0, protocol]);
            pseudo
        }
        _ => Vec::new(),
    };
    let sum = checksum([&pseudo[..], &message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ip_packet(from, to, protocol, &message)
}

/// An IP packet around `payload`. Both addresses are of one family; an IPv4 header carries its checksum.
pub(crate) fn ip_packet(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, HOP_LIMIT, protocol, 0, 0];
            packet[2..4].copy_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
            packet.extend(from.octets());
            packet.extend(to.octets());
            let sum = checksum([&packet[..], &[]]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            packet.extend_from_slice(payload);
            packet
        }
        (from, to) => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            let mut packet = vec![0x60, 0, 0, 0, 0, 0, protocol, HOP_LIMIT];
            packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
            packet.extend(octets(from));
            packet.extend(octets(to));
            packet.extend_from_slice(payload);
            packet
        }
    }
}

/// The Internet checksum (RFC 1071) of two stretches; the first has an even length.
pub(crate) fn checksum(stretches: [&[u8]; 2]) -> u16 {
    !fold(sum(stretches[0]) + sum(stretches[1]))
}

/// The Internet checksum of these bytes after others whose 16-bit words have this sum.
#[cfg_attr(not(feature = "tun"), expect(dead_code, reason = "only the kernel's offloads need it"))]
pub(crate) fn checksum_of(before: u64, bytes: &[u8]) -> u16 {
    !fold(before + sum(bytes))
}

/// The folded sum of 16-bit words; an odd byte at the end is the high one of its word. Words are added four bytes at a time
/// in the host's order, because the sum of swapped words is the swapped sum (RFC 1071 section 2).
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(4);
    let sum: u64 = words.by_ref().map(|word| u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))).sum();
    let mut last = [0; 4];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    u64::from(fold(sum + u64::from(u32::from_ne_bytes(last))).to_be())
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn is_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast() || address.is_unspecified(),
        IpAddr::V6(address) => address.is_multicast() || address.is_unspecified(),
    }
}

/// Hops. RFC 1700: the recommended default.
const HOP_LIMIT: u8 = 64;
/// Bytes of an ICMP error. RFC 1812 section 4.3.2.3: no more than 576.
const MAX_V4: usize = 576;
/// Bytes of an ICMPv6 error. RFC 4443 section 3.1: no more than the minimum MTU.
const MAX_V6: usize = 1280;

#[cfg(test)]
mod tests {
    use super::super::packet::tests::{SYN, tcp};
    use super::*;

    #[test]
    fn a_refusal_quotes_what_it_is_about_in_both_families() {
        for (from, to, me) in [("10.0.0.1:9", "10.0.0.2:22", "10.0.0.2"), ("[fd00::1]:9", "[fd00::2]:22", "fd00::2")] {
            let syn = tcp(from, to, SYN);
            let about = Inner::parse(&syn).unwrap();
            let refusal = unreachable(me.parse().unwrap(), &about, Unreachable::Prohibited).unwrap();
            let inner = Inner::parse(&refusal).unwrap();
            assert_eq!(inner.transport, Transport::Icmp(Icmp::Error));
            assert_eq!(inner.quoted().unwrap().flow_of_sender(), about.flow_of_sender());
            assert!(
                unreachable(me.parse().unwrap(), &inner, Unreachable::Prohibited).is_none(),
                "no error about errors"
            );
        }
    }

    proptest::proptest! {
        /// Against the definition, two bytes at a time.
        #[test]
        fn the_sum_is_that_of_16_bit_words(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..70), before in 0u64..1 << 40) {
            let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
            let mut sum = before + bytes.chunks(2).map(word).sum::<u64>();
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            proptest::prop_assert_eq!(checksum_of(before, &bytes), !(sum as u16));
        }
    }

    #[test]
    fn checksums_verify() {
        let request = echo_request("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), 7, 9, b"odd");
        assert_eq!(checksum([&request[..20], &[]]), 0);
        assert_eq!(checksum([&request[20..], &[]]), 0);
        let reply = echo_reply(&Inner::parse(&request).unwrap());
        assert_eq!(checksum([&reply[20..], &[]]), 0);
        assert_eq!(echo_parts(&Inner::parse(&reply).unwrap()), Some((7, 9, &b"odd"[..])));
    }
}
