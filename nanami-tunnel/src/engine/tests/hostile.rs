//! Datagrams and neighbors that mean harm.

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
