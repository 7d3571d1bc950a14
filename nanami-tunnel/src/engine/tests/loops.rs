//! Routes that lead what was sealed into the tunnel again.

use super::*;

/// Node 0 reaches each of 1 and 2 through the tunnel of the other one.
fn entangled() -> World {
    let mut world = World { now: Instant::now(), nodes: vec![] };
    let through = |n: usize, other: usize| {
        let own = [format!("10.0.0.{}/32", n + 1), format!("{}/32", at(other).ip())].map(|text| cidr(&text));
        Neighbor::new(key(n), own)
    };
    let maps = [
        NetworkMap::default().with_neighbor(through(1, 2)).with_neighbor(through(2, 1)),
        NetworkMap::default().with_neighbor(neighbor(0)),
        NetworkMap::default().with_neighbor(neighbor(0)),
    ];
    for (n, map) in maps.iter().enumerate() {
        let engine = Engine::new(world.now, private(n), [n as u8; 32]).without_filter();
        let node = Node::of(world.now, engine, map);
        world.nodes.push(node);
    }
    for n in [1, 2] {
        world.send(0, &udp("10.0.0.1:9", &format!("10.0.0.{}:9", n + 1), b"a keypair"));
        assert_eq!(world.received(n).len(), 1);
    }
    world
}

/// What node 0 makes of one packet.
fn sealed(world: &mut World, packet: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
    let (now, mut out) = (world.now, Datagrams::new());
    world.nodes[0].outbound.seal(now, &Packets::from_iter([packet]), &mut out, &mut Packets::new());
    out.drain().map(|datagram| (datagram.address(), datagram.contents().to_vec())).collect()
}

#[test]
fn what_was_sealed_here_is_not_sealed_again_whoever_it_is_for() {
    let mut world = entangled();
    let (mut back, mut crossed) = (vec![udp("10.0.0.1:9", "10.0.0.2:9", b"round and round")], 0);
    while let Some(packet) = back.pop() {
        crossed += 1;
        let again = sealed(&mut world, &packet);
        back.extend(again.iter().map(|(to, contents)| udp(&at(0).to_string(), &to.to_string(), contents)));
    }
    assert_eq!((crossed, world.counters(0).looped), (2, 1));
}

#[test]
fn wireguard_of_somebody_else_passes_to_the_same_end() {
    let mut world = entangled();
    let theirs = sealed(&mut entangled(), &udp("10.0.0.1:9", "10.0.0.2:9", b"of another host")).remove(0).1;
    let packet = udp("10.9.9.9:51820", &at(1).to_string(), &theirs);
    assert_eq!(sealed(&mut world, &packet).len(), 1);
}
