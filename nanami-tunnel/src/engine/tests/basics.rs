//! Handshakes, the filter, refusals, maps.

use super::*;

fn is_prohibited(packet: &[u8]) -> bool {
    let inner = Inner::parse(packet).unwrap();
    let message = &inner.bytes[inner.payload_at..];
    inner.transport == Transport::Icmp(Icmp::Error) && matches!(message[..2], [3, 13] | [1, 1])
}

#[test]
fn the_first_packet_waits_for_the_handshake_and_arrives() {
    let mut world = World::pair();
    let syn = tcp("10.0.0.1:4000", "10.0.0.2:443", SYN);
    world.send(0, &syn);
    assert_eq!(world.received(1), [syn]);
    let answer = tcp("10.0.0.2:443", "10.0.0.1:4000", SYN | ACK);
    world.send(1, &answer);
    assert_eq!(world.received(0), [answer], "a reply needs no rule");
    let usage = world.nodes[1].control.usage()[0];
    assert_eq!((usage.peer, usage.packets, usage.flows, usage.open), (key(0), 2, 1, 1));
    world.pass(Duration::ZERO);
    assert_eq!(world.nodes[0].events, [Event::Handshake { peer: key(1) }]);
    assert_eq!(world.nodes[1].events, [Event::Handshake { peer: key(0) }]);
    assert_eq!(world.link(0, 1).endpoint, Some(at(1)));
}

#[test]
fn what_no_rule_accepts_is_refused_at_once_in_both_families() {
    let mut world = World::pair();
    for (from, to) in [("10.0.0.1:4000", "10.0.0.2:22"), ("[fd00::1]:4000", "[fd00::2]:22")] {
        for packet in [tcp(from, to, SYN), udp(from, to, b"?")] {
            world.send(0, &packet);
            assert!(world.received(1).is_empty());
            let answers = world.received(0);
            assert_eq!(answers.len(), 1);
            assert!(is_prohibited(&answers[0]));
        }
    }
    assert_eq!(world.counters(1).denied, 4);
    let attempts = world.nodes[1].control.attempts();
    assert_eq!(attempts.iter().map(|attempt| attempt.count).sum::<u64>(), 4);
    assert!(attempts.iter().any(|attempt| attempt.peer == key(0) && attempt.service == Service::tcp(22)));
    assert!(world.nodes[1].control.usage().is_empty());
}

#[test]
fn what_nobody_carries_is_refused_here() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.9.9.9:443", SYN));
    world.send(0, &tcp("[fd00::1]:4000", "[fd99::9]:443", SYN));
    let codes = world.nodes[0].refused.iter().map(|packet| {
        let inner = Inner::parse(packet).unwrap();
        (inner.bytes[inner.payload_at], inner.bytes[inner.payload_at + 1])
    });
    assert_eq!(codes.collect::<Vec<_>>(), [(3, 0), (1, 0)]);
    assert_eq!(world.counters(0).no_route, 2);
}

#[test]
fn what_this_host_may_not_send_is_refused_so_many_times_a_second() {
    let mut world = World::pair();
    let strange = udp("10.0.0.77:1", "10.0.0.2:9", b"from an address that is not ours");
    (0..500).for_each(|_| world.send(0, &strange));
    assert_eq!((world.nodes[0].refused.len(), world.counters(0).refusals_withheld), (50, 450));
    assert!(is_prohibited(&world.nodes[0].refused[49]));
    world.now += Duration::from_millis(20);
    (0..500).for_each(|_| world.send(0, &strange));
    assert_eq!(world.nodes[0].refused.len(), 70);
    // How long a packet may be is said each time.
    let long = udp("10.0.0.1:1", "10.0.0.2:9", &[0; 1500]);
    (0..100).for_each(|_| world.send(0, &long));
    assert_eq!(world.nodes[0].refused.len(), 170);
}

#[test]
fn a_packet_longer_than_the_mtu_is_refused_with_the_mtu() {
    let mut world = World::pair();
    world.send(0, &udp("10.0.0.1:1", "10.0.0.2:2", &[0; 1500]));
    let refusal = Inner::parse(&world.nodes[0].refused[0]).unwrap();
    let message = &refusal.bytes[refusal.payload_at..];
    assert_eq!((message[0], message[1], &message[6..8]), (3, 4, &DEFAULT_MTU.to_be_bytes()[..]));
}

#[test]
fn a_new_map_keeps_keypairs_and_ends_flows_that_it_does_not_allow() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    world.pass(Duration::from_secs(1));
    let before = world.link(1, 0);
    let newer = map_of(1).with_neighbor(neighbor(0)).with_generation(Default::default(), 1u64.generation());
    let applied = world.nodes[1].control.apply(world.now, &newer).unwrap();
    assert_eq!((applied.generation(), applied.changed()), (1u64.generation(), 0));
    world.received(1);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    assert!(world.received(1).is_empty(), "the rule is gone, so is the flow");
    assert!(is_prohibited(&world.received(0)[0]));
    world.send(1, &tcp("10.0.0.2:443", "10.0.0.1:4000", ACK));
    assert!(is_prohibited(&world.nodes[1].refused[0]), "and what the server still sends is refused too");
    let after = world.link(1, 0);
    assert_eq!((before.handshake, before.handshakes), (after.handshake, after.handshakes));
}

