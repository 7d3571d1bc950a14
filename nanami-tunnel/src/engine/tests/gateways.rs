//! Two gateways before one prefix: forwarding, failover, hold-down.

use nanami_model::{ForwardRule, Services};

use super::*;

const VPC: &str = "10.60.0.0/16";

/// 0 is the client, 1 the owner of the prefix, 2 its standby.
fn maps() -> [NetworkMap; 3] {
    let owner = Neighbor::new(key(1), [cidr("10.0.0.2/32"), cidr(VPC)]);
    let standby = neighbor(2).with_standby(cidr(VPC), 1);
    let gateway = |n: usize| {
        let rule = ForwardRule {
            from: cidr("10.0.0.1/32"),
            to: cidr(VPC),
            services: Services::from(Service::tcp(443)),
            policy: None,
        };
        map_of(n).with_neighbor(neighbor(0)).with_forward(rule)
    };
    [map_of(0).with_neighbor(owner).with_neighbor(standby), gateway(1), gateway(2)]
}

fn asks() -> Vec<u8> {
    tcp("10.0.0.1:4000", "10.60.0.10:443", SYN)
}

/// Lets time pass while the client uses the prefix.
fn pass_in_use(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.send(0, &asks());
        world.pass(Duration::from_secs(1));
    }
    (0..3).for_each(|n| drop(world.received(n)));
}

fn is_taken_over(world: &World) -> bool {
    !world.nodes[0].control.owners().is_empty()
}

#[test]
fn a_gateway_hands_on_what_its_rules_forward_and_nothing_else() {
    let mut world = World::new(maps());
    world.pass(Duration::ZERO);
    world.send(0, &asks());
    assert_eq!(world.received(1), [asks()]);
    world.send(0, &tcp("10.0.0.1:4000", "10.60.0.10:22", SYN));
    assert!(world.received(1).is_empty());
    assert_eq!(world.counters(1).denied_forward, 1);
    let reply = tcp("10.60.0.10:443", "10.0.0.1:4000", SYN | ACK);
    world.received(0);
    world.send(1, &reply);
    world.send(1, &tcp("10.60.0.10:443", "10.0.0.1:4000", SYN));
    assert_eq!(world.received(0), [reply]);
    assert_eq!(world.counters(1).denied_source, 1);
}

#[test]
fn a_dead_owner_is_noticed_within_a_second_and_the_standby_carries_on() {
    let mut world = World::new(maps());
    pass_in_use(&mut world, 2);
    world.send(0, &asks());
    assert_eq!(world.received(1).len(), 1);
    world.nodes[1].dead = true;
    let died = world.now;
    let changed = Event::OwnerChanged { prefix: cidr(VPC), from: key(1), to: key(2) };
    while !world.nodes[0].events.contains(&changed) {
        assert!(world.now - died < Duration::from_secs(1), "{:?}", world.nodes[0].events);
        world.pass(Duration::from_millis(10));
    }
    world.send(0, &tcp("10.0.0.1:4000", "10.60.0.10:443", ACK));
    assert_eq!(world.received(2).len(), 1);
    assert_eq!(world.nodes[0].control.owners(), [(cidr(VPC), key(2))]);
}

#[test]
fn a_gateway_is_measured_itself_and_not_who_is_behind_it() {
    // 9.0.0.9 is behind the gateway, comes first, and is dead.
    let behind = Neighbor::new(key(1), [cidr("9.0.0.9/32"), cidr("10.0.0.2/32"), cidr(VPC)]);
    let [_, gateway, standby] = maps();
    let client = map_of(0).with_neighbor(behind).with_neighbor(neighbor(2).with_standby(cidr(VPC), 1));
    let mut world = World::new([client, gateway, standby]);
    pass_in_use(&mut world, 5);
    let link = world.link(0, 1);
    assert!(link.answered > 10 && link.answered == link.probes, "{link:?}");
    assert!(world.nodes[0].control.owners().is_empty(), "it is alive");
    assert_eq!(world.counters(1).denied_forward, 0);
}

#[test]
fn without_a_living_standby_nothing_changes() {
    let mut world = World::new(maps());
    pass_in_use(&mut world, 2);
    (world.nodes[1].dead, world.nodes[2].dead) = (true, true);
    pass_in_use(&mut world, 5);
    assert!(!is_taken_over(&world));
}

#[test]
fn an_owner_that_comes_back_waits_and_a_new_map_does_not_hurry_it() {
    let mut world = World::new(maps());
    pass_in_use(&mut world, 2);
    world.nodes[1].dead = true;
    pass_in_use(&mut world, 2);
    world.nodes[1].dead = false;
    let [client, ..] = maps();
    let newer = client.with_generation(Default::default(), Generation::new(1));
    world.nodes[0].control.apply(world.now, &newer).unwrap();
    pass_in_use(&mut world, 20);
    assert!(is_taken_over(&world), "hold-down");
    pass_in_use(&mut world, 12);
    assert!(!is_taken_over(&world));
}

