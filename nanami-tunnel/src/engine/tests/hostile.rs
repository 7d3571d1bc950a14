//! Datagrams and neighbors that mean harm.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::super::noise::{Identity, Kind, LONGEST, Noise, Opened};
use super::*;

/// Opens a datagram at node 1 as if it came from node 0's address.
fn open(world: &mut World, contents: &[u8]) -> (usize, usize) {
    let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
    let datagrams = Datagrams::from_iter([(at(0), contents)]);
    let now = world.now;
    world.nodes[1].inbound.open(now, &datagrams, &mut packets, &mut answers);
    (packets.len(), answers.len())
}

/// One sealed datagram from node 0 that node 1 has not seen.
fn sealed(world: &mut World, packet: &[u8]) -> Vec<u8> {
    let mut datagrams = Datagrams::new();
    let now = world.now;
    world.nodes[0].outbound.seal(now, &Packets::from_iter([packet]), &mut datagrams, &mut Packets::new());
    datagrams.drain().map(|datagram| datagram.contents().to_vec()).next().unwrap()
}

#[test]
fn no_datagram_of_any_length_and_type_panics_with_a_live_keypair() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    let live = sealed(&mut world, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    let mut datagram = vec![0xa5; 65_536];
    for kind in 0..=6u8 {
        datagram[..16].copy_from_slice(&live[..16]);
        datagram[..4].copy_from_slice(&[kind, 0, 0, 0]);
        for length in 0..=65_536usize {
            assert_eq!(open(&mut world, &datagram[..length]), (0, 0), "type {kind}, {length} bytes");
        }
    }
    assert_eq!(open(&mut world, &live).0, 1, "the keypair still lives");
}