#[test]
fn older_maps_and_forks_are_refused_and_change_nothing() {
    let mut world = World::pair();
    let control = &mut world.nodes[0].control;
    let generation = |n: u64| map_of(0).with_neighbor(neighbor(1)).with_generation(Default::default(), n.generation());
    control.apply(world.now, &generation(5)).unwrap();
    assert_eq!(control.apply(world.now, &generation(5)).unwrap().changed(), 0, "again is harmless");
    assert_eq!(control.apply(world.now, &generation(4)).unwrap_err().code(), "map.older");
    let fork = map_of(0).with_generation(Default::default(), 5u64.generation());
    assert_eq!(control.apply(world.now, &fork), Err(MapError::Forked { at: 5u64.generation() }));
    assert_eq!(control.links().count(), 1);
}

#[test]
fn an_unknown_key_gets_silence_and_is_counted() {
    let mut world = World::new([map_of(0).with_neighbor(neighbor(1)), map_of(1)]);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    assert!(world.received(1).is_empty());
    assert_eq!(world.counters(1).unknown_key, 1);
    assert_eq!(world.link(0, 1).heard, None);
}

#[test]
fn probes_measure_the_link_without_any_rule_and_pings_do_not_pass() {
    let mut world = World::new([map_of(0).with_neighbor(neighbor(1)), map_of(1).with_neighbor(neighbor(0))]);
    world.nodes[0].control.handle_probe(world.now, key(1));
    world.pass(Duration::from_secs(1));
    world.nodes[1].control.handle_probe(world.now, key(0));
    world.pass(Duration::from_secs(1));
    for (from, to) in [(0, 1), (1, 0)] {
        let link = world.link(from, to);
        assert_eq!(link.rtt, Some(Duration::ZERO), "virtual time stands still on the wire");
        assert_eq!((link.probes, link.answered), (1, 1));
    }
    let ping = icmp::echo_request("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), 1, 1, b"ping");
    world.send(0, &ping);
    assert!(is_prohibited(&world.received(0)[0]));
}

#[test]
fn an_end_that_gets_its_map_later_is_reached_soon_after() {
    let mut world = World::new([map_of(0).with_neighbor(neighbor(1)), map_of(1)]);
    let syn = tcp("10.0.0.1:4000", "10.0.0.2:443", SYN);
    world.send(0, &syn);
    world.pass(Duration::from_millis(400));
    let later =
        map_of(1).with_neighbor(neighbor(0)).with_filter(web()).with_generation(Default::default(), 1u64.generation());
    world.nodes[1].control.apply(world.now, &later).unwrap();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.received(1), [syn]);
}

#[test]
fn a_neighbor_that_stays_away_is_tried_ever_more_seldom() {
    let mut world = World::new([map_of(0).with_neighbor(neighbor(1)), map_of(1)]);
    world.send(0, &udp("10.0.0.1:1", "10.0.0.2:2", b"?"));
    world.pass(Duration::from_secs(3));
    let first = world.counters(1).unknown_key;
    assert!((3..=6).contains(&first), "{first}");
}

#[test]
fn only_the_newest_packets_wait_for_a_keypair() {
    let mut world = World::new([map_of(0).with_neighbor(neighbor(1)), map_of(1)]);
    for port in 1..=100u16 {
        world.send(0, &udp(&format!("10.0.0.1:{port}"), "10.0.0.2:443", b"?"));
    }
    assert_eq!(world.counters(0).queue_dropped, 68);
    let open = Filter::deny_all().accept(cidr("10.0.0.1/32"), Service::udp(443));
    let known =
        map_of(1).with_neighbor(neighbor(0)).with_filter(open).with_generation(Default::default(), 1u64.generation());
    world.nodes[1].control.apply(world.now, &known).unwrap();
    world.nodes[1].control.handle_hints(world.now, key(0), &[at(0)]);
    world.nodes[1].control.handle_probe(world.now, key(0));
    world.pass(Duration::from_secs(1));
    let ports: Vec<_> =
        world.received(1).iter().map(|p| Inner::parse(p).unwrap().flow_of_sender().unwrap().own.1).collect();
    assert_eq!(ports, (69..=100).collect::<Vec<_>>());
}

#[test]
fn a_removed_neighbor_is_forgotten_at_once() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    world.received(1);
    let alone = map_of(1).with_generation(Default::default(), 1u64.generation());
    world.nodes[1].control.apply(world.now, &alone).unwrap();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    assert!(world.received(1).is_empty() && world.counters(1).unauthentic > 0);
}

#[test]
fn an_engine_without_sessions_has_no_deadline() {
    let mut world = World::pair();
    assert_eq!(world.drain(0), None);
}

/// Numbers as generations, briefly.
trait ToGeneration {
    fn generation(self) -> Generation;
}

impl ToGeneration for u64 {
    fn generation(self) -> Generation {
        Generation::new(self)
    }
}
