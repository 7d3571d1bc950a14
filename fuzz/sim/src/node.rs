//! One node: an engine on a machine of its own, driven as a thin driver would.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nanami_model::{NetworkMap, PrivateKey, PublicKey};
use nanami_tunnel::engine::{
    Applied, ControlHalf, Datagrams, Engine, Event, Inbound, Link, MapError, Outbound, Output, Packets,
};

use crate::clock::Machine;
use crate::memory;

/// An engine and the machine that it runs on.
#[derive(Debug)]
pub struct Node {
    /// The machine; its clocks are whoever's who moves time.
    pub machine: Machine,
    control: ControlHalf,
    outbound: Outbound,
    inbound: Inbound,
    /// That the engine holds.
    bytes: i64,
}

/// What a node made of one input, in order.
#[derive(Debug, Default)]
pub struct Made {
    /// Datagrams to send, each with where it goes.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// Packets for the host, opened or refused.
    pub packets: Vec<Vec<u8>>,
    /// What it tells its embedder.
    pub events: Vec<Event>,
    /// After how much of the machine's monotonic time it wants to be asked again; `None`: not before the next input.
    pub wait: Option<Duration>,
}

/// How a node is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The map's rules count.
    Filtered,
    /// Plain WireGuard.
    Plain,
}

impl Node {
    /// Starts an engine on a machine.
    pub fn start(mut machine: Machine, key: PrivateKey, seed: [u8; 32], kind: Kind) -> Self {
        let before = memory::bytes();
        let (control, outbound, inbound) = machine.run(|| {
            let engine = Engine::new(Instant::now(), key, seed);
            if kind == Kind::Plain { engine.without_filter() } else { engine }.split()
        });
        Self { machine, control, outbound, inbound, bytes: memory::bytes() - before }
    }

    /// Lets the control half have its way.
    pub fn control(&mut self, work: impl FnOnce(&mut ControlHalf, Instant)) -> Made {
        self.work(|node, now, _| work(&mut node.control, now))
    }

    /// Offers a map, which is newer than the last one.
    pub fn apply(&mut self, map: &NetworkMap) -> Made {
        let (made, taken) = self.offer(map);
        taken.expect("generations rise");
        made
    }

    /// Offers a map, which may be any.
    pub fn offer(&mut self, map: &NetworkMap) -> (Made, Result<Applied, MapError>) {
        let mut taken = None;
        let made = self.control(|control, now| taken = Some(control.apply(now, map)));
        (made, taken.expect("it was offered"))
    }

    /// Does what is due.
    pub fn tick(&mut self) -> Made {
        self.control(|control, now| control.handle_timeout(now))
    }

    /// The host sends a packet.
    pub fn send(&mut self, packet: &[u8]) -> Made {
        self.work(|node, now, made| {
            let (mut datagrams, mut refusals) = (Datagrams::new(), Packets::new());
            node.outbound.seal(now, &Packets::from_iter([packet]), &mut datagrams, &mut refusals);
            made.take(&mut datagrams, &refusals);
        })
    }

    /// A datagram arrives.
    pub fn hear(&mut self, from: SocketAddr, contents: &[u8]) -> Made {
        self.work(|node, now, made| {
            let (mut answers, mut packets) = (Datagrams::new(), Packets::new());
            node.inbound.open(now, &Datagrams::from_iter([(from, contents)]), &mut packets, &mut answers);
            made.take(&mut answers, &packets);
        })
    }

    /// The link to one neighbor.
    pub fn link(&self, key: &PublicKey) -> Option<Link> {
        self.control.link(key)
    }

    /// The control half, to be asked.
    pub fn asked(&self) -> &ControlHalf {
        &self.control
    }

    /// How many bytes of memory the engine holds.
    pub fn bytes(&self) -> i64 {
        self.bytes
    }

    fn work(&mut self, work: impl FnOnce(&mut Self, Instant, &mut Made)) -> Made {
        let mut machine = self.machine;
        let mut made = Made::default();
        let before = memory::bytes();
        machine.run(|| {
            let now = Instant::now();
            work(self, now, &mut made);
            loop {
                match self.control.poll_output() {
                    Output::Transmit(datagram) => {
                        made.datagrams.push((datagram.address(), datagram.contents().to_vec()));
                    }
                    Output::Event(event) => made.events.push(event),
                    Output::Wait(until) => {
                        made.wait = until.map(|until| until.saturating_duration_since(now));
                        break;
                    }
                }
            }
        });
        self.machine = machine;
        self.bytes += memory::bytes() - before - made.bytes();
        made
    }
}

impl Made {
    /// How many bytes of memory this takes beside itself.
    fn bytes(&self) -> i64 {
        let contents = self.datagrams.iter().map(|(_, bytes)| bytes).chain(&self.packets).map(Vec::capacity);
        let lists = self.datagrams.capacity() * size_of::<(SocketAddr, Vec<u8>)>()
            + self.packets.capacity() * size_of::<Vec<u8>>()
            + self.events.capacity() * size_of::<Event>();
        (contents.sum::<usize>() + lists) as i64
    }

    fn take(&mut self, datagrams: &mut Datagrams, packets: &Packets) {
        let datagrams = datagrams.drain().map(|datagram| (datagram.address(), datagram.contents().to_vec()));
        self.datagrams.extend(datagrams);
        self.packets.extend(packets.iter().map(<[u8]>::to_vec));
    }
}
