//! What the engine adds to sealing and opening a packet: `cargo bench -p nanami-tunnel --bench engine`.
//!
//! Each case seals a batch of 64 packets at one end and opens it at the other one; `bare_tunn` is boringtun alone, with the
//! same packets. Times differ from run to run on a shared machine, instructions do not: `--count` seals and opens 1,000
//! batches of one case, whose functions callgrind can be told to look at alone:
//!
//! ```text
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*count::rounds*' \
//!     target/release/deps/engine-… --count plain 1
//! ```
#![allow(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519;
use divan::Bencher;
use divan::counter::ItemsCount;
use nanami_model::{Cidr, Filter, Neighbor, NetworkMap, PrivateKey, PublicKey, Service};
use nanami_tunnel::engine::{ControlHalf, Datagrams, Engine, Inbound, Outbound, Output, Packets};

const BATCH: usize = 64;
/// Bytes of a whole inner packet: a usual MTU, and what small UDP packets are.
const SIZES: [usize; 2] = [1420, 92];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().position(|argument| argument == "--count") {
        Some(at) => count::main(&arguments[at + 1..]),
        None => divan::main(),
    }
}

#[divan::bench(args = SIZES)]
fn bare_tunn(bencher: Bencher<'_, '_>, size: usize) {
    let mut pair = Bare::new(size);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| pair.round());
}

/// Cryptokey routing alone, with so many neighbors.
#[divan::bench(args = SIZES, consts = [1, 10_000, 100_000])]
fn plain<const NEIGHBORS: usize>(bencher: Bencher<'_, '_>, size: usize) {
    let mut ends = Ends::new(NEIGHBORS, size, false);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| ends.round());
}

/// With the packet filter, flows and counted use.
#[divan::bench(args = SIZES, consts = [1, 10_000, 100_000])]
fn filtered<const NEIGHBORS: usize>(bencher: Bencher<'_, '_>, size: usize) {
    let mut ends = Ends::new(NEIGHBORS, size, true);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| ends.round());
}

/// A map of so many neighbors, applied to an engine that holds another one.
#[divan::bench(args = [10_000, 100_000], sample_count = 10)]
fn one_neighbor_more(bencher: Bencher<'_, '_>, neighbors: usize) {
    let maps = [0, 1].map(|more| map(1, 2, neighbors + more, false));
    let (mut control, _outbound, _inbound) = engine(1, false);
    let mut generation = maps[0].generation();
    bencher.bench_local(|| {
        for map in &maps {
            generation = generation.next();
            let map = map.clone().with_generation(map.epoch(), generation);
            control.apply(Instant::now(), &map).unwrap();
        }
    });
}

/// For callgrind.
mod count {
    use super::*;

    pub(super) fn main(arguments: &[String]) {
        let (case, neighbors) = (arguments[0].as_str(), arguments.get(1).map_or(1, |text| text.parse().unwrap()));
        for size in SIZES {
            match case {
                "bare" => rounds(&mut Bare::new(size), Bare::round),
                "plain" => rounds(&mut Ends::new(neighbors, size, false), Ends::round),
                "filtered" => rounds(&mut Ends::new(neighbors, size, true), Ends::round),
                _ => panic!("{case}: bare, plain or filtered"),
            }
        }
    }

    #[inline(never)]
    fn rounds<T>(ends: &mut T, round: impl Fn(&mut T)) {
        (0..1000).for_each(|_| round(ends));
    }
}

/// Two ends of boringtun alone.
struct Bare {
    from: Tunn,
    to: Tunn,
    packet: Vec<u8>,
    sealed: Vec<u8>,
    opened: Vec<u8>,
}

impl Bare {
    fn new(size: usize) -> Self {
        let secret = |n: u8| x25519::StaticSecret::from([n; 32]);
        let end = |own: u8, other: u8| {
            Tunn::new(secret(own), x25519::PublicKey::from(&secret(other)), None, None, u32::from(own), None)
        };
        let (mut from, mut to) = (end(1, 2), end(2, 1));
        let [mut a, mut b] = [[0; 65_536], [0; 65_536]];
        let TunnResult::WriteToNetwork(initiation) = from.encapsulate(&[], &mut a) else { panic!("no initiation") };
        let TunnResult::WriteToNetwork(response) = to.decapsulate(None, initiation, &mut b) else {
            panic!("no response")
        };
        let TunnResult::WriteToNetwork(keepalive) = from.decapsulate(None, response, &mut a) else {
            panic!("no keypair")
        };
        to.decapsulate(None, keepalive, &mut b);
        Self { from, to, packet: packet(size), sealed: vec![0; 65_536], opened: vec![0; 65_536] }
    }

