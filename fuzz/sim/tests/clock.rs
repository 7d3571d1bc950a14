//! What the engine does about clocks that no test could set before: machines that sleep, and wall clocks that go back.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use nanami_model::{Cidr, Epoch, Filter, Generation, Neighbor, NetworkMap, PrivateKey, Service};
use nanami_sim::clock::Machine;
use nanami_sim::memory::bytes;
use nanami_sim::node::{Kind, Made, Node};

/// Two nodes on a wire that loses what it is told to, each on a machine of its own.
struct Pair {
    nodes: [Node; 2],
    /// From whom, and of which kind.
    lose: fn(usize, u8) -> bool,
}

fn private(n: usize) -> PrivateKey {
    PrivateKey::from_bytes([n as u8 + 1; 32])
}

fn at(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8 + 1], 51820))
}

fn map(n: usize) -> NetworkMap {
    let host = |n: usize| format!("10.0.0.{}/32", n + 1).parse::<Cidr>().unwrap();
    let map = NetworkMap::new([host(n).address()]).with_neighbor(Neighbor::new(private(1 - n).public(), [host(1 - n)]));
    map.with_filter(Filter::deny_all().accept(host(1 - n), Service::udp(7)))
}

fn start(n: usize, machine: Machine) -> Node {
    start_as(Kind::Plain, n, machine)
}

fn start_as(kind: Kind, n: usize, machine: Machine) -> Node {
    let mut node = Node::start(machine, private(n), [n as u8; 32], kind);
    node.apply(&map(n));
    node.control(|control, now| control.handle_hints(now, private(1 - n).public(), &[at(1 - n)]));
    node
}

/// A packet from one node to the other.
fn packet(from: usize) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from as u8 + 1, 10, 0, 0, 2 - from as u8];
    packet.extend([0, 9, 0, 7, 0, 8, 0, 0]);
    packet
}

impl Pair {
    fn new() -> Self {
        Self { nodes: [0, 1].map(|n| start(n, Machine::new(Duration::from_secs(1000), n as u64))), lose: |_, _| false }
    }

    /// Time passes for both; whoever sleeps does nothing, and its clock behind `Instant` goes on by falling asleep alone.
    fn pass(&mut self, time: Duration, sleeps: [bool; 2]) {
        let step = Duration::from_secs(1);
        self.nodes.iter_mut().for_each(|node| node.machine.monotonic += Duration::from_millis(1));
        for _ in 0..time.as_secs() {
            for (node, sleeps) in self.nodes.iter_mut().zip(sleeps) {
                node.machine.boot += step;
                node.machine.wall += step;
                node.machine.monotonic += if sleeps { Duration::ZERO } else { step };
            }
            // Both at once: what one sends has not arrived when the other one does what is due.
            let made = [0, 1].map(|n| if sleeps[n] { Made::default() } else { self.nodes[n].tick() });
            made.into_iter().enumerate().for_each(|(n, made)| drop(self.carry(n, made)));
        }
    }

    /// Carries what a node made to the other one and back, until nothing moves. Returns the packets that arrived.
    fn carry(&mut self, from: usize, made: Made) -> Vec<Vec<u8>> {
        let (mut packets, to) = (vec![], 1 - from);
        for (_, datagram) in made.datagrams {
            if (self.lose)(from, datagram[0]) {
                continue;
            }
            let mut heard = self.nodes[to].hear(at(from), &datagram);
            packets.append(&mut heard.packets);
            packets.extend(self.carry(to, heard));
        }
        packets
    }

    fn send(&mut self, from: usize) -> Vec<Vec<u8>> {
        let made = self.nodes[from].send(&packet(from));
        self.carry(from, made)
    }
}

#[test]
fn clocks_and_randomness_are_the_machines_inside_and_libcs_outside() {
    let (before, mut machine) = (Instant::now(), Machine::new(Duration::from_secs(7), 1));
    let read = || (Instant::now(), SystemTime::now());
    let (first, wall) = machine.run(read);
    machine.monotonic += Duration::from_secs(3600);
    machine.wall -= Duration::from_secs(10);
    let (second, earlier) = machine.run(read);
    assert_eq!(second - first, Duration::from_secs(3600));
    assert_eq!(wall.duration_since(earlier).unwrap(), Duration::from_secs(10));
    assert!(before.elapsed() < Duration::from_secs(60));
    let wire = |seed| {
        let mut node = start(0, Machine::new(Duration::from_secs(7), seed));
        node.send(&packet(0)).datagrams
    };
    assert_eq!(wire(5).len(), 1);
    assert_eq!(wire(5), wire(5), "the same seed, the same bytes of a handshake");
    assert_ne!(wire(5), wire(6));
}

