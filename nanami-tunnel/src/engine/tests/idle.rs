//! A host at which nobody looks, and one whose network changes.

use super::*;

#[test]
fn idle_nothing_is_measured_and_without_keypairs_nothing_is_due() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    let asked = |world: &World| world.link(0, 1).probes;
    world.pass(Duration::from_secs(11));
    let before = asked(&world);
    assert_eq!(before, 3);
    let now = world.now;
    world.nodes[0].control.handle_idle(now, true);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    world.pass(Duration::from_secs(60));
    assert_eq!(asked(&world), before);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    assert_eq!(world.received(1).len(), 3, "traffic passes as always");
    let now = world.now;
    world.nodes[0].control.handle_idle(now, false);
    world.pass(Duration::from_secs(11));
    assert!(asked(&world) > before + 1);
    // Asleep and unknown to anybody, it has no deadline at all.
    let mut alone = World::pair();
    let now = alone.now;
    alone.nodes[0].control.handle_idle(now, true);
    assert_eq!(alone.drain(0), None);
}

#[test]
fn a_neighbor_is_measured_while_packets_pass_and_once_for_whoever_asks() {
    let mut world = World::pair();
    let asked = |world: &World| [world.link(0, 1).probes, world.link(1, 0).probes];
    let now = world.now;
    world.nodes[0].control.handle_probe(now, key(1));
    world.pass(Duration::from_secs(60));
    assert_eq!(asked(&world), [1, 0], "a keypair alone is no use");
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    world.pass(Duration::from_secs(16));
    assert_eq!(asked(&world), [4, 3], "either end, for 15 s");
    world.pass(Duration::from_secs(600));
    assert_eq!(asked(&world), [4, 3]);
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    world.pass(Duration::ZERO);
    assert_eq!(asked(&world), [5, 4]);
}

#[test]
fn a_neighbor_that_is_kept_reachable_is_measured_once_without_being_asked() {
    let kept = neighbor(1).with_keepalive(Duration::from_secs(25));
    let mut world = World::new([map_of(0).with_neighbor(kept), map_of(1)]);
    // Asked twice, a handshake is no measurement: nobody knows which of the two was answered.
    world.pass(Duration::from_millis(400));
    let later = map_of(1).with_neighbor(neighbor(0)).with_generation(Default::default(), Generation::new(1));
    world.nodes[1].control.apply(world.now, &later).unwrap();
    world.pass(Duration::from_secs(100));
    let link = world.link(0, 1);
    assert_eq!((link.rtt, link.probes), (Some(Duration::ZERO), 1));
}

/// How often the engine of node 0 wants time while so much passes.
fn deadlines(world: &mut World, time: Duration) -> usize {
    let (end, mut count) = (world.now + time, 0);
    while let Some(due) = world.drain(0).filter(|due| *due <= end) {
        count += usize::from(due > world.now);
        world.now = world.now.max(due);
        let now = world.now;
        world.nodes[0].control.handle_timeout(now);
    }
    world.now = end;
    count
}

#[test]
fn idle_a_neighbor_that_is_away_is_tried_once_a_minute() {
    let kept = neighbor(1).with_keepalive(Duration::from_secs(25));
    let mut world = World::new([map_of(0).with_neighbor(kept), map_of(1)]);
    deadlines(&mut world, Duration::from_secs(60));
    let awake = deadlines(&mut world, Duration::from_secs(600));
    let now = world.now;
    world.nodes[0].control.handle_idle(now, true);
    let idle = deadlines(&mut world, Duration::from_secs(600));
    assert!((9..=13).contains(&idle) && awake > 60, "{awake} awake, {idle} idle");
    let now = world.now;
    world.nodes[0].control.handle_idle(now, false);
    assert_eq!(world.drain(0), Some(now), "somebody looks: at once");
}

#[test]
fn a_quiet_keypair_wants_time_once_a_minute_and_the_next_packet_has_its_timers() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    let now = world.now;
    world.nodes[0].control.handle_idle(now, true);
    let busy = deadlines(&mut world, Duration::from_secs(15));
    assert!((14..=17).contains(&busy), "{busy}: a second after each other while something may be due");
    deadlines(&mut world, Duration::from_secs(5));
    // Until the keypair is replaced, which is work.
    let quiet = deadlines(&mut world, Duration::from_secs(90));
    assert!(quiet <= 5, "{quiet}: its own and that of the flows");
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", ACK));
    let due = world.drain(0).unwrap() - world.now;
    assert!(due <= Duration::from_secs(1), "{due:?}");
}

#[test]
fn another_network_is_told_with_a_handshake_at_once() {
    let mut world = World::pair();
    world.send(0, &tcp("10.0.0.1:4000", "10.0.0.2:443", SYN));
    world.now += Duration::from_secs(1);
    let before = world.link(1, 0).handshakes;
    let now = world.now;
    world.nodes[0].control.handle_network_changed(now);
    world.drain(0);
    assert_eq!(world.link(1, 0).handshakes, before + 1);
    // Whom it never spoke to hears nothing.
    let mut strangers = World::pair();
    let now = strangers.now;
    strangers.nodes[0].control.handle_network_changed(now);
    assert_eq!(strangers.drain(0), None);
    assert_eq!(strangers.link(0, 1).tx_datagram_bytes, 0);
}
