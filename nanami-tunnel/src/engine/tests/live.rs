//! What changes while engines run: secrets, endpoints, the interface; and plain WireGuard, without a filter.

use nanami_model::PresharedKey;

use super::*;

fn preshared(n: u8) -> Option<PresharedKey> {
    Some(PresharedKey::from_bytes([n; 32]).unwrap())
}

fn syn(from: usize, to: usize) -> Vec<u8> {
    tcp(&format!("10.0.0.{}:4000", from + 1), &format!("10.0.0.{}:443", to + 1), SYN)
}

impl World {
    fn set_preshared(&mut self, at: usize, with: usize, preshared: Option<PresharedKey>) {
        let now = self.now;
        self.nodes[at].control.handle_preshared_keys(now, [(key(with), preshared)]);
        self.drain(at);
    }

    /// Whether a packet from one node arrives at the other.
    fn carries(&mut self, from: usize, to: usize) -> bool {
        self.send(from, &syn(from, to));
        !self.received(to).is_empty()
    }

    /// Nodes without a filter, each knowing all others.
    fn plain(nodes: usize) -> Self {
        let map = |n: usize| {
            (0..nodes).filter(|m| *m != n).fold(NetworkMap::default(), |map, m| map.with_neighbor(neighbor(m)))
        };
        let mut world = Self { now: Instant::now(), nodes: vec![] };
        for n in 0..nodes {
            let engine = Engine::new(world.now, private(n), [n as u8; 32]).without_filter();
            world.nodes.push(Node::of(world.now, engine, &map(n)));
        }
        world
    }
}

#[test]
fn plain_wireguard_delivers_what_cryptokey_routing_allows_and_says_nothing_by_itself() {
    let mut world = World::plain(2);
    let unasked = udp("10.0.0.1:9", "192.0.2.77:9", b"to an address that is not ours");
    let from_elsewhere = udp("10.0.0.66:9", "10.0.0.2:9", b"from an address that is not theirs");
    assert!(world.carries(0, 1), "no rule is needed");
    world.send(0, &from_elsewhere);
    assert!(world.received(1).is_empty());
    assert_eq!(world.counters(1).source_mismatch, 1);
    world.send(0, &unasked);
    assert!(world.received(1).is_empty());
    assert_eq!(world.nodes[0].refused.len(), 1, "nobody carries it, and its sender hears so");
    world.pass(Duration::from_secs(5));
    assert_eq!((world.link(0, 1).probes, world.link(1, 0).probes), (0, 0), "a peer of another make gets no echoes");
    assert!(world.link(0, 1).rtt.is_some(), "the handshake was measured");
}

#[test]
fn a_preshared_key_must_be_the_same_at_both_ends_and_others_do_not_notice() {
    let mut world = World::plain(3);
    assert!(world.carries(0, 1) && world.carries(0, 2));
    let other = world.link(0, 2).handshakes;
    world.set_preshared(0, 1, preshared(1));
    assert!(!world.carries(0, 1), "one end alone");
    world.set_preshared(1, 0, preshared(2));
    assert!(!world.carries(0, 1), "another one");
    world.set_preshared(1, 0, preshared(1));
    world.set_preshared(0, 1, None);
    world.set_preshared(0, 1, preshared(1));
    assert!(world.carries(0, 1));
    assert!(world.carries(0, 2));
    assert_eq!(world.link(0, 2).handshakes, other, "a third node keeps its keypair");
}

#[test]
fn the_same_preshared_key_again_changes_nothing() {
    let mut world = World::plain(2);
    world.set_preshared(0, 1, preshared(1));
    world.set_preshared(1, 0, preshared(1));
    assert!(world.carries(0, 1));
    let before = world.link(0, 1).handshakes;
    world.set_preshared(0, 1, preshared(1));
    assert!(world.carries(0, 1));
    assert_eq!(world.link(0, 1).handshakes, before);
}

#[test]
fn what_waited_leaves_under_the_new_secret() {
    let mut world = World::plain(2);
    world.set_preshared(0, 1, preshared(1));
    assert!(!world.carries(0, 1));
    world.set_preshared(0, 1, None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.received(1).len(), 1);
}

#[test]
fn an_initiation_from_before_a_new_secret_is_still_a_replay() {
    let mut world = World::plain(2);
    let mut datagrams = Datagrams::new();
    let now = world.now;
    world.nodes[0].outbound.seal(now, &Packets::from_iter([syn(0, 1)]), &mut datagrams, &mut Packets::new());
    let initiation = datagrams.drain().next().unwrap().contents().to_vec();
    world.deliver(0, at(1), &initiation);
    world.set_preshared(1, 0, preshared(1));
    let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
    world.nodes[1].inbound.open(now, &Datagrams::from_iter([(at(0), &initiation)]), &mut packets, &mut answers);
    assert_eq!((packets.len(), answers.len()), (0, 0));
    assert_eq!(world.counters(1).old_handshake, 1);
}

