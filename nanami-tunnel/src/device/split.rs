//! Splits what the kernel joined: up to 64 KiB of one flow become the packets that fit the interface.
//!
//! **Invariants**: the packets are those that the kernel would have made, in order, with their checksums; each is copied
//! once, to where it is sealed from. What is no frame that we understand is dropped whole, never read past its end.

use super::frame::{
    CWR, FIN, FRAME_HEADER, GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, NEEDS_CSUM, PSH, TCP_CHECKSUM,
    UDP_CHECKSUM, pseudo,
};
use crate::engine::{Packets, checksum_of};

/// What a frame is, from its `virtio_net_hdr` (linux/virtio_net.h, in the host's order).
#[derive(Clone, Copy)]
struct Frame<'a> {
    packet: &'a [u8],
    /// Where the transport's header is, and in it the checksum.
    transport_at: usize,
    checksum_at: usize,
    needs_checksum: bool,
    kind: u8,
    /// Bytes of each payload but the last.
    payload: usize,
}

/// Adds the packets of a frame. `false` if it is none.
pub(super) fn split(frame: &[u8], packets: &mut Packets) -> bool {
    let Some(frame) = Frame::read(frame) else { return false };
    match frame.kind {
        GSO_NONE if !frame.needs_checksum => packets.push(frame.packet),
        GSO_NONE => return frame.push_finished(packets).is_some(),
        GSO_TCPV4 | GSO_TCPV6 | GSO_UDP_L4 => return frame.push_segments(packets).is_some(),
        _ => return false,
    }
    true
}

impl<'a> Frame<'a> {
    fn read(frame: &'a [u8]) -> Option<Self> {
        let (header, packet) = frame.split_at_checked(FRAME_HEADER).filter(|(_, packet)| !packet.is_empty())?;
        let word = |at: usize| usize::from(u16::from_ne_bytes([header[at], header[at + 1]]));
        let needs_checksum = header[0] & NEEDS_CSUM != 0;
        // A flag says that the first segment may answer a mark of congestion.
        let kind = header[1] & !GSO_ECN;
        Some(Self { packet, transport_at: word(6), checksum_at: word(8), needs_checksum, kind, payload: word(4) })
    }

    /// A packet whose checksum the kernel left to its network card: the field holds the pseudo header's sum.
    fn push_finished(self, packets: &mut Packets) -> Option<()> {
        let field = self.transport_at + self.checksum_at;
        let transport = self.packet.get(self.transport_at..).filter(|_| self.packet.len() >= field + 2)?;
        let sum = checksum_of(0, transport);
        packets.push_with(self.packet.len(), |packet| {
            packet.copy_from_slice(self.packet);
            set(packet, field, if sum == 0 && self.checksum_at == UDP_CHECKSUM { u16::MAX } else { sum });
        });
        Some(())
    }

    fn push_segments(self, packets: &mut Packets) -> Option<()> {
        let (packet, at) = (self.packet, self.transport_at);
        let is_v4 = match packet[0] >> 4 {
            4 if at >= 20 && at == usize::from(packet[0] & 0x0f) * 4 => true,
            6 if at >= 40 => false,
            _ => return None,
        };
        let (is_tcp, header) = match self.kind {
            GSO_UDP_L4 => (false, at + 8),
            _ => (true, at + usize::from(packet.get(at + 12)? >> 4).max(5) * 4),
        };
        let (headers, payload) = packet.split_at_checked(header)?;
        if self.payload == 0 || payload.is_empty() || (self.kind == GSO_TCPV4) != (is_v4 && is_tcp) {
            return None;
        }
        let addresses = if is_v4 { &headers[12..20] } else { &headers[8..40] };
        let count = payload.len().div_ceil(self.payload);
        for (n, part) in payload.chunks(self.payload).enumerate() {
            packets.push_with(header + part.len(), |packet| {
                packet[..header].copy_from_slice(headers);
                packet[header..].copy_from_slice(part);
                place(packet, n, is_v4, at);
                let flags = Flags { is_first: n == 0, is_last: n + 1 == count };
                let sum = pseudo(addresses, is_tcp, header - at + part.len());
                finish(packet, at, sum, is_tcp.then_some((flags, (n * self.payload) as u32)));
            });
        }
        Some(())
    }
}

/// Where a segment of TCP stands.
#[derive(Clone, Copy)]
struct Flags {
    is_first: bool,
    is_last: bool,
}

/// The IP header of the packet in this place.
fn place(packet: &mut [u8], n: usize, is_v4: bool, transport_at: usize) {
    let length = packet.len();
    if !is_v4 {
        return set(packet, 4, (length - 40) as u16);
    }
    let id = word(packet, 4).wrapping_add(n as u16);
    set(packet, 2, length as u16);
    set(packet, 4, id);
    set(packet, 10, 0);
    let sum = checksum_of(0, &packet[..transport_at]);
    set(packet, 10, sum);
}

