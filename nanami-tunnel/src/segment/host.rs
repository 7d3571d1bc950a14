//! A host on a segment, in a fabric whose answers go back the way that questions came.
//!
//! **Invariant**: the host's frames for addresses beyond the segment go to the router from which it last heard that address.
//! This is what a route's declared return path promises; a cloud's virtual network keeps it in the same place,
//! between the host and the wire.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use nanami_model::Cidr;
use smoltcp::wire::{IpCidr, Ipv4Cidr};

use super::{Mac, Port, Segment, arp};
use crate::interface::{HostPipe, Inside, Pipe, pipe};
use crate::netstack::{DialError, Medium, Netstack, TcpListener, on_pipe};

/// A host that stands on a segment. It ends with its last clone.
#[derive(Debug, Clone)]
pub struct SegmentHost {
    netstack: Netstack,
    _task: Arc<AbortOnDrop>,
}

#[derive(Debug)]
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The fabric's own hardware address towards the host. Its IP address is the last but one of the network, as clouds have a
/// router of theirs on every network.
const FABRIC_MAC: Mac = [0x02, 0x4e, 0xff, 0xff, 0xff, 0xff];
/// Addresses whose router is remembered (chosen); beyond it the fabric forgets all and learns again.
const MAX_LEARNT: usize = 65_536;

impl SegmentHost {
    pub(super) fn start(segment: &Segment, address: Ipv4Addr, network: Cidr) -> Self {
        let (host, wire): (HostPipe, Pipe) = pipe();
        let port = segment.port();
        let (netstack, run) = on_pipe(Medium::Ethernet(port.mac), host);
        let length = if network.is_ipv4() { network.length() } else { 32 };
        let router = match network.last() {
            IpAddr::V4(last) => Ipv4Addr::from_bits(last.to_bits().saturating_sub(1)),
            IpAddr::V6(_) => address,
        };
        netstack.set_segment(IpCidr::Ipv4(Ipv4Cidr::new(address, length)), router);
        let inside = netstack.inside();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = run => {}
                () = fabric(port, wire, router, inside) => {}
            }
        });
        Self { netstack, _task: Arc::new(AbortOnDrop(task)) }
    }

    /// Listens on a TCP port.
    ///
    /// # Errors
    /// [`DialError::AddressInUse`] if somebody does already.
    pub fn listen(&self, port: u16) -> Result<TcpListener, DialError> {
        self.netstack.listen(port)
    }
}

async fn fabric(mut port: Port, mut wire: Pipe, router: Ipv4Addr, host: Arc<dyn Inside>) {
    let mut router_of: BTreeMap<Ipv4Addr, Mac> = BTreeMap::new();
    loop {
        tokio::select! {
            frame = port.receive.recv() => {
                let Some(frame) = frame else { return };
                if let Some((source, arp::Contents::Ipv4(packet))) = arp::read(&frame)
                    && let Some((from, _)) = arp::ends(packet)
                {
                    if router_of.len() >= MAX_LEARNT {
                        router_of.clear();
                    }
                    if router_of.insert(from, source).is_some_and(|before| before != source) {
                        // The way back has changed: what the host sent on the old one is lost.
                        host.rerouted(Cidr::host(from.into()));
                    }
                }
                let _lost_when_full = wire.to_host.try_send(frame);
            }
            frame = wire.from_host.recv() => {
                let Some(mut frame) = frame else { return };
                match arp::read(&frame) {
                    Some((_, arp::Contents::Who { asks, asker, target })) if target == router => {
                        let answer = arp::answer(FABRIC_MAC, router, asks, asker);
                        let _lost_when_full = wire.to_host.try_send(answer);
                        continue;
                    }
                    Some((_, arp::Contents::Ipv4(packet))) if frame.starts_with(&FABRIC_MAC) => {
                        let gateway = arp::ends(packet).and_then(|(_, to)| router_of.get(&to));
                        let Some(gateway) = gateway.copied() else { continue };
                        frame[..6].copy_from_slice(&gateway);
                    }
                    _ => {}
                }
                port.send(&frame);
            }
        }
    }
}
