//! A rogue peer against an engine in memory. `interop` runs the same attacks against `nanami-wg`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod attacks;
mod noise;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use attacks::Victim;
use nanami_model::{Neighbor, NetworkMap, PrivateKey, PublicKey};
use nanami_tunnel::engine::{ControlHalf, Datagrams, Engine, Inbound, Outbound, Output, Packets};

const USUAL: ([u8; 4], u16) = ([192, 0, 2, 2], 51820);
const ELSEWHERE: ([u8; 4], u16) = ([192, 0, 2, 66], 51820);

struct InMemory {
    now: Instant,
    control: ControlHalf,
    outbound: Outbound,
    inbound: Inbound,
    rogue: PublicKey,
    answers: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
}

impl InMemory {
    fn receive(&mut self, from: SocketAddr, datagram: &[u8]) {
        let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
        let datagrams = Datagrams::from_iter([(from, datagram)]);
        self.inbound.open(self.now, &datagrams, &mut packets, &mut answers);
        self.packets.extend(packets.iter().map(<[u8]>::to_vec));
        for answer in answers.drain() {
            assert_eq!(answer.address(), from);
            self.answers.push(answer.contents().to_vec());
        }
    }
}

impl Victim for InMemory {
    fn send(&mut self, datagram: &[u8]) {
        self.receive(USUAL.into(), datagram);
    }

    fn send_from_elsewhere(&mut self, datagram: &[u8]) {
        self.receive(ELSEWHERE.into(), datagram);
    }

    fn heard(&mut self, _: usize, _: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        (std::mem::take(&mut self.answers), std::mem::take(&mut self.packets))
    }

    fn initiation(&mut self) -> Vec<u8> {
        self.control.handle_down(self.now);
        self.control.handle_up(self.now);
        let mut packet = attacks::packet(0);
        (12..16).for_each(|n| packet.swap(n, n + 4));
        let mut datagrams = Datagrams::new();
        self.outbound.seal(self.now, &Packets::from_iter([packet]), &mut datagrams, &mut Packets::new());
        let initiation = datagrams.drain().next().unwrap();
        assert_eq!((initiation.address(), initiation.contents().len()), (USUAL.into(), 148));
        initiation.contents().to_vec()
    }

    fn another_initiation(&mut self) -> Vec<u8> {
        // It asks again when its caller does, a second later.
        self.now += Duration::from_secs(1);
        self.control.handle_probe(self.now, self.rogue);
        let Output::Transmit(initiation) = self.control.poll_output() else { panic!("no initiation") };
        assert_eq!((initiation.address(), initiation.contents().len()), (USUAL.into(), 148));
        initiation.contents().to_vec()
    }
}

#[test]
fn a_rogue_peer_with_a_valid_key_does_no_harm() {
    let now = Instant::now();
    let [victim, rogue] = [[21; 32], [22; 32]].map(PrivateKey::from_bytes);
    let (public, private) = (*victim.public().as_bytes(), *rogue.expose());
    let (mut control, outbound, inbound) = Engine::new(now, victim, [1; 32]).without_filter().split();
    let neighbor = Neighbor::new(rogue.public(), ["10.78.0.2/32".parse().unwrap()]);
    control.apply(now, &NetworkMap::default().with_neighbor(neighbor)).unwrap();
    control.handle_endpoint(now, rogue.public(), USUAL.into());
    let rogue = rogue.public();
    let mut victim = InMemory { now, control, outbound, inbound, rogue, answers: vec![], packets: vec![] };
    attacks::all(&mut victim, public, private);
}
