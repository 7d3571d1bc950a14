//! Joins packets of one flow, so that the kernel takes up to 64 KiB of it in one call (generic receive offload).
//!
//! **Invariants**: cut again by the kernel, what was joined is the same packets in the same order; packets of one flow never
//! overtake each other; what has a wrong checksum, options that differ or anything unusual goes alone, as it is. No packet is
//! copied: a joined one is written as its header and the payloads where they lie.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;

use super::frame::{
    ACK, FRAME_HEADER, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, NEEDS_CSUM, PSH, TCP_CHECKSUM, UDP_CHECKSUM, pseudo,
};
use crate::engine::{Packets, checksum_of};

/// What is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joins {
    pub(super) tcp: bool,
    pub(super) udp: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Packets that were not taken.
    pub(super) lost: usize,
    /// Joined frames that were taken.
    pub(super) joined: u32,
    /// Joined frames that the kernel called invalid, whose packets then went one by one.
    pub(super) refused: u32,
}

/// Whether the kernel takes joined frames. Some call all of them invalid, some those that end with a shorter packet
/// (tailscale/tailscale#13041); a neighbor's odd packet may be refused anywhere, so one refusal says little.
#[derive(Debug, Default)]
pub(super) struct Trust {
    refused_in_a_row: AtomicU32,
}

impl Trust {
    /// Whether joining is still worth a try.
    pub(super) fn holds(&self) -> bool {
        self.refused_in_a_row.load(Ordering::Relaxed) < REFUSALS
    }

    /// Learns from a batch. `true` if that was one refusal too many.
    pub(super) fn learn(&self, written: Written) -> bool {
        if written.joined > 0 {
            self.refused_in_a_row.store(0, Ordering::Relaxed);
            return false;
        }
        let before = self.refused_in_a_row.fetch_add(written.refused, Ordering::Relaxed);
        before < REFUSALS && before + written.refused >= REFUSALS
    }
}

/// Memory for joining, kept from batch to batch.
#[derive(Default)]
pub(super) struct Joiner {
    groups: Vec<Group>,
    /// For each packet the one that follows it in its group.
    next: Vec<Option<usize>>,
    header: Vec<u8>,
}

/// Packets that are written together, at least one.
struct Group {
    first: usize,
    last: usize,
    count: usize,
    /// Bytes of the whole.
    length: usize,
    /// What the next packet must carry on with; `None` if nothing can follow.
    expects: Option<Expected>,
    pushes: bool,
}

#[derive(Clone, Copy)]
struct Expected {
    /// Bytes of each payload but the last.
    payload: usize,
    /// Of the next byte, in TCP.
    sequence: u32,
}

/// A packet of TCP or UDP with a plain IP header.
#[derive(Clone, Copy)]
struct Segment<'a> {
    bytes: &'a [u8],
    transport_at: usize,
    payload_at: usize,
    transport: Transport,
    /// Whether it may be part of a group: it carries something, and nothing is special about it.
    is_joinable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Tcp { sequence: u32, pushes: bool },
    Udp,
}

impl Joiner {
    /// Hands every packet to `write`, joined where that can be: slices that are one frame, beginning with the header that
    /// TUN interfaces with offloads ask for. What is refused joined is handed over packet by packet.
    pub(super) fn frames(
        &mut self,
        packets: &Packets,
        joins: Joins,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Result<(), Errno>,
    ) -> Written {
        self.group(packets, joins);
        let (mut written, packet) = (Written::default(), |at: usize| packets.get(at).unwrap_or_default());
        for group in &self.groups {
            let mut alone = |at: usize| write(&[IoSlice::new(&[0; FRAME_HEADER]), IoSlice::new(packet(at))]);
            let Some(first) = Segment::of(packet(group.first), joins).filter(|_| group.count > 1) else {
                written.lost += usize::from(alone(group.first).is_err());
                continue;
            };
            first.joined_header(group, &mut self.header);
            let mut slices = [IoSlice::new(&[]); 1 + MAX_COUNT];
            slices[0] = IoSlice::new(&self.header);
            for (slice, member) in slices[1..].iter_mut().zip(members(&self.next, group.first)) {
                *slice = IoSlice::new(packet(member).get(first.payload_at..).unwrap_or_default());
            }
            match write(&slices[..=group.count]) {
                Ok(()) => written.joined += 1,
                Err(Errno::INVAL) => {
                    written.refused += 1;
                    let mut alone = |at: usize| write(&[IoSlice::new(&[0; FRAME_HEADER]), IoSlice::new(packet(at))]);
                    written.lost += members(&self.next, group.first).filter(|at| alone(*at).is_err()).count();
                }
                Err(_) => written.lost += group.count,
            }
        }
        written
    }

