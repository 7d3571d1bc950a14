//! Engines in memory: every test is a small network whose time is a variable.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nanami_model::{Cidr, Filter, Generation, Neighbor, NetworkMap, PrivateKey, PublicKey, Service};

use super::packet::tests::{ACK, SYN, tcp, udp};
use super::packet::{Icmp, Inner, Transport};
use super::*;

/// A few engines on one wire without loss. boringtun's own clock still runs by itself.
struct World {
    now: Instant,
    nodes: Vec<Node>,
}

struct Node {
    control: ControlHalf,
    outbound: Outbound,
    inbound: Inbound,
    received: Vec<Vec<u8>>,
    refused: Vec<Vec<u8>>,
    events: Vec<Event>,
    dead: bool,
}

fn private(n: usize) -> PrivateKey {
    PrivateKey::from_bytes([n as u8 + 1; 32])
}

fn key(n: usize) -> PublicKey {
    private(n).public()
}

fn at(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8 + 1], 51820))
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// 10.0.0.N+1 and fd00::N+1, with the addresses of node N as its own.
fn map_of(n: usize) -> NetworkMap {
    NetworkMap::new([format!("10.0.0.{}", n + 1), format!("fd00::{}", n + 1)].map(|ip| ip.parse().unwrap()))
}

fn neighbor(n: usize) -> Neighbor {
    Neighbor::new(key(n), [cidr(&format!("10.0.0.{}/32", n + 1)), cidr(&format!("fd00::{}/128", n + 1))])
}

fn web() -> Filter {
    Filter::deny_all().accept(cidr("10.0.0.0/24"), Service::tcp(443)).accept(cidr("fd00::/64"), Service::tcp(443))
}

impl World {
    fn new(maps: impl IntoIterator<Item = NetworkMap>) -> Self {
        let now = Instant::now();
        let nodes = maps.into_iter().enumerate().map(|(n, map)| Node::new(now, n, &map)).collect();
        Self { now, nodes }
    }

    /// Two nodes that know each other, of which node 1 offers tcp/443.
    fn pair() -> Self {
        Self::new([map_of(0).with_neighbor(neighbor(1)), map_of(1).with_neighbor(neighbor(0)).with_filter(web())])
    }

    fn send(&mut self, from: usize, packet: &[u8]) {
        let (node, now) = (&mut self.nodes[from], self.now);
        let (mut datagrams, mut refusals) = (Datagrams::new(), Packets::new());
        node.outbound.seal(now, &Packets::from_iter([packet]), &mut datagrams, &mut refusals);
        node.refused.extend(refusals.iter().map(<[u8]>::to_vec));
        self.carry(from, datagrams);
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let mut due = end;
            for n in 0..self.nodes.len() {
                if let Some(at) = self.drain(n) {
                    due = due.min(at);
                }
            }
            self.now = self.now.max(due);
            for n in 0..self.nodes.len() {
                let now = self.now;
                if !self.nodes[n].dead {
                    self.nodes[n].control.handle_timeout(now);
                }
            }
            if due >= end {
                for n in 0..self.nodes.len() {
                    self.drain(n);
                }
                return;
            }
        }
    }

    fn drain(&mut self, n: usize) -> Option<Instant> {
        loop {
            match self.nodes[n].control.poll_output() {
                Output::Transmit(datagram) => {
                    let datagrams = Datagrams::from_iter([(datagram.address(), datagram.contents())]);
                    self.carry(n, datagrams);
                }
                Output::Event(event) => self.nodes[n].events.push(event),
                Output::Wait(until) => return until.filter(|_| !self.nodes[n].dead),
            }
        }
    }

    fn carry(&mut self, from: usize, mut datagrams: Datagrams) {
        for datagram in datagrams.drain() {
            self.deliver(from, datagram.address(), datagram.contents());
        }
    }

    fn deliver(&mut self, from: usize, to: SocketAddr, contents: &[u8]) {
        let Some(to) = (0..self.nodes.len()).find(|n| at(*n) == to) else { return };
        if self.nodes[from].dead || self.nodes[to].dead {
            return;
        }
        let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
        let datagrams = Datagrams::from_iter([(at(from), contents)]);
        self.nodes[to].inbound.open(self.now, &datagrams, &mut packets, &mut answers);
        self.nodes[to].received.extend(packets.iter().map(<[u8]>::to_vec));
        self.carry(to, answers);
    }

    fn received(&mut self, n: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.nodes[n].received)
    }

    fn counters(&self, n: usize) -> Counters {
        self.nodes[n].control.counters()
    }

    fn link(&self, from: usize, to: usize) -> Link {
        self.nodes[from].control.links().find(|link| link.peer == key(to)).unwrap()
    }
}

impl Node {
    fn new(now: Instant, n: usize, map: &NetworkMap) -> Self {
        Self::of(now, Engine::new(now, private(n), [n as u8; 32]), map)
    }

    fn of(now: Instant, engine: Engine, map: &NetworkMap) -> Self {
        let (mut control, outbound, inbound) = engine.split();
        control.apply(now, map).unwrap();
        for neighbor in map.neighbors() {
            let hint = (0..16).find(|other| key(*other) == neighbor.key()).map(at);
            control.handle_hints(now, neighbor.key(), hint.as_slice());
        }
        Self { control, outbound, inbound, received: vec![], refused: vec![], events: vec![], dead: false }
    }
}

mod basics;
mod boringtun;
mod gateways;
mod hostile;
mod idle;
mod live;
mod loops;