/// Fact 4 of docs/boringtun.md: on Linux the clock of `Instant` stands still while a machine sleeps.
#[test]
fn a_keypair_from_before_a_long_sleep_neither_seals_nor_opens() {
    for (sleeper, other) in [(0, 1), (1, 0)] {
        let mut pair = Pair::new();
        assert_eq!(pair.send(0).len(), 1);
        let early = pair.nodes[other].send(&packet(other)).datagrams;
        assert!(early.len() == 1 && early[0].1[0] == 4, "a packet of the keypair, still under way");
        let mut sleeps = [false; 2];
        sleeps[sleeper] = true;
        pair.lose = |_, _| true;
        pair.pass(Duration::from_secs(3600), sleeps);
        pair.lose = |_, _| false;
        let heard = pair.nodes[sleeper].hear(at(other), &early[0].1);
        assert_eq!(heard.packets.len(), 0, "an hour late");
        let sent = pair.nodes[sleeper].send(&packet(sleeper));
        let kinds: Vec<u8> = sent.datagrams.iter().map(|(_, datagram)| datagram[0]).collect();
        assert_eq!(kinds, [1], "an initiation, and nothing under the old keypair");
        assert_eq!(pair.carry(sleeper, sent).len(), 1, "what waited arrives");
    }
}

/// Fact 13, SEC-49: behind boringtun's adapter a handshake has the wall clock's time, whatever was sent before.
#[test]
fn after_a_restart_with_an_earlier_wall_clock_handshakes_wait_until_it_has_caught_up() {
    let mut pair = Pair::new();
    assert_eq!(pair.send(0).len(), 1);
    let mut machine = pair.nodes[0].machine;
    machine.wall -= Duration::from_secs(100);
    pair.nodes[0] = start(0, machine);
    assert_eq!(pair.send(0).len(), 0);
    pair.pass(Duration::from_secs(80), [false; 2]);
    let refused = pair.nodes[1].asked().counters().old_handshake;
    assert!(refused > 10, "node 1 counts what it refuses: {refused}");
    assert_eq!(pair.nodes[0].link(&private(1).public()).unwrap().handshakes, 0);
    pair.pass(Duration::from_secs(21), [false; 2]);
    assert_eq!(pair.send(0).len(), 1, "its clock is past what it was when node 1 last heard it");
}

/// Facts 12 and 13: a wall clock that goes back while a neighbor's state stays does no harm, because boringtun counts on from
/// when the state was made.
#[test]
fn a_wall_clock_that_goes_back_stops_no_rekey() {
    let mut pair = Pair::new();
    assert_eq!(pair.send(0).len(), 1);
    pair.nodes[0].machine.wall -= Duration::from_secs(3600);
    let mut arrived = 0;
    for _ in 0..300 {
        pair.pass(Duration::from_secs(1), [false; 2]);
        arrived += pair.send(0).len();
    }
    let link = pair.nodes[0].link(&private(1).public()).unwrap();
    assert!(link.handshakes >= 3, "{} handshakes", link.handshakes);
    assert_eq!((arrived, pair.nodes[1].asked().counters().old_handshake), (300, 0));
}

/// boringtun takes itself for the responder after the last handshake, also when nobody heard its answer.
#[test]
fn two_handshakes_at_once_whose_answers_are_lost_end_no_keypair() {
    let mut pair = Pair::new();
    assert_eq!(pair.send(0).len(), 1);
    // No data and no answers arrive, so both ends begin another handshake at one moment.
    pair.lose = |_, kind| kind == 4 || kind == 2;
    for _ in 0..17 {
        let made = [0, 1].map(|n| pair.nodes[n].send(&packet(n)));
        made.into_iter().enumerate().for_each(|(n, made)| drop(pair.carry(n, made)));
        pair.pass(Duration::from_secs(1), [false; 2]);
    }
    pair.lose = |_, _| false;
    let handshakes = |pair: &Pair| pair.nodes[0].link(&private(1).public()).unwrap().handshakes;
    assert_eq!(handshakes(&pair), 1, "neither of them was completed");
    for second in 18..300 {
        pair.pass(Duration::from_secs(1), [false; 2]);
        assert_eq!((pair.send(0).len(), pair.send(1).len()), (1, 1), "second {second}");
        assert!(second < 130 || handshakes(&pair) > 1, "the keypair is {second} s old, and no other one replaces it");
    }
}