#[test]
fn another_private_key_is_another_peer_from_the_next_handshake_on() {
    let mut world = World::plain(2);
    assert!(world.carries(0, 1));
    let now = world.now;
    world.nodes[0].control.handle_private_key(now, &private(7));
    world.drain(0);
    assert!(!world.carries(0, 1), "node 1 does not know that key");
    assert_eq!(world.counters(1).unknown_key, 1);
    world.nodes[1]
        .control
        .apply(
            now,
            &NetworkMap::default()
                .with_generation(Default::default(), Generation::new(1))
                .with_neighbor(Neighbor::new(key(7), [cidr("10.0.0.1/32")])),
        )
        .unwrap();
    world.nodes[0].control.handle_private_key(now, &private(7));
    world.pass(Duration::from_millis(1));
    assert!(world.carries(0, 1));
}

#[test]
fn an_operators_endpoint_wins_until_the_neighbor_is_heard_from_elsewhere() {
    let mut world = World::plain(3);
    assert!(world.carries(0, 1));
    let now = world.now;
    world.nodes[0].control.handle_endpoint(now, key(1), at(2));
    assert!(!world.carries(0, 1), "node 2 gets it, and it is not for it");
    assert_eq!(world.link(0, 1).endpoint, Some(at(2)));
    assert!(world.carries(1, 0));
    assert!(world.carries(0, 1));
    assert_eq!(world.link(0, 1).endpoint, Some(at(1)));
}

#[test]
fn sec_44_a_pinned_neighbor_stays_where_it_is_whatever_is_heard_from_elsewhere() {
    let mut world = World::plain(3);
    let now = world.now;
    world.nodes[0].control.handle_pin(now, key(1), Some(at(2)));
    assert!(world.carries(1, 0), "what it sends is taken, from anywhere");
    assert_eq!(world.link(0, 1).endpoint, Some(at(2)));
    assert!(!world.carries(0, 1), "and what it is sent goes where the pin is");
    let (epoch, one) = (NetworkMap::default().epoch(), NetworkMap::default().generation().next());
    let other = NetworkMap::default().with_generation(epoch, one);
    world.nodes[0].control.apply(now, &other).unwrap();
    let again = NetworkMap::default().with_neighbor(neighbor(1)).with_generation(epoch, one.next());
    world.nodes[0].control.apply(now, &again).unwrap();
    assert_eq!(world.link(0, 1).endpoint, Some(at(2)), "it outlives its map");
    world.nodes[0].control.handle_pin(now, key(1), None);
    world.nodes[1].control.handle_down(now);
    world.nodes[1].control.handle_up(now);
    assert!(world.carries(1, 0));
    assert_eq!(world.link(0, 1).endpoint, Some(at(1)));
}

#[test]
fn an_interface_that_is_down_is_silent_and_has_no_deadline() {
    let mut world = World::plain(2);
    assert!(world.carries(0, 1));
    let now = world.now;
    world.nodes[0].control.handle_down(now);
    assert_eq!(world.drain(0), None);
    assert!(world.link(0, 1).handshake.is_none());
    world.nodes[0].control.handle_up(now);
    assert!(world.carries(0, 1));
}

#[test]
fn a_lower_mtu_is_told_to_who_sends_more() {
    let mut world = World::plain(2);
    let packet = udp("10.0.0.1:9", "10.0.0.2:9", &[0; 500]);
    world.nodes[0].control.handle_mtu(500);
    world.send(0, &packet);
    assert_eq!((world.received(1).len(), world.nodes[0].refused.len()), (0, 1));
    world.nodes[0].control.handle_mtu(1420);
    world.send(0, &packet);
    assert_eq!(world.received(1), [packet]);
}

#[test]
fn a_congestion_mark_crosses_the_tunnel_in_both_headers() {
    let mut world = World::plain(2);
    assert!(world.carries(0, 1));
    let mut packet = udp("10.0.0.1:9", "10.0.0.2:9", b"x");
    assert!(!outer::carry_mark(&mut packet, Ecn::Congested), "its sender does not speak ECN");
    packet[1] = 0xb8 | Ecn::Ect0.bits();
    packet[10..12].copy_from_slice(&[0, 0]);
    let sum = icmp::checksum([&packet[..20], &[]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let (mut sealed, mut packets) = (Datagrams::new(), Packets::new());
    let now = world.now;
    world.nodes[0].outbound.seal(now, &Packets::from_iter([&packet]), &mut sealed, &mut Packets::new());
    let datagram = sealed.drain().next().map(|datagram| (datagram.outer(), datagram.contents().to_vec())).unwrap();
    assert_eq!(datagram.0.ecn(), Ecn::Ect0);
    let mut congested = Datagrams::new();
    congested.push_with_outer(Outer::new(at(0)).with_ecn(Ecn::Congested), &datagram.1);
    world.nodes[1].inbound.open(now, &congested, &mut packets, &mut Datagrams::new());
    let arrived = packets.iter().next().unwrap();
    assert_eq!((arrived[1], icmp::checksum([&arrived[..20], &[]])), (0xb8 | Ecn::Congested.bits(), 0));
}
