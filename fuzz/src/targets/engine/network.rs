//! The engine and its neighbors, driven to rest after each operation.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nanami_model::{
    Cidr, Epoch, Filter, Generation, Neighbor, NetworkMap, PresharedKey, PrivateKey, PublicKey, Service,
};
use nanami_tunnel::engine::{ControlHalf, Counters, Datagrams, Engine, Inbound, Outbound, Output, Packets};

use super::reference::Reference;
use super::{NEIGHBORS, OWN, PREFIXES, SOURCES};

/// One engine.
struct End {
    control: ControlHalf,
    outbound: Outbound,
    inbound: Inbound,
    packets: Vec<Vec<u8>>,
}

/// The engine, which is the last end, and its neighbors.
pub(super) struct Network {
    now: Instant,
    until: Instant,
    ends: Vec<End>,
    generation: u64,
    secrets: u8,
    /// Which private key the engine has.
    key: u8,
    /// The last transport datagram to the engine.
    last: Option<Vec<u8>>,
}

const ENGINE: usize = NEIGHBORS;

impl Network {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let end = |n: usize| {
            let engine = Engine::new(now, private(n as u8), [n as u8; 32]);
            let (control, outbound, inbound) = if n == ENGINE { engine } else { engine.without_filter() }.split();
            End { control, outbound, inbound, packets: vec![] }
        };
        let ends = (0..=ENGINE).map(end).collect();
        let mut network =
            Self { now, until: now + UDP_IDLE, ends, generation: 0, secrets: 0, key: ENGINE as u8, last: None };
        network.introduce();
        network
    }

    /// Tells the engine what the reference holds.
    pub(super) fn tell(&mut self, reference: &mut Reference) {
        self.generation += 1;
        let mut map = NetworkMap::new([OWN]).with_generation(Epoch::default(), Generation::new(self.generation));
        for n in (0..NEIGHBORS).filter(|n| reference.present[*n]) {
            let owned = PREFIXES.iter().zip(&reference.owners).filter(|(_, owner)| **owner == Some(n));
            map = map.with_neighbor(Neighbor::new(public(n as u8), owned.map(|(prefix, _)| cidr(prefix))));
        }
        let mut filter = Filter::deny_all();
        for (source, ports) in SOURCES.iter().zip(&reference.accepts) {
            for port in (1..=2).zip(ports).filter(|(_, accepts)| **accepts).map(|(port, _)| port) {
                filter = filter.accept(Cidr::host((*source).into()), Service::udp(port));
            }
        }
        let now = self.now;
        self.ends[ENGINE].control.apply(now, &map.with_filter(filter)).expect("generations rise");
        reference.told();
        self.settle();
    }

    /// Both ends of a pair get a new secret, the same one.
    pub(super) fn share(&mut self, reference: &mut Reference, n: usize) {
        let secret = self.secret();
        self.set_secret(n, public(self.key), secret.clone());
        self.set_secret(ENGINE, public(n as u8), secret);
        reference.is_strange[n] = false;
        reference.secrets[n] += 1;
        self.settle();
    }

    /// The two ends of a pair get different secrets.
    pub(super) fn estrange(&mut self, reference: &mut Reference, n: usize) {
        let (one, other) = (self.secret(), self.secret());
        self.set_secret(n, public(self.key), one);
        self.set_secret(ENGINE, public(n as u8), other);
        reference.is_strange[n] = true;
        reference.secrets[n] += 1;
        self.settle();
    }

    /// The engine has another private key, and its neighbors know it.
    pub(super) fn rekey(&mut self, reference: &mut Reference) {
        self.key = self.key.wrapping_add(1).max(ENGINE as u8);
        let now = self.now;
        self.ends[ENGINE].control.handle_private_key(now, &private(self.key));
        self.introduce();
        reference.secrets.iter_mut().for_each(|secret| *secret += 1);
        for n in (0..NEIGHBORS).filter(|n| !reference.is_strange[*n]) {
            let secret = self.secret();
            self.set_secret(n, public(self.key), secret.clone());
            self.set_secret(ENGINE, public(n as u8), secret);
        }
        self.settle();
    }

    /// Time passes, but never so much that a flow is forgotten.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now = (self.now + time).min(self.until);
        self.settle();
    }

    /// Bytes of nobody, and a datagram that was changed on its way: silence.
    pub(super) fn stranger(&mut self, operation: &[u8], noise: &[u8]) {
        let mut changed = self.last.clone().unwrap_or_default();
        if let Some(byte) = changed.get_mut(usize::from(operation[1])) {
            *byte ^= operation[2] | 1;
        }
        for contents in [noise, &changed] {
            let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
            let datagrams = Datagrams::from_iter([(SocketAddr::from(([198, 51, 100, 9], 9)), contents)]);
            self.ends[ENGINE].inbound.open(self.now, &datagrams, &mut packets, &mut answers);
            assert!(packets.is_empty() && answers.is_empty(), "a stranger is heard");
        }
        self.settle();
    }

    /// The engine's host sends a packet; whether it is refused at once.
    pub(super) fn send_out(&mut self, packet: &[u8]) -> bool {
        self.send(ENGINE, packet)
    }

    pub(super) fn send_in(&mut self, from: usize, packet: &[u8]) {
        self.send(from, packet);
    }

    /// What came out at the engine's host since this was last asked.
    pub(super) fn delivered(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.ends[ENGINE].packets)
    }

    /// UDP packets that came out at a neighbor's host since this was last asked.
    pub(super) fn arrived(&mut self, n: usize) -> Vec<Vec<u8>> {
        let packets = std::mem::take(&mut self.ends[n].packets);
        packets.into_iter().filter(|packet| packet[9] == 17).collect()
    }

    pub(super) fn counters(&self) -> Counters {
        self.ends[ENGINE].control.counters()
    }

    fn send(&mut self, from: usize, packet: &[u8]) -> bool {
        let (mut datagrams, mut refusals) = (Datagrams::new(), Packets::new());
        self.ends[from].outbound.seal(self.now, &Packets::from_iter([packet]), &mut datagrams, &mut refusals);
        self.carry(from, datagrams);
        self.settle();
        !refusals.is_empty()
    }

    /// Lets everybody do what is due, until nothing moves.
    pub(super) fn settle(&mut self) {
        let mut moves = true;
        while std::mem::take(&mut moves) {
            for n in (0..=ENGINE).rev() {
                let now = self.now;
                self.ends[n].control.handle_timeout(now);
                let mut datagrams = Datagrams::new();
                loop {
                    match self.ends[n].control.poll_output() {
                        Output::Transmit(datagram) => datagrams.push(datagram.address(), datagram.contents()),
                        Output::Event(_) => {}
                        Output::Wait(_) => break,
                    }
                }
                moves |= !datagrams.is_empty();
                self.carry(n, datagrams);
            }
        }
    }

    fn carry(&mut self, from: usize, mut datagrams: Datagrams) {
        for datagram in datagrams.drain() {
            let Some(to) = (0..=ENGINE).find(|n| at(*n) == datagram.address()) else { continue };
            if to == ENGINE && datagram.contents()[0] == 4 {
                self.last = Some(datagram.contents().to_vec());
            }
            let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
            let arrives = Datagrams::from_iter([(at(from), datagram.contents())]);
            self.ends[to].inbound.open(self.now, &arrives, &mut packets, &mut answers);
            self.ends[to].packets.extend(packets.iter().map(<[u8]>::to_vec));
            self.carry(to, answers);
        }
    }

    /// Every neighbor knows the engine under its key of now, and where it is; and the other way round.
    fn introduce(&mut self) {
        self.generation += 1;
        let (now, own) = (self.now, public(self.key));
        for n in 0..NEIGHBORS {
            let engine = Neighbor::new(own, [cidr("0.0.0.0/0")]);
            let map = NetworkMap::default().with_generation(Epoch::default(), Generation::new(self.generation));
            let control = &mut self.ends[n].control;
            control.apply(now, &map.with_neighbor(engine)).expect("generations rise");
            control.handle_hints(now, own, &[at(ENGINE)]);
            self.ends[ENGINE].control.handle_hints(now, public(n as u8), &[at(n)]);
        }
    }

    fn secret(&mut self) -> Option<PresharedKey> {
        self.secrets += 1;
        PresharedKey::from_bytes([self.secrets; 32]).ok()
    }

    fn set_secret(&mut self, at: usize, with: PublicKey, secret: Option<PresharedKey>) {
        let now = self.now;
        self.ends[at].control.handle_preshared_keys(now, [(with, secret)]);
    }
}

fn private(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n + 1; 32])
}

fn public(n: u8) -> PublicKey {
    private(n).public()
}

fn at(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8 + 1], 51820))
}

fn cidr(text: &str) -> Cidr {
    text.parse().expect("the constants are ranges")
}

/// A flow of UDP that is quiet for so long is forgotten: RFC 4787.
const UDP_IDLE: Duration = Duration::from_secs(300);