#[test]
fn carriers_are_asked_while_one_of_them_is_in_use_and_a_death_in_between_is_noticed_at_the_next_packet() {
    let mut world = World::new(maps());
    let asked = |world: &World| [1, 2].map(|n| world.link(0, n).probes);
    world.pass(Duration::from_secs(60));
    assert_eq!(asked(&world), [0, 0], "nobody used them yet");
    assert_eq!(world.link(0, 2).tx_datagram_bytes, 0);
    pass_in_use(&mut world, 2);
    assert!(asked(&world).iter().all(|probes| *probes >= 8), "{:?}: the standby as well", asked(&world));
    world.pass(Duration::from_secs(20));
    let before = asked(&world);
    world.nodes[1].dead = true;
    world.pass(Duration::from_secs(600));
    assert_eq!((asked(&world), is_taken_over(&world)), (before, false));
    world.send(0, &asks());
    world.pass(Duration::from_secs(1));
    assert!(is_taken_over(&world));
    world.send(0, &asks());
    assert_eq!(world.received(2), [asks()]);
}

#[test]
fn packets_from_a_carrier_are_a_use_too() {
    let mut world = World::new(maps());
    world.send(0, &asks());
    world.pass(Duration::from_secs(20));
    let before = world.link(0, 2).probes;
    for _ in 0..30 {
        world.send(1, &tcp("10.60.0.10:443", "10.0.0.1:4000", SYN | ACK));
        world.pass(Duration::from_secs(1));
    }
    assert!(world.link(0, 2).probes > before + 100, "the other one could stand in");
}

#[test]
fn replies_to_a_flow_follow_it_to_the_other_gateway() {
    // Node 0 is a server; a client behind two gateways reaches it first through 1, then through 2.
    let client = cidr("10.43.0.5/32");
    let server = map_of(0)
        .with_neighbor(Neighbor::new(key(1), [cidr("10.0.0.2/32"), client]))
        .with_neighbor(neighbor(2).with_standby(client, 1))
        .with_filter(Filter::deny_all().accept(client, Service::tcp(443)));
    let gateway = |n: usize| {
        let rule = ForwardRule {
            from: client,
            to: cidr("10.0.0.1/32"),
            services: Services::from(Service::tcp(443)),
            policy: None,
        };
        map_of(n).with_neighbor(neighbor(0)).with_forward(rule)
    };
    let mut world = World::new([server, gateway(1), gateway(2)]);
    world.pass(Duration::from_secs(1));
    world.send(1, &tcp("10.43.0.5:4000", "10.0.0.1:443", SYN));
    world.send(2, &tcp("10.43.0.5:4000", "10.0.0.1:443", ACK));
    assert_eq!(world.received(0).len(), 2);
    world.send(0, &tcp("10.0.0.1:443", "10.43.0.5:4000", ACK));
    assert_eq!((world.received(1).len(), world.received(2).len()), (0, 1));
}

#[test]
fn a_via_gateway_forwards_between_two_neighbors() {
    // 0 reaches 2 only through 1.
    let rule = ForwardRule {
        from: cidr("10.0.0.1/32"),
        to: cidr("10.0.0.3/32"),
        services: Services::from(Service::tcp(443)),
        policy: None,
    };
    let mut world = World::new([
        map_of(0).with_neighbor(Neighbor::new(key(1), [cidr("10.0.0.2/32"), cidr("10.0.0.3/32")])),
        map_of(1).with_neighbor(neighbor(0)).with_neighbor(neighbor(2)).with_forward(rule),
        map_of(2)
            .with_neighbor(Neighbor::new(key(1), [cidr("10.0.0.2/32"), cidr("10.0.0.1/32")]))
            .with_filter(Filter::deny_all().accept(cidr("10.0.0.1/32"), Service::tcp(443))),
    ]);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.3:443", SYN));
    let arrived = world.received(2);
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0][8], 63, "one hop further");
    assert_eq!(icmp::checksum([&arrived[0][..20], &[]]), 0);
    world.send(2, &tcp("10.0.0.3:443", "10.0.0.1:4000", SYN | ACK));
    assert_eq!(world.received(0).len(), 1);
}

#[test]
fn a_gateway_that_has_an_exit_of_its_own_sends_nothing_there_that_is_behind_itself() {
    let [client, gateway, _] = maps();
    // 2 is the exit of gateway 1: it carries everything that nobody else does.
    let exit = Neighbor::new(key(2), [cidr("10.0.0.3/32"), cidr("0.0.0.0/0")]);
    let mut world = World::new([client, gateway.with_neighbor(exit), map_of(2).with_neighbor(neighbor(1))]);
    world.pass(Duration::ZERO);
    world.send(0, &asks());
    assert_eq!((world.received(1), world.received(2).len()), (vec![asks()], 0));
}