    fn group(&mut self, packets: &Packets, joins: Joins) {
        self.groups.clear();
        self.next.clear();
        self.next.resize(packets.len(), None);
        for (at, bytes) in packets.iter().enumerate() {
            let segment = Segment::of(bytes, joins);
            if let Some(segment) = segment
                && let Some(group) = self.group_of(packets, &segment, joins)
                && self.groups[group].takes(packets, &segment, joins)
            {
                let group = &mut self.groups[group];
                self.next[group.last] = Some(at);
                group.add(at, &segment);
            } else {
                self.groups.push(Group::new(at, bytes, segment.as_ref()));
            }
        }
    }

    /// The latest group of the same flow; an earlier one would be overtaken.
    fn group_of(&self, packets: &Packets, segment: &Segment<'_>, joins: Joins) -> Option<usize> {
        let latest = self.groups.len().saturating_sub(LOOKED_BACK);
        (latest..self.groups.len()).rev().find(|group| {
            let first = packets.get(self.groups[*group].first).and_then(|bytes| Segment::of(bytes, joins));
            match first {
                Some(first) => first.is_of_flow_of(segment),
                // It may be of the same flow.
                None => true,
            }
        })
    }
}

/// The places of a group's packets, from its first one.
fn members(next: &[Option<usize>], first: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), |at| next[*at])
}

impl Group {
    fn new(at: usize, bytes: &[u8], segment: Option<&Segment<'_>>) -> Self {
        let mut group = Self { first: at, last: at, count: 1, length: bytes.len(), expects: None, pushes: false };
        if let Some(segment) = segment {
            group.expects = segment.expects_next(segment.payload());
            group.pushes = segment.transport.pushes();
        }
        group
    }

    /// Whether this segment carries on with the group; both must then be as the checksums say, because the kernel makes new
    /// ones.
    fn takes(&self, packets: &Packets, segment: &Segment<'_>, joins: Joins) -> bool {
        let Some(expected) = self.expects else { return false };
        let Some(first) = packets.get(self.first).and_then(|bytes| Segment::of(bytes, joins)) else { return false };
        let follows = match segment.transport {
            Transport::Tcp { sequence, .. } => sequence == expected.sequence,
            Transport::Udp => true,
        };
        follows
            && segment.is_joinable
            && segment.payload() <= expected.payload
            && self.count < MAX_COUNT
            && self.length + segment.payload() <= MAX_LENGTH
            && first.has_header_like(segment)
            && (self.count > 1 || first.is_intact())
            && segment.is_intact()
    }

    fn add(&mut self, at: usize, segment: &Segment<'_>) {
        let expected = self.expects.map_or(0, |expected| expected.payload);
        // A shorter one is the last.
        self.expects = segment.expects_next(expected).filter(|_| segment.payload() == expected);
        self.pushes |= segment.transport.pushes();
        self.last = at;
        self.count += 1;
        self.length += segment.payload();
    }
}

impl Transport {
    fn pushes(self) -> bool {
        matches!(self, Self::Tcp { pushes: true, .. })
    }
}

impl<'a> Segment<'a> {
    /// `None` for fragments, IP options, extension headers, other protocols and what is cut short.
    fn of(bytes: &'a [u8], joins: Joins) -> Option<Self> {
        let (protocol, transport_at) = match bytes.first()? {
            // No options, and no fragment.
            0x45 if bytes.get(6)? & 0x3f == 0 && *bytes.get(7)? == 0 => (*bytes.get(9)?, 20),
            first if first >> 4 == 6 => (*bytes.get(6)?, 40),
            _ => return None,
        };
        let header = bytes.get(transport_at..)?;
        let (transport, length, is_plain) = match protocol {
            6 => {
                let (flags, words) = (*header.get(13)?, header.get(12)? >> 4);
                let sequence = u32::from_be_bytes(header.get(4..8)?.try_into().ok()?);
                let transport = Transport::Tcp { sequence, pushes: flags & PSH != 0 };
                (transport, usize::from(words).max(5) * 4, joins.tcp && flags & !PSH == ACK && words >= 5)
            }
            // A UDP datagram without a checksum has none to be made anew.
            17 => (Transport::Udp, 8, joins.udp && header.get(6..8)? != [0, 0]),
            _ => return None,
        };
        let payload_at = transport_at + length;
        header.get(..length)?;
        Some(Self { bytes, transport_at, payload_at, transport, is_joinable: is_plain && bytes.len() > payload_at })
    }

    fn payload(&self) -> usize {
        self.bytes.len() - self.payload_at
    }

    fn expects_next(&self, payload: usize) -> Option<Expected> {
        match self.transport {
            _ if !self.is_joinable => None,
            // What pushes is the end of something.
            Transport::Tcp { pushes: true, .. } => None,
            Transport::Tcp { sequence, .. } => {
                Some(Expected { payload, sequence: sequence.wrapping_add(self.payload() as u32) })
            }
            Transport::Udp => Some(Expected { payload, sequence: 0 }),
        }
    }