/// Each side answers the other, hears of its own answer's keypair last, and takes itself for the responder of the one in use.
#[test]
fn two_handshakes_at_once_whose_answers_arrive_end_no_keypair_either() {
    let mut pair = Pair::new();
    for n in [0, 1] {
        let map = map(n);
        let kept = map.neighbors()[0].clone().with_keepalive(Duration::from_secs(25));
        pair.nodes[n].apply(&map.with_neighbor(kept).with_generation(Epoch::default(), Generation::new(1)));
    }
    let mut made = [0, 1].map(|n| pair.nodes[n].send(&packet(n)));
    let mut arrived = 0;
    // Each time everything that is under way arrives, and then what was made of it leaves.
    while made.iter().any(|made| !made.datagrams.is_empty()) {
        let [of_0, of_1] = made.map(|made| made.datagrams);
        made = [(1, of_0), (0, of_1)].map(|(to, datagrams)| {
            let mut answers = Made::default();
            for (_, datagram) in datagrams {
                let heard = pair.nodes[to].hear(at(1 - to), &datagram);
                answers.datagrams.extend(heard.datagrams);
                arrived += heard.packets.len();
            }
            answers
        });
        made.swap(0, 1);
    }
    assert_eq!(arrived, 2);
    let handshakes = |pair: &Pair| pair.nodes[0].link(&private(1).public()).unwrap().handshakes;
    let at_once = handshakes(&pair);
    pair.pass(Duration::from_secs(170), [false; 2]);
    assert!(handshakes(&pair) > at_once, "none replaces the keypair, which is 170 s old");
}

/// A state that is made anew sees the newest initiation again (SEC-45); the keypair that comes of it is nobody's.
#[test]
fn what_an_old_initiation_makes_never_takes_the_place_of_the_keypair_in_use() {
    // boringtun numbers keypairs and attempts together, and keeps eight by number: each distance is tried.
    for attempts in 1..=9 {
        let mut pair = Pair::new();
        assert_eq!(pair.send(0).len(), 1, "node 1 answers an initiation …");
        pair.lose = |_, _| true;
        // boringtun notices a silence only if it began after its last look at the clock.
        pair.pass(Duration::from_secs(1), [false; 2]);
        pair.send(1);
        pair.pass(Duration::from_secs(400), [false; 2]);
        pair.lose = |_, _| false;
        assert_eq!(pair.send(1).len(), 1, "… gives up, and begins a keypair itself");
        pair.lose = |from, _| from == 1;
        pair.pass(Duration::from_secs(1), [false; 2]);
        pair.send(1);
        pair.pass(Duration::from_secs(11 + 5 * attempts), [false; 2]);
        pair.send(0);
        pair.pass(Duration::from_secs(2), [false; 2]);
        pair.lose = |_, _| false;
        assert_eq!(pair.send(1).len(), 1, "after {attempts} attempts and an initiation of node 0");
    }
}

/// Of the 11 KiB that a keypair takes at each end nothing stays when it has ended unused, and the next one is as good.
#[test]
fn what_a_keypair_took_is_given_back_when_it_ends() {
    let mut pair = Pair::new();
    // Batches grow to their working size; the keypair is replaced once, because it was used.
    assert_eq!(pair.send(0).len(), 1);
    pair.pass(Duration::from_secs(400), [false; 2]);
    let asleep = bytes();
    assert_eq!(pair.send(0).len(), 1);
    let awake = bytes();
    assert!(awake - asleep > 2 * 10_000, "{} bytes for both ends", awake - asleep);
    pair.pass(Duration::from_secs(400), [false; 2]);
    let again = bytes();
    assert!((again - asleep).abs() < 2_000, "{} bytes are left", again - asleep);
    assert_eq!(pair.send(1).len(), 1);
}

/// Nothing is asked of a neighbor for nobody: with the filter on, a keypair ends as one of plain WireGuard does.
#[test]
fn who_had_traffic_and_has_none_any_more_sends_nothing_and_wants_no_time() {
    for kind in [Kind::Plain, Kind::Filtered] {
        let mut pair = Pair::new();
        pair.nodes = [0, 1].map(|n| start_as(kind, n, Machine::new(Duration::from_secs(1000), n as u64)));
        let sent =
            |pair: &Pair| [0, 1].map(|n| pair.nodes[n].link(&private(1 - n).public()).unwrap().tx_datagram_bytes);
        let wants = |pair: &mut Pair| [0, 1].map(|n| pair.nodes[n].control(|_, _| {}).wait);
        for _ in 0..30 {
            assert_eq!((pair.send(0).len(), pair.send(1).len()), (1, 1), "{kind:?}");
            pair.pass(Duration::from_secs(1), [false; 2]);
        }
        // Until the keypair ends that replaces the one that was used, and the flows do.
        pair.pass(Duration::from_secs(400), [false; 2]);
        let before = sent(&pair);
        assert_eq!(wants(&mut pair), [None; 2], "{kind:?}");
        pair.pass(Duration::from_secs(1200), [false; 2]);
        assert_eq!((sent(&pair), wants(&mut pair)), (before, [None; 2]), "{kind:?}");
        assert_eq!(pair.send(1).len(), 1, "and the next packet finds its way");
    }
}
