//! A gateway's foot on a segment: between the tunnel and the wire, with the gateway's own sockets beside.
//!
//! **Invariant**: nothing is filtered here. What may pass is the engine's to say, in both directions, before this sees it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use nanami_model::Cidr;

use super::{Mac, Port, Segment, arp};
use crate::interface::{HostPipe, Interface, Pipe, pipe};
use crate::netstack::{Medium, Netstack, on_pipe};

/// Packets that wait for an answer to "who has this address" (chosen; RFC 1122 section 2.3.2.2 asks for one at least).
const MAX_WAITING: usize = 64;
/// Addresses whose place is remembered (chosen).
const MAX_NEIGHBORS: usize = 65_536;

pub(super) fn gateway(segment: &Segment, address: Ipv4Addr, network: Cidr) -> (Netstack, Interface) {
    let (tunnel_side, tunnel) = pipe();
    let (socket_side, sockets) = pipe();
    let (netstack, run) = on_pipe(Medium::Ip, socket_side);
    let router =
        Router { address, network, port: segment.port(), neighbors: BTreeMap::new(), waiting: VecDeque::new() };
    let both = async move {
        tokio::select! {
            () = run => {}
            () = router.run(tunnel_side, sockets) => {}
        }
    };
    let inside = netstack.inside();
    (netstack, Interface::queued(tunnel, Some(Box::pin(both)), inside))
}

struct Router {
    address: Ipv4Addr,
    network: Cidr,
    port: Port,
    neighbors: BTreeMap<Ipv4Addr, Mac>,
    waiting: VecDeque<(Ipv4Addr, Vec<u8>)>,
}

impl Router {
    async fn run(mut self, mut tunnel: HostPipe, mut sockets: Pipe) {
        let mut own = tunnel.addresses.borrow_and_update().clone();
        sockets.addresses.send_replace(own.clone());
        loop {
            tokio::select! {
                packet = tunnel.receive.recv() => {
                    let Some(packet) = packet else { return };
                    match arp::ends(&packet) {
                        Some((_, to)) if self.network.contains(IpAddr::V4(to)) && !own.contains(&IpAddr::V4(to)) => {
                            self.out(to, packet);
                        }
                        _ => _ = sockets.to_host.try_send(packet),
                    }
                }
                packet = sockets.from_host.recv() => {
                    let Some(packet) = packet else { return };
                    if tunnel.send.send(packet).await.is_err() {
                        return;
                    }
                }
                frame = self.port.receive.recv() => {
                    let Some(frame) = frame else { return };
                    if let Some(packet) = self.take(&frame)
                        && tunnel.send.send(packet).await.is_err()
                    {
                        return;
                    }
                }
                changed = tunnel.addresses.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    own = tunnel.addresses.borrow_and_update().clone();
                    sockets.addresses.send_replace(own.clone());
                }
            }
        }
    }

    /// Sends a packet to a host on the segment, or asks first where it is.
    fn out(&mut self, to: Ipv4Addr, packet: Vec<u8>) {
        if let Some(mac) = self.neighbors.get(&to) {
            return self.port.send(&arp::ipv4(self.port.mac, *mac, &packet));
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((to, packet));
        self.port.send(&arp::ask(self.port.mac, self.address, to));
    }

    /// Takes a frame from the segment; gives back what goes into the tunnel.
    fn take(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        match arp::read(frame)?.1 {
            arp::Contents::Who { asks, asker, target } => {
                self.learn(asker, asks);
                if target == self.address {
                    self.port.send(&arp::answer(self.port.mac, self.address, asks, asker));
                }
                None
            }
            arp::Contents::Here { mac, address } => {
                self.learn(address, mac);
                None
            }
            arp::Contents::Ipv4(packet) => {
                let (_, to) = arp::ends(packet)?;
                (!self.network.contains(IpAddr::V4(to))).then(|| packet.to_vec())
            }
        }
    }

    fn learn(&mut self, address: Ipv4Addr, mac: Mac) {
        if self.neighbors.len() >= MAX_NEIGHBORS {
            self.neighbors.clear();
        }
        self.neighbors.insert(address, mac);
        let (ready, rest): (VecDeque<_>, _) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(to, _)| *to == address);
        self.waiting = rest;
        for (_, packet) in ready {
            self.port.send(&arp::ipv4(self.port.mac, mac, &packet));
        }
    }
}
