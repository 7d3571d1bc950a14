//! Joined packets are cut again by another program, tun-rs, as the kernel would.

use proptest::prelude::*;
use tun_rs::{VirtioNetHdr, gso_split};

use super::*;

const SYN: u8 = 0x02;

/// One packet of a made-up stream.
#[derive(Debug, Clone)]
struct Made {
    v6: bool,
    udp: bool,
    flow: u8,
    /// Flags of TCP.
    flags: u8,
    sequence: u32,
    length: usize,
    traffic_class: u8,
    options: bool,
    broken: bool,
}

impl Made {
    fn tcp(flow: u8, sequence: u32, length: usize) -> Self {
        let (v6, udp, traffic_class, options, broken) = (false, false, 0, false, false);
        Self { v6, udp, flow, flags: ACK, sequence, length, traffic_class, options, broken }
    }

    fn packet(&self) -> Vec<u8> {
        let mut transport = vec![0x12, self.flow, 0, 80];
        if self.udp {
            transport.extend((8 + self.length as u16).to_be_bytes());
            transport.extend([0, 0]);
        } else {
            transport.extend(self.sequence.to_be_bytes());
            transport.extend([0, 0, 0, 9, if self.options { 0x60 } else { 0x50 }, self.flags, 1, 0, 0, 0, 0, 0]);
            if self.options {
                transport.extend([1, 1, 1, 1]);
            }
        }
        transport.extend((0..self.length).map(|at| (at as u8) ^ self.sequence as u8));
        let (protocol, length) = (if self.udp { 17 } else { 6 }, transport.len());
        let mut packet = if self.v6 {
            let mut ip = vec![0x60 | self.traffic_class >> 4, self.traffic_class << 4, 0, 0];
            ip.extend((length as u16).to_be_bytes());
            ip.extend([protocol, 64]);
            ip.extend([[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xfd; 16]].concat());
            ip
        } else {
            let mut ip = vec![0x45, self.traffic_class];
            ip.extend((20 + length as u16).to_be_bytes());
            ip.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            let sum = checksum_of(0, &ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            ip
        };
        packet.extend(transport);
        let at = packet.len() - length;
        let segment = Segment {
            bytes: &packet,
            transport_at: at,
            payload_at: at,
            transport: self.transport(),
            is_joinable: false,
        };
        let sum = checksum_of(segment.pseudo(length), &packet[at..]) ^ u16::from(self.broken);
        let field = at + if self.udp { 6 } else { 16 };
        packet[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    fn transport(&self) -> Transport {
        if self.udp { Transport::Udp } else { Transport::Tcp { sequence: 0, pushes: false } }
    }
}

/// All frames of a batch.
fn frames(packets: &[Vec<u8>], udp: bool) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let batch = Packets::from_iter(packets);
    let written = Joiner::default().frames(&batch, Joins { tcp: true, udp }, |slices| {
        frames.push(bytes(slices));
        Ok(())
    });
    assert_eq!((written.lost, written.refused), (0, 0));
    frames
}

fn bytes(slices: &[IoSlice<'_>]) -> Vec<u8> {
    slices.iter().flat_map(|slice| slice.iter().copied()).collect()
}

/// The packets of a frame, as the kernel would cut it.
fn cut(frame: &[u8]) -> Vec<Vec<u8>> {
    let header = VirtioNetHdr::decode(frame).unwrap();
    let mut packet = frame[FRAME_HEADER..].to_vec();
    if header.gso_type == 0 {
        return vec![packet];
    }
    let mut buffers = vec![vec![0; 2048]; 128];
    let mut sizes = vec![0; 128];
    let v6 = packet[0] >> 4 == 6;
    let count = gso_split(&mut packet, header, &mut buffers, &mut sizes, 0, v6).unwrap();
    buffers.iter().zip(sizes).take(count).map(|(buffer, size)| buffer[..size].to_vec()).collect()
}

/// What must be the same: all but IPv4's number for fragments, which a packet that may not be fragmented does not need, and
/// the header's checksum that covers it.
fn essence(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[0] >> 4 == 4 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
    packet
}

fn flow(packet: &[u8]) -> Vec<u8> {
    let (at, protocol) = if packet[0] >> 4 == 4 { (20, packet[9]) } else { (40, packet[6]) };
    [&[packet[0] >> 4, protocol], &packet[at..at + 4]].concat()
}

fn made() -> impl Strategy<Value = Vec<Made>> {
    let length = prop::sample::select(vec![0usize, 1, 99, 100, 100, 100, 100, 100]);
    let flags = prop::sample::select(vec![ACK, ACK, ACK, ACK, ACK, ACK | PSH, ACK | SYN, ACK | 1]);
    let rare = || prop::sample::select(vec![false, false, false, false, false, false, false, true]);
    let one = (0u8..3, any::<bool>(), flags, length, rare(), rare(), rare(), rare(), 0u8..6);
    prop::collection::vec(one, 0..40).prop_map(|drawn| {
        let mut sequences = [0u32.wrapping_sub(300); 6];
        let one = |(flow, v6, flags, length, gap, odd_class, options, broken, udp): (
            u8,
            bool,
            u8,
            usize,
            bool,
            bool,
            bool,
            bool,
            u8,
        )| {
            let sequence = &mut sequences[usize::from(flow) * 2 + usize::from(v6)];
            *sequence = sequence.wrapping_add(if gap { 7 } else { 0 });
            let made = Made {
                v6,
                udp: udp == 0,
                flow,
                flags,
                sequence: *sequence,
                length,
                traffic_class: if odd_class { 2 } else { 0 },
                options,
                broken,
            };
            *sequence = sequence.wrapping_add(length as u32);
            made
        };
        drawn.into_iter().map(one).collect()
    })
}

proptest! {
    /// Of every flow, what the kernel cuts the frames into is what went in, in order, byte for byte.
    #[test]
    fn cut_again_frames_are_the_packets_of_each_flow_in_order(made in made(), udp in any::<bool>()) {
        let packets: Vec<_> = made.iter().map(Made::packet).collect();
        let out: Vec<_> = frames(&packets, udp).iter().flat_map(|frame| cut(frame)).collect();
        prop_assert_eq!(out.len(), packets.len());
        let of = |all: &[Vec<u8>], wanted: &[u8]| all.iter().filter(|packet| flow(packet) == wanted).map(|packet| essence(packet)).collect::<Vec<_>>();
        for packet in &packets {
            let flow = flow(packet);
            prop_assert_eq!(of(&out, &flow), of(&packets, &flow));
        }
    }

    #[test]
    fn any_bytes_are_written_as_they_are_or_joined_without_a_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..90), 0..8)) {
        let total: usize = packets.iter().map(Vec::len).sum();
        let out: usize = frames(&packets, true).iter().map(|frame| frame.len() - FRAME_HEADER).sum();
        prop_assert!(out <= total);
    }
}

