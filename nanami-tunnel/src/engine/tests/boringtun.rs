//! What boringtun needs to be handled with, fact by fact (TUNNEL.md); those of panics, replays and floods are in `hostile`.

use super::super::noise::{Kind, has_low_order_ephemeral};
use super::*;

/// What node 0 makes of packets that carry these numbers.
fn sealed(world: &mut World, numbers: impl IntoIterator<Item = u16>) -> Vec<Vec<u8>> {
    let packets = numbers.into_iter().map(|n| udp("10.0.0.1:9", "10.0.0.2:443", &n.to_be_bytes()));
    let (now, mut out) = (world.now, Datagrams::new());
    world.nodes[0].outbound.seal(now, &packets.collect(), &mut out, &mut Packets::new());
    out.drain().map(|datagram| datagram.contents().to_vec()).collect()
}

fn arrives(world: &mut World, datagram: &[u8]) -> bool {
    let (now, mut packets) = (world.now, Packets::new());
    let datagrams = Datagrams::from_iter([(at(0), datagram)]);
    world.nodes[1].inbound.open(now, &datagrams, &mut packets, &mut Datagrams::new());
    packets.len() == 1
}

fn plain_pair() -> World {
    let mut world = World { now: Instant::now(), nodes: vec![] };
    for n in 0..2 {
        let engine = Engine::new(world.now, private(n), [n as u8; 32]).without_filter();
        let map = NetworkMap::default().with_neighbor(neighbor(1 - n));
        let node = Node::of(world.now, engine, &map);
        world.nodes.push(node);
    }
    world
}

/// Fact 9. The kernel's window is about 8,000; owning the Noise state machine would make ours as wide.
#[test]
fn a_packet_1000_behind_the_newest_is_taken_and_one_1900_behind_is_not() {
    let mut world = plain_pair();
    world.send(0, &udp("10.0.0.1:9", "10.0.0.2:443", b"hello"));
    let datagrams = sealed(&mut world, 0..2_000);
    assert!(arrives(&mut world, &datagrams[1_999]));
    assert!(arrives(&mut world, &datagrams[999]));
    assert!(!arrives(&mut world, &datagrams[99]));
    assert_eq!(world.counters(1).replayed, 1);
}

/// Fact 10.
#[test]
fn a_packet_is_padded_to_16_bytes_and_never_beyond_the_mtu() {
    let mut world = plain_pair();
    world.send(0, &udp("10.0.0.1:9", "10.0.0.2:443", b"hello"));
    for length in (0..40).chain(1380..=1392) {
        let packet = udp("10.0.0.1:9", "10.0.0.2:443", &vec![1; length]);
        let (now, mut out) = (world.now, Datagrams::new());
        world.nodes[0].outbound.seal(now, &Packets::from_iter([&packet]), &mut out, &mut Packets::new());
        let datagram = out.drain().next().map(|datagram| datagram.contents().to_vec()).unwrap();
        let inner = datagram.len() - 32;
        assert_eq!(inner, packet.len().next_multiple_of(16).min(1420), "{length}");
    }
}

/// Fact 11.
#[test]
fn a_handshake_with_a_low_order_ephemeral_is_told_from_others() {
    // Of order 1, 2, 4 and 8, and the prime itself: RFC 7748 section 6.1, https://cr.yp.to/ecdh.html.
    let order_eight = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ];
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut one = [0; 32];
    one[0] = 1;
    for (point, is_low) in [([0; 32], true), (one, true), (order_eight, true), (prime, true), ([0x55; 32], false)] {
        for (kind, length, place) in [(1u8, 148, 8..40), (2, 92, 12..44)] {
            let mut datagram = vec![0; length];
            datagram[0] = kind;
            datagram[place].copy_from_slice(&point);
            let kind = Kind::of(&datagram).unwrap();
            assert_eq!(has_low_order_ephemeral(kind, &datagram), is_low, "{kind:?} {point:?}");
        }
    }
    assert!(!has_low_order_ephemeral(Kind::Data { index: 0, counter: 0 }, &[0; 148]), "data has no ephemeral");
}

/// Fact 14.
#[test]
fn what_waits_at_the_responder_leaves_when_the_initiator_confirms() {
    let mut world = plain_pair();
    let now = world.now;
    world.nodes[1].control.handle_down(now);
    world.nodes[1].control.handle_up(now);
    // Node 1 asks where nobody is; its packet waits.
    world.nodes[1].control.handle_endpoint(now, key(0), at(9));
    world.send(1, &udp("10.0.0.2:9", "10.0.0.1:443", b"waiting"));
    assert!(world.received(0).is_empty());
    world.send(0, &udp("10.0.0.1:9", "10.0.0.2:443", b"hello"));
    assert_eq!((world.received(1).len(), world.received(0).len()), (1, 1));
}

/// Fact 16.
#[test]
fn a_neighbor_under_another_secret_has_another_index() {
    let index = |world: &mut World| {
        let initiation = sealed(world, [0]).remove(0);
        assert_eq!(initiation.len(), 148);
        u32::from_le_bytes(initiation[4..8].try_into().unwrap()) >> 8
    };
    let mut world = plain_pair();
    let first = index(&mut world);
    let now = world.now;
    let secret = nanami_model::PresharedKey::from_bytes([1; 32]).unwrap();
    world.nodes[0].control.handle_preshared_keys(now, [(key(1), Some(secret))]);
    assert_ne!(index(&mut world), first);
}

/// Whoever began counts from the answer that it heard. Where that came late, the other end's keypair is older, and would refuse
/// what is sent before the beginner replaces it.
#[test]
fn whoever_answered_replaces_a_keypair_whose_answer_came_late() {
    let mut world = World::pair();
    let question = tcp("10.0.0.1:4000", "10.0.0.2:443", SYN);
    let (mut asked, mut answered) = (Datagrams::new(), Datagrams::new());
    world.nodes[0].outbound.seal(world.now, &Packets::from_iter([&question]), &mut asked, &mut Packets::new());
    let asked = Datagrams::from_iter(asked.drain().map(|datagram| (at(0), datagram.contents().to_vec())));
    world.nodes[1].inbound.open(world.now, &asked, &mut Packets::new(), &mut answered);
    world.now += Duration::from_secs(60);
    world.carry(1, answered);
    assert_eq!(world.received(1), [question]);
    let before = world.link(0, 1).handshakes;
    for second in 0..80 {
        assert_eq!(world.link(0, 1).handshakes > before, second >= 75, "{second} s after the answer came");
        world.send(1, &tcp("10.0.0.2:443", "10.0.0.1:4000", ACK));
        world.pass(Duration::from_secs(1));
    }
}