    fn is_v4(&self) -> bool {
        self.transport_at == 20
    }

    fn addresses(&self) -> &'a [u8] {
        if self.is_v4() { &self.bytes[12..20] } else { &self.bytes[8..40] }
    }

    fn is_of_flow_of(&self, other: &Self) -> bool {
        let ports = |segment: &Self| segment.bytes.get(segment.transport_at..segment.transport_at + 4);
        let is_tcp = |segment: &Self| segment.transport != Transport::Udp;
        self.addresses() == other.addresses() && ports(self) == ports(other) && is_tcp(self) == is_tcp(other)
    }

    /// Whether nothing but lengths, sequence, PSH and checksums differs in the headers; and in IPv4 the number for fragments.
    fn has_header_like(&self, other: &Self) -> bool {
        let ip = |segment: &Self| match segment.is_v4() {
            true => [segment.bytes[1], segment.bytes[6], segment.bytes[8], 0, 0],
            false => [segment.bytes[0], segment.bytes[1], segment.bytes[2], segment.bytes[3], segment.bytes[7]],
        };
        let transport = |segment: &Self| match segment.transport {
            Transport::Tcp { .. } => {
                let tcp = &segment.bytes[segment.transport_at..segment.payload_at];
                (&tcp[8..12], &tcp[14..16], &tcp[20..])
            }
            Transport::Udp => (&[][..], &[][..], &[][..]),
        };
        self.payload_at == other.payload_at && ip(self) == ip(other) && transport(self) == transport(other)
    }

    /// Whether its checksums and lengths are right.
    fn is_intact(&self) -> bool {
        let transport = &self.bytes[self.transport_at..];
        let stated = |at: usize| usize::from(u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]));
        let lengths = match self.is_v4() {
            true => stated(2) == self.bytes.len() && checksum_of(0, &self.bytes[..20]) == 0,
            false => stated(4) + 40 == self.bytes.len(),
        };
        let udp_length = self.transport != Transport::Udp || stated(self.transport_at + 4) == transport.len();
        lengths && udp_length && checksum_of(self.pseudo(transport.len()), transport) == 0
    }

    fn pseudo(&self, length: usize) -> u64 {
        pseudo(self.addresses(), self.transport != Transport::Udp, length)
    }

    /// The frame's header and the packet's, for all of a group: `virtio_net_hdr` of linux/virtio_net.h, in the host's order.
    fn joined_header(&self, group: &Group, header: &mut Vec<u8>) {
        let (kind, checksum_at) = match (self.transport, self.is_v4()) {
            (Transport::Udp, _) => (GSO_UDP_L4, UDP_CHECKSUM),
            (_, true) => (GSO_TCPV4, TCP_CHECKSUM),
            (_, false) => (GSO_TCPV6, TCP_CHECKSUM),
        };
        header.clear();
        header.extend([NEEDS_CSUM, kind]);
        for word in [self.payload_at as u16, self.payload() as u16, self.transport_at as u16, checksum_at as u16] {
            header.extend(word.to_ne_bytes());
        }
        header.extend_from_slice(&self.bytes[..self.payload_at]);
        let ip = &mut header[FRAME_HEADER..];
        let transport_length = group.length - self.transport_at;
        if self.is_v4() {
            ip[2..4].copy_from_slice(&(group.length as u16).to_be_bytes());
            ip[10..12].copy_from_slice(&[0, 0]);
            let sum = checksum_of(0, &ip[..20]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            ip[4..6].copy_from_slice(&(transport_length as u16).to_be_bytes());
        }
        let transport = &mut ip[self.transport_at..];
        match self.transport {
            Transport::Tcp { .. } if group.pushes => transport[13] |= PSH,
            Transport::Tcp { .. } => {}
            Transport::Udp => transport[4..6].copy_from_slice(&(transport_length as u16).to_be_bytes()),
        }
        // The kernel adds the rest to the pseudo header's sum.
        let sum = !checksum_of(self.pseudo(transport_length), &[]);
        transport[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Packets in a group. Linux' `UDP_MAX_SEGMENTS` was 64 until 6.9; of 1,420 bytes no more than 46 fit anyway.
const MAX_COUNT: usize = 64;
/// Bytes of a joined packet: what its header can say.
const MAX_LENGTH: usize = 65_535;
/// Groups that are looked at for the one of a packet's flow. Chosen: more than flows usually share a batch.
const LOOKED_BACK: usize = 16;
/// Refusals without a frame that was taken between them, after which joining ends. Chosen: one neighbor's odd packets are
/// seldom all that goes by.
const REFUSALS: u32 = 16;

#[cfg(test)]
mod tests;