#[test]
fn a_stream_becomes_frames_of_64_kib() {
    let packets: Vec<_> = (0..92).map(|n| Made::tcp(1, n * 1380, 1380).packet()).collect();
    let frames = frames(&packets, false);
    assert_eq!(frames.len(), 2);
    assert!(frames.iter().all(|frame| frame.len() <= FRAME_HEADER + MAX_LENGTH));
}

#[test]
fn two_streams_and_the_answers_between_them_are_joined_side_by_side() {
    let pure_ack = Made::tcp(3, 0, 0).packet();
    let packets: Vec<_> = (0..10)
        .flat_map(|n| [Made::tcp(1, n * 100, 100).packet(), pure_ack.clone(), Made::tcp(2, n * 100, 100).packet()])
        .collect();
    assert_eq!(frames(&packets, false).len(), 2 + 10);
}

#[test]
fn a_broken_checksum_is_never_mended() {
    let mut made: Vec<_> = (0..3).map(|n| Made::tcp(1, n * 100, 100)).collect();
    made[1].broken = true;
    let packets: Vec<_> = made.iter().map(Made::packet).collect();
    let frames = frames(&packets, false);
    assert!(frames.iter().any(|frame| frame[FRAME_HEADER..] == packets[1]), "it goes as it came");
}

#[test]
fn the_last_one_may_be_short_and_push() {
    let mut made: Vec<_> = (0..4).map(|n| Made::tcp(1, n * 100, if n == 3 { 7 } else { 100 })).collect();
    made[3].flags |= PSH;
    let packets: Vec<_> = made.iter().map(Made::packet).collect();
    let frames = frames(&packets, false);
    assert_eq!(frames.len(), 1);
    let out = cut(&frames[0]);
    assert_eq!(out.iter().map(|packet| packet[33] & PSH != 0).collect::<Vec<_>>(), [false, false, false, true]);
}

/// A kernel that calls every joined frame invalid: nothing is lost or out of order, and after a while nothing is tried.
#[test]
fn what_a_kernel_refuses_joined_it_gets_one_by_one() {
    let packets: Vec<_> = (0..8).map(|n| Made::tcp(1, n * 100, 100).packet()).collect();
    let (batch, trust, mut joiner) = (Packets::from_iter(&packets), Trust::default(), Joiner::default());
    let mut tried = 0;
    for round in 0..40 {
        let joins = Joins { tcp: trust.holds(), udp: trust.holds() };
        let mut taken = Vec::new();
        let written = joiner.frames(&batch, joins, |slices| {
            let frame = bytes(slices);
            if frame[1] != 0 {
                tried += 1;
                return Err(Errno::INVAL);
            }
            taken.push(frame[FRAME_HEADER..].to_vec());
            Ok(())
        });
        assert_eq!((taken, written.lost), (packets.clone(), 0));
        assert_eq!(trust.learn(written), round + 1 == REFUSALS, "it is said once");
    }
    assert_eq!(tried, REFUSALS);
}

#[test]
fn a_refusal_between_frames_that_are_taken_changes_nothing() {
    let trust = Trust::default();
    for _ in 0..100 {
        assert!(!trust.learn(Written { refused: REFUSALS - 1, ..Written::default() }));
        assert!(!trust.learn(Written { joined: 1, refused: 5, lost: 0 }) && trust.holds());
    }
}

#[test]
fn an_interface_that_is_down_takes_nothing_and_refuses_nothing() {
    let packets: Vec<_> = (0..8).map(|n| Made::tcp(1, n * 100, 100).packet()).collect();
    let all = Joins { tcp: true, udp: true };
    let written = Joiner::default().frames(&Packets::from_iter(&packets), all, |_| Err(Errno::IO));
    assert_eq!(written, Written { lost: 8, joined: 0, refused: 0 });
}
