//! What the tunnel's targets stand on: an engine that knows one neighbor, and that neighbor, who holds its key and sends
//! what it likes.

use std::net::SocketAddr;
use std::time::Instant;

use boringtun::noise::{Tunn, TunnResult};
use nanami_model::{Cidr, Filter, ForwardRule, Neighbor, NetworkMap, PrivateKey, Service, Services};
use nanami_tunnel::engine::{ControlHalf, Datagrams, Engine, Inbound, Packets};

/// Addresses that the neighbor may send from.
pub(super) const NEIGHBOR: [&str; 2] = ["10.42.0.1/32", "fd42::1/128"];
/// Addresses that the engine delivers to: its own, and those behind it.
pub(super) const HERE: [&str; 3] = ["10.42.0.2/32", "fd42::2/128", "10.60.0.0/16"];

/// Room for any datagram, and for what boringtun adds.
const ROOM: usize = (1 << 16) + 64;

/// One engine and its neighbor, with a session between them.
pub(super) struct World {
    now: Instant,
    /// Held, because the halves of an engine live together; nobody asks it anything.
    _control: ControlHalf,
    inbound: Inbound,
    neighbor: Tunn,
}

/// What came out of the engine for one datagram.
pub(super) struct Heard {
    pub(super) packets: Packets,
    pub(super) answers: Datagrams,
}

impl World {
    /// An engine and its neighbor after their handshake.
    pub(super) fn new() -> Self {
        let (own, theirs) = (PrivateKey::from_bytes([1; 32]), PrivateKey::from_bytes([2; 32]));
        let neighbor = Tunn::new((*theirs.expose()).into(), (*own.public().as_bytes()).into(), None, None, 7, None);
        let now = Instant::now();
        let map = map(Neighbor::new(theirs.public(), NEIGHBOR.map(cidr)));
        let (mut control, _, inbound) = Engine::new(now, own, [3; 32]).split();
        control.apply(now, &map).expect("the map is valid");
        let mut world = Self { now, _control: control, inbound, neighbor };
        world.shake_hands();
        world
    }

    /// Where the neighbor is.
    pub(super) fn address() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 2], 51820))
    }

    /// A handshake initiation of the neighbor, not sent yet.
    pub(super) fn initiation(&mut self) -> Vec<u8> {
        let mut room = vec![0; ROOM];
        match self.neighbor.format_handshake_initiation(&mut room, true) {
            TunnResult::WriteToNetwork(bytes) => bytes.to_vec(),
            _ => unreachable!("a forced initiation is written"),
        }
    }

    /// An inner packet as the neighbor would seal it, not sent yet.
    pub(super) fn sealed(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut room = vec![0; ROOM];
        match self.neighbor.encapsulate(packet, &mut room) {
            TunnResult::WriteToNetwork(bytes) => bytes.to_vec(),
            _ => unreachable!("there is a session"),
        }
    }

    /// The engine hears a datagram from anywhere.
    pub(super) fn hear(&mut self, from: SocketAddr, datagram: &[u8]) -> Heard {
        let (mut packets, mut answers) = (Packets::new(), Datagrams::new());
        let datagrams = Datagrams::from_iter([(from, datagram)]);
        self.inbound.open(self.now, &datagrams, &mut packets, &mut answers);
        Heard { packets, answers }
    }

    /// Whether an honest packet still comes through.
    pub(super) fn still_carries(&mut self) -> bool {
        let honest = honest_packet();
        let datagram = self.sealed(&honest);
        let heard = self.hear(Self::address(), &datagram);
        heard.packets.iter().any(|packet| packet == honest)
    }

    fn shake_hands(&mut self) {
        let initiation = self.initiation();
        let mut heard = self.hear(Self::address(), &initiation);
        let mut room = vec![0; ROOM];
        for answer in heard.answers.drain() {
            if let TunnResult::WriteToNetwork(keepalive) = self.neighbor.decapsulate(None, answer.contents(), &mut room)
            {
                let keepalive = keepalive.to_vec();
                self.hear(Self::address(), &keepalive);
            }
        }
        assert!(self.still_carries(), "the world of this target does not work");
    }
}

/// A TCP SYN of the neighbor to port 443 here: it passes.
pub(super) fn honest_packet() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 42, 0, 1, 10, 42, 0, 2];
    let sum = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend([0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
    packet
}

pub(super) fn cidr(text: &str) -> Cidr {
    text.parse().expect("the constants are ranges")
}

fn map(neighbor: Neighbor) -> NetworkMap {
    let web = Services::new([Service::tcp(443)]).expect("one is not none");
    let forward = ForwardRule { from: cidr(NEIGHBOR[0]), to: cidr(HERE[2]), services: web, policy: None };
    let addresses = ["10.42.0.2", "fd42::2"].map(|address| address.parse().expect("the constants are addresses"));
    NetworkMap::new(addresses)
        .with_neighbor(neighbor)
        .with_filter(
            Filter::deny_all()
                .accept(cidr("10.42.0.0/16"), Service::tcp(443))
                .accept(cidr("fd42::/48"), Service::tcp(443)),
        )
        .with_forward(forward)
}
