//! The engine as a driver uses it: its packet halves on threads of their own, and what they allocate.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "common/counting.rs"]
mod counting;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::Instant;

use counting::{Counting, allocations, bytes};
use nanami_model::{Cidr, Filter, Neighbor, NetworkMap, PrivateKey, PublicKey, Service};
use nanami_tunnel::engine::{ControlHalf, Datagrams, Engine, Inbound, Outbound, Output, Packets};

#[global_allocator]
static COUNTING: Counting = Counting;

type Parts = (ControlHalf, Outbound, Inbound);

fn at(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 51820))
}

/// Two ends that have a keypair, of which the second one offers udp/7.
fn ends(filter: bool) -> (Parts, Parts) {
    let now = Instant::now();
    let key = |n: u8| PrivateKey::from_bytes([n; 32]);
    let host = |n: u8| format!("10.0.0.{n}/32").parse::<Cidr>().unwrap();
    let end = |n: u8, other: u8| {
        let map = NetworkMap::new([host(n).address()])
            .with_neighbor(Neighbor::new(key(other).public(), [host(other)]))
            .with_filter(Filter::deny_all().accept(host(other), Service::udp(7)));
        let engine = Engine::new(now, key(n), [n; 32]);
        let (mut control, outbound, inbound) = if filter { engine } else { engine.without_filter() }.split();
        control.apply(now, &map).unwrap();
        control.handle_hints(now, key(other).public(), &[at(other)]);
        (control, outbound, inbound)
    };
    let (mut a, mut b) = (end(1, 2), end(2, 1));
    let (mut out, mut packets) = (Datagrams::new(), Packets::new());
    a.1.seal(now, &Packets::from_iter([packet(0)]), &mut out, &mut Packets::new());
    // Initiation, response, and the keepalive and packet that confirm it.
    for _ in 0..2 {
        let mut back = Datagrams::new();
        b.2.open(now, &from(1, &mut out), &mut packets, &mut back);
        a.2.open(now, &from(2, &mut back), &mut Packets::new(), &mut out);
    }
    b.2.open(now, &from(1, &mut out), &mut packets, &mut Datagrams::new());
    assert_eq!(packets.len(), 1, "the first packet arrived");
    for control in [&mut a.0, &mut b.0] {
        while !matches!(control.poll_output(), Output::Wait(_)) {}
    }
    (a, b)
}

/// The same datagrams, as they arrive from node `n`.
fn from(n: u8, datagrams: &mut Datagrams) -> Datagrams {
    datagrams.drain().map(|datagram| (at(n), datagram.contents().to_vec())).collect()
}

/// A UDP packet from 10.0.0.1 to 10.0.0.2, port 7, that carries this number.
fn packet(n: u32) -> Vec<u8> {
    let mut packet = vec![0u8; 20 + 8 + 1000];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&1028u16.to_be_bytes());
    packet[8..10].copy_from_slice(&[64, 17]);
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[20..24].copy_from_slice(&[0x12, 0x34, 0, 7]);
    packet[24..26].copy_from_slice(&1008u16.to_be_bytes());
    packet[28..32].copy_from_slice(&n.to_be_bytes());
    packet
}

#[test]
fn packet_calls_allocate_nothing_in_steady_state() {
    for filter in [true, false] {
        let ((_, mut outbound, _), (_, _, mut inbound)) = ends(filter);
        let sent = Packets::from_iter((1..33).map(packet));
        let (mut out, mut arrived, mut packets) = (Datagrams::new(), Datagrams::new(), Packets::new());
        let (mut refusals, mut answers) = (Packets::new(), Datagrams::new());
        let mut round = || {
            let now = Instant::now();
            outbound.seal(now, &sent, &mut out, &mut refusals);
            for datagram in out.drain() {
                arrived.push(at(1), datagram.contents());
            }
            inbound.open(now, &arrived, &mut packets, &mut answers);
            arrived.clear();
            let count = packets.len();
            packets.clear();
            count
        };
        // Batches and scratch grow to their working size.
        assert_eq!(round(), 32);
        let before = allocations();
        drop(std::hint::black_box(vec![0u8; 9]));
        assert_eq!(allocations() - before, 1, "it counts");
        let before = allocations();
        for _ in 0..100 {
            assert_eq!(round(), 32);
        }
        assert_eq!(allocations() - before, 0, "with filter: {filter}");
    }
}

/// Two threads seal and open at the same time, in both directions; what arrives is what arrives in turn, in order.
#[test]
fn packet_halves_on_two_threads_give_the_same_result_as_in_turn() {
    const COUNT: u32 = 2_000;
    let ((_, mut a_out, mut a_in), (_, mut b_out, mut b_in)) = ends(false);
    let back = |n: u32| {
        let mut packet = packet(n);
        packet[12..20].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
        packet
    };
    let (to_b, b_gets) = mpsc::channel::<Vec<u8>>();
    let (to_a, a_gets) = mpsc::channel::<Vec<u8>>();
    let seal = |outbound: &mut Outbound, to: mpsc::Sender<Vec<u8>>, packet: &dyn Fn(u32) -> Vec<u8>| {
        let mut out = Datagrams::new();
        for n in 0..COUNT {
            outbound.seal(Instant::now(), &Packets::from_iter([packet(n)]), &mut out, &mut Packets::new());
            out.drain().for_each(|datagram| to.send(datagram.contents().to_vec()).unwrap());
        }
    };
    let open = |inbound: &mut Inbound, gets: mpsc::Receiver<Vec<u8>>, from: u8| {
        let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
        for contents in gets {
            let arrived = Datagrams::from_iter([(at(from), contents)]);
            inbound.open(Instant::now(), &arrived, &mut packets, &mut answers);
        }
        packets.iter().map(|packet| u32::from_be_bytes(packet[28..32].try_into().unwrap())).collect::<Vec<_>>()
    };
    let (at_a, at_b) = std::thread::scope(|scope| {
        scope.spawn(move || seal(&mut a_out, to_b, &packet));
        scope.spawn(move || seal(&mut b_out, to_a, &back));
        let at_a = scope.spawn(move || open(&mut a_in, a_gets, 2));
        let at_b = scope.spawn(move || open(&mut b_in, b_gets, 1));
        (at_a.join().unwrap(), at_b.join().unwrap())
    });
    let all: Vec<u32> = (0..COUNT).collect();
    assert!(at_a == all && at_b == all, "{} and {} of {COUNT} arrived in order", at_a.len(), at_b.len());
}

#[test]
fn a_neighbor_that_never_speaks_takes_little_memory_and_no_timer() {
    const NEIGHBORS: u32 = 2000;
    let (now, before) = (Instant::now(), bytes());
    let neighbors = (0..NEIGHBORS).map(|n| {
        let mut key = [9; 32];
        key[..4].copy_from_slice(&n.to_be_bytes());
        Neighbor::new(PublicKey::from_bytes(key).unwrap(), [Cidr::host(Ipv4Addr::from_bits(0x0a00_0000 + n).into())])
    });
    let map = NetworkMap::default().with_neighbors(neighbors);
    let (mut control, _outbound, _inbound) =
        Engine::new(now, PrivateKey::from_bytes([1; 32]), [1; 32]).without_filter().split();
    control.apply(now, &map).unwrap();
    for neighbor in map.neighbors() {
        control.handle_endpoint(now, neighbor.key(), at(1));
    }
    drop(map);
    assert!(matches!(control.poll_output(), Output::Wait(None)));
    let each = (bytes() - before) / i64::from(NEIGHBORS);
    assert!(each < 512, "{each} bytes for each neighbor");
}