/// The transport header; of TCP with so many bytes before this segment.
fn finish(packet: &mut [u8], transport_at: usize, pseudo: u64, tcp: Option<(Flags, u32)>) {
    let transport = &mut packet[transport_at..];
    let (length, field) = (transport.len(), if tcp.is_some() { TCP_CHECKSUM } else { UDP_CHECKSUM });
    match tcp {
        Some((flags, before)) => {
            let sequence = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
            transport[4..8].copy_from_slice(&sequence.wrapping_add(before).to_be_bytes());
            // What ends something stands in the last one, and the answer to a mark of congestion in the first (RFC 3168).
            transport[13] &= if flags.is_last { !0 } else { !(FIN | PSH) };
            transport[13] &= if flags.is_first { !0 } else { !CWR };
        }
        None => set(transport, 4, length as u16),
    }
    set(transport, field, 0);
    let sum = checksum_of(pseudo, transport);
    set(transport, field, if sum == 0 && tcp.is_none() { u16::MAX } else { sum });
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn set(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tun_rs::{VirtioNetHdr, gso_split};

    use super::*;

    /// A joined packet of TCP or UDP, and the frame that says so.
    fn frame(v6: bool, tcp: bool, flags: u8, options: bool, payload: usize, segment: u16) -> Vec<u8> {
        let mut transport = vec![0x12, 0x34, 0, 80];
        match tcp {
            true => {
                transport.extend([0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 9, if options { 0x80 } else { 0x50 }, flags]);
                transport.extend([1, 0, 0, 0, 0, 0]);
                transport.extend(vec![1; if options { 12 } else { 0 }]);
            }
            false => transport.extend([(8 + payload).to_be_bytes()[6], (8 + payload).to_be_bytes()[7], 0, 0]),
        }
        let header = transport.len();
        transport.extend((0..payload).map(|at| (at * 7 + 3) as u8));
        let (protocol, length) = (if tcp { 6 } else { 17 }, transport.len() as u16);
        let mut packet = match v6 {
            true => {
                let mut ip = vec![0x60, 0, 0, 0];
                ip.extend(length.to_be_bytes());
                ip.extend([protocol, 64]);
                ip.extend([[0xfd; 16], [0xfc; 16]].concat());
                ip
            }
            false => {
                let mut ip = vec![0x45, 0];
                ip.extend((20 + length).to_be_bytes());
                ip.extend([0xff, 0xfe, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
                ip
            }
        };
        let at = packet.len() as u16;
        packet.extend(transport);
        let kind = match (tcp, v6) {
            (false, _) => GSO_UDP_L4,
            (true, false) => GSO_TCPV4,
            (true, true) => GSO_TCPV6,
        };
        let checksum = if tcp { 16u16 } else { 6 };
        let mut frame = vec![NEEDS_CSUM, kind];
        for word in [at + header as u16, segment, at, checksum] {
            frame.extend(word.to_ne_bytes());
        }
        frame.extend(packet);
        frame
    }

    fn split_by_tun_rs(frame: &[u8]) -> Vec<Vec<u8>> {
        let header = VirtioNetHdr::decode(frame).unwrap();
        let mut packet = frame[FRAME_HEADER..].to_vec();
        let (mut buffers, mut sizes) = (vec![vec![0; 2048]; 4096], vec![0; 4096]);
        let v6 = packet[0] >> 4 == 6;
        let count = gso_split(&mut packet, header, &mut buffers, &mut sizes, 0, v6).unwrap();
        buffers.iter().zip(sizes).take(count).map(|(buffer, size)| buffer[..size].to_vec()).collect()
    }

    fn split_by_us(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut packets = Packets::new();
        split(frame, &mut packets).then(|| packets.iter().map(<[u8]>::to_vec).collect())
    }

    proptest! {
        /// Another program splits the same, byte for byte.
        #[test]
        fn packets_are_those_that_tun_rs_makes(
            v6: bool, tcp: bool, options: bool, payload in 1usize..5000, segment in 1u16..1500,
            flags in prop::sample::select(vec![0x10u8, 0x18, 0x11, 0x19, 0x90]),
        ) {
            let frame = frame(v6, tcp, flags, options, payload, segment);
            prop_assert_eq!(split_by_us(&frame).unwrap(), split_by_tun_rs(&frame));
        }

        #[test]
        fn any_bytes_are_split_or_dropped_without_a_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..6, version in prop::sample::select(vec![4u8, 6]),
            at in 0u16..64, field in 0u16..24, segment in 0u16..40,
        ) {
            if bytes.len() > FRAME_HEADER {
                bytes[1] = kind;
                bytes[4..6].copy_from_slice(&segment.to_ne_bytes());
                bytes[6..8].copy_from_slice(&at.to_ne_bytes());
                bytes[8..10].copy_from_slice(&field.to_ne_bytes());
                bytes[FRAME_HEADER] = version << 4 | (bytes[FRAME_HEADER] & 0x0f);
            }
            if let Some(packets) = split_by_us(&bytes) {
                prop_assert!(!packets.is_empty() && packets.len() <= bytes.len());
            }
        }
    }

    #[test]
    fn a_packet_whose_checksum_was_left_to_a_card_gets_it() {
        for (v6, tcp) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut frame = frame(v6, tcp, 0x10, false, 33, 0);
            frame[1] = GSO_NONE;
            let at = FRAME_HEADER + if v6 { 40 } else { 20 };
            let addresses = if v6 { FRAME_HEADER + 8..at } else { FRAME_HEADER + 12..at };
            let pseudo = pseudo(&frame[addresses], tcp, frame.len() - at);
            let field = at + if tcp { 16 } else { 6 };
            set(&mut frame, field, !checksum_of(pseudo, &[]));
            let packets = split_by_us(&frame).unwrap();
            assert_eq!(checksum_of(pseudo, &packets[0][at - FRAME_HEADER..]), 0, "v6 {v6}, tcp {tcp}");
        }
    }

    #[test]
    fn small_segments_are_as_many_as_there_are() {
        let frame = frame(false, true, 0x10, false, 60_000, 28);
        assert_eq!(split_by_us(&frame).unwrap().len(), 60_000usize.div_ceil(28));
    }
}