#[test]
fn no_datagram_panics_before_the_first_handshake() {
    let mut world = World::pair();
    for kind in 0..=5u8 {
        for length in 0..=200usize {
            let mut datagram = vec![0xff; length];
            datagram.iter_mut().zip([kind, 0, 0, 0]).for_each(|(byte, value)| *byte = value);
            assert_eq!(open(&mut world, &datagram), (0, 0));
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_unauthentic_and_a_repeated_datagram_is_a_replay() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    let live = sealed(&mut world, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    for at in 0..live.len() {
        let mut tampered = live.clone();
        tampered[at] ^= 1;
        assert_eq!(open(&mut world, &tampered), (0, 0), "byte {at}");
    }
    assert_eq!(open(&mut world, &live), (1, 0));
    assert_eq!(open(&mut world, &live), (0, 0));
    assert_eq!(world.counters(1).replayed, 1);
}

#[test]
fn a_counter_near_the_end_is_dropped_before_decryption() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    let mut live = sealed(&mut world, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    for counter in [u64::MAX, u64::MAX - 1024, u64::MAX - (1 << 13)] {
        live[8..16].copy_from_slice(&counter.to_le_bytes());
        assert_eq!(open(&mut world, &live), (0, 0));
    }
}

#[test]
fn a_replayed_initiation_is_not_answered() {
    let mut world = World::pair();
    let initiation = sealed(&mut world, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    assert_eq!(initiation.len(), 148);
    assert_eq!(open(&mut world, &initiation), (0, 1));
    assert_eq!(open(&mut world, &initiation), (0, 0));
    assert_eq!(world.counters(1).old_handshake, 1);
}

#[test]
fn a_rogue_neighbor_cannot_speak_for_addresses_that_others_own() {
    // Node 2 holds a valid key and 10.0.0.0/24; 10.0.0.1/32 inside it is node 0's.
    let wide = Neighbor::new(key(2), [cidr("10.0.0.0/24")]);
    let everything = Filter::deny_all().accept(cidr("0.0.0.0/0"), Service::ANY);
    let mut world = World::new([
        map_of(0).with_neighbor(neighbor(1)),
        map_of(1).with_neighbor(neighbor(0)).with_neighbor(wide).with_filter(everything),
        // The rogue gives itself node 0's address.
        NetworkMap::new(["10.0.0.1".parse().unwrap(), "10.0.0.9".parse().unwrap()]).with_neighbor(neighbor(1)),
    ]);
    world.send(2, &udp("10.0.0.1:1", "10.0.0.2:2", b"it is me"));
    assert!(world.received(1).is_empty());
    assert_eq!(world.counters(1).source_mismatch, 1);
    world.send(2, &udp("10.0.0.9:1", "10.0.0.2:2", b"this is mine"));
    assert_eq!(world.received(1).len(), 1);
}

#[test]
fn a_flood_of_initiations_is_asked_for_cookies_and_a_neighbor_still_gets_in() {
    let mut world = World::pair();
    // A stranger who knows node 1's public key makes valid first macs.
    let mut stranger = Node::new(world.now, 9, &map_of(9).with_neighbor(neighbor(1)));
    stranger.control.handle_probe(world.now, key(1));
    let Output::Transmit(initiation) = stranger.control.poll_output() else { panic!("no initiation") };
    let flood = Datagrams::from_iter(std::iter::repeat_n(
        (SocketAddr::from(([203, 0, 113, 7], 9)), initiation.contents()),
        400,
    ));
    let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
    let now = world.now;
    world.nodes[1].inbound.open(now, &flood, &mut packets, &mut answers);
    let cookies = answers.iter().filter(|answer| answer.contents().len() == 64).count() as u64;
    let other = answers.len() as u64 - cookies;
    assert!(cookies > 0 && other == 0, "{cookies} cookies, {other} other answers");
    assert_eq!(world.counters(1).cookies_asked, cookies);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    // The first initiation was answered by a cookie; the next one carries it.
    world.now += Duration::from_secs(2);
    world.nodes[0].control.handle_probe(world.now, key(1));
    world.pass(Duration::ZERO);
    assert_eq!(world.received(1).len(), 1);
}

/// A neighbor with node 0's valid key that seals whatever bytes it likes.
struct Rogue {
    identity: Identity,
    noise: Noise,
}

impl Rogue {
    /// Completes a handshake with node 1.
    fn connect(world: &mut World) -> Self {
        let indices = Arc::new(indices::Indices::new(random::Random::new([7; 32])));
        let mut rogue = Self {
            identity: Identity::new(&private(0)),
            noise: Noise::new(world.now, key(1), peer::PeerIndex::new(1), indices, None),
        };
        let (mut initiation, mut buffer) = ([0; 256], vec![0; LONGEST]);
        let initiation = rogue.noise.initiate(world.now, &rogue.identity, false, &mut initiation).unwrap();
        let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
        let datagrams = Datagrams::from_iter([(at(0), initiation)]);
        world.nodes[1].inbound.open(world.now, &datagrams, &mut packets, &mut answers);
        let response = answers.drain().next().unwrap().contents().to_vec();
        let kind = Kind::of(&response).unwrap();
        let opened = rogue.noise.open(world.now, &rogue.identity, kind, &response, &mut buffer);
        let Ok(Opened::Response(keepalive)) = opened else { panic!("no response") };
        open(world, keepalive);
        rogue
    }

    /// Sends these bytes as an inner packet; returns what node 1 delivered.
    fn send(&mut self, world: &mut World, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = vec![0; LONGEST];
        let length = self.noise.seal(batch::Plain::alone(bytes), 0, &mut Vec::new(), &mut buffer).unwrap();
        let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
        let datagrams = Datagrams::from_iter([(at(0), &buffer[..length])]);
        world.nodes[1].inbound.open(world.now, &datagrams, &mut packets, &mut answers);
        packets.iter().next().map(<[u8]>::to_vec)
    }
}

/// Packets that are nearly right: addresses and ports from a few, some bytes changed, cut somewhere.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let hosts = prop::sample::select(vec![
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.60.0.1",
        "[fd00::1]",
        "[fd00::2]",
        "[fd00::3]",
    ]);
    let ports = prop::sample::select(vec![22u16, 443, 4000]);
    let end = (hosts, ports).prop_map(|(host, port)| format!("{host}:{port}"));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (end.clone(), end, any::<bool>(), any::<u8>(), changes, 0usize..4).prop_map(
        |(from, to, is_tcp, flags, changes, cut)| {
            let to = if from.starts_with('[') == to.starts_with('[') { to } else { from.clone() };
            let mut packet = if is_tcp { tcp(&from, &to, flags) } else { udp(&from, &to, b"payload") };
            changes.iter().for_each(|(at, byte)| *at.get_mut(&mut packet) = *byte);
            packet.truncate(packet.len() - cut);
            packet
        },
    )
}

#[test]
fn a_valid_key_gets_through_only_what_the_rules_allow() {
    let mut world = World::pair();
    let mut rogue = Rogue::connect(&mut world);
    let (mut delivered, mut dropped) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..20_000 {
        let bytes = nearly_right().new_tree(&mut runner).unwrap().current();
        match rogue.send(&mut world, &bytes) {
            Some(packet) => {
                delivered += 1;
                let inner = Inner::parse(&packet).unwrap();
                let own = ["10.0.0.1", "fd00::1"].map(|ip| ip.parse::<std::net::IpAddr>().unwrap());
                assert!(own.contains(&inner.source), "{inner:?}");
                assert_eq!(inner.service(), Some((nanami_model::Protocol::Tcp, 443)), "{inner:?}");
            }
            None => dropped += 1,
        }
    }
    assert!(delivered > 0 && dropped > delivered, "{delivered} of {dropped} passed");
}

#[test]
fn a_neighbor_that_never_speaks_costs_less_than_a_kibibyte() {
    let size = size_of::<peer::Peer>();
    assert!(size <= 1024, "{size}");
}