    fn round(&mut self) {
        for _ in 0..BATCH {
            let TunnResult::WriteToNetwork(sealed) = self.from.encapsulate(&self.packet, &mut self.sealed) else {
                panic!("not sealed")
            };
            let TunnResult::WriteToTunnelV4(opened, _) = self.to.decapsulate(None, sealed, &mut self.opened) else {
                panic!("not opened")
            };
            assert_eq!(opened.len(), self.packet.len());
        }
    }
}

/// Two engines that have a keypair.
struct Ends {
    outbound: Outbound,
    inbound: Inbound,
    _controls: [ControlHalf; 2],
    packets: Packets,
    sealed: Datagrams,
    arrived: Datagrams,
    opened: Packets,
}

impl Ends {
    fn new(neighbors: usize, size: usize, filter: bool) -> Self {
        let [mut a, mut b] = [(1, 2), (2, 1)].map(|(own, other)| {
            let (mut control, outbound, inbound) = engine(own, filter);
            control.apply(Instant::now(), &map(own, other, neighbors, filter)).unwrap();
            control.handle_hints(Instant::now(), secret(other).public(), &[at(other)]);
            (control, outbound, inbound)
        });
        let (mut there, mut back, mut none) = (Datagrams::new(), Datagrams::new(), Packets::new());
        let packets = Packets::from_iter((0..BATCH).map(|_| packet(size)));
        a.1.seal(Instant::now(), &packets, &mut there, &mut none);
        // Initiation and response, then what confirms the keypair and what waited for it.
        for _ in 0..2 {
            b.2.open(Instant::now(), &carried(1, &mut there), &mut none, &mut back);
            a.2.open(Instant::now(), &carried(2, &mut back), &mut Packets::new(), &mut there);
        }
        for control in [&mut a.0, &mut b.0] {
            while !matches!(control.poll_output(), Output::Wait(_)) {}
        }
        let (sealed, arrived) = (Datagrams::new(), Datagrams::new());
        let (outbound, inbound, opened) = (a.1, b.2, Packets::new());
        Self { outbound, inbound, _controls: [a.0, b.0], packets, sealed, arrived, opened }
    }

    fn round(&mut self) {
        let now = Instant::now();
        self.outbound.seal(now, &self.packets, &mut self.sealed, &mut self.opened);
        for datagram in self.sealed.drain() {
            self.arrived.push(at(1), datagram.contents());
        }
        self.inbound.open(now, &self.arrived, &mut self.opened, &mut self.sealed);
        assert_eq!(self.opened.len(), BATCH);
        self.arrived.clear();
        self.opened.clear();
    }
}

fn carried(from: u8, datagrams: &mut Datagrams) -> Datagrams {
    datagrams.drain().map(|datagram| (at(from), datagram.contents().to_vec())).collect()
}

fn secret(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32])
}

fn at(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 51820))
}

fn host(n: u8) -> Cidr {
    Cidr::host(Ipv4Addr::new(10, 0, 0, n).into())
}

fn engine(n: u8, filter: bool) -> (ControlHalf, Outbound, Inbound) {
    let engine = Engine::new(Instant::now(), secret(n), [n; 32]);
    if filter { engine } else { engine.without_filter() }.split()
}

/// The other end and strangers, each with an address of its own, and a rule that lets each of them in.
fn map(own: u8, other: u8, neighbors: usize, filter: bool) -> NetworkMap {
    let other = Neighbor::new(secret(other).public(), [host(other)]);
    let strangers = (1..neighbors as u32).map(|n| {
        let mut key = [9; 32];
        key[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
        let ip = Ipv4Addr::from_bits(0x0a01_0000 + n);
        Neighbor::new(PublicKey::from_bytes(key).unwrap(), [Cidr::host(ip.into())])
    });
    let map = NetworkMap::new([host(own).address()]).with_neighbors(strangers.chain([other]));
    if !filter {
        return map;
    }
    let sources = map.neighbors().iter().flat_map(|neighbor| neighbor.allowed_ips().to_vec());
    let rules = sources.fold(Filter::deny_all(), |rules, source| rules.accept(source, Service::udp(7)));
    map.with_filter(rules)
}

/// A UDP packet of this size from 10.0.0.1 to 10.0.0.2, port 7.
fn packet(size: usize) -> Vec<u8> {
    let mut packet = vec![0u8; size];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(size as u16).to_be_bytes());
    packet[8..10].copy_from_slice(&[64, 17]);
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[20..24].copy_from_slice(&[0x12, 0x34, 0, 7]);
    packet[24..26].copy_from_slice(&(size as u16 - 20).to_be_bytes());
    packet
}
