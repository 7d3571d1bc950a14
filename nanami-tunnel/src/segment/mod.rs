//! An Ethernet segment inside the process: what stands behind a gateway when there is no real network.
//!
//! **Invariant**: a frame goes to the port that has its destination address, or, for a group address, to every other port.
//! What a port does not take in time is lost, as on a switch.
//!
//! IPv4 only: hosts and routers find each other by ARP (RFC 826).

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

mod arp;
mod host;
mod router;

pub use host::SegmentHost;

use crate::interface::Interface;
use crate::netstack::Netstack;
use nanami_model::Cidr;

/// A segment. Clones are the same one.
#[derive(Clone, Default)]
pub struct Segment {
    ports: Arc<Mutex<Ports>>,
}

/// Who is there: each with the queue of frames for it.
type Ports = Vec<(Mac, mpsc::Sender<Vec<u8>>)>;

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// Frames that wait at a port (chosen: two windows of a netstack socket).
const CAPACITY: usize = 1024;

/// A port of a segment: what arrives at it, and the way to send.
pub(crate) struct Port {
    pub(crate) mac: Mac,
    pub(crate) receive: mpsc::Receiver<Vec<u8>>,
    segment: Segment,
}

impl Segment {
    /// A segment without ports.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host with TCP sockets, whose answers go back through the router that it last heard their receiver from. It runs
    /// on the current tokio runtime until the last clone of its [`SegmentHost`] is dropped.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn host(&self, address: Ipv4Addr, network: Cidr) -> SegmentHost {
        SegmentHost::start(self, address, network)
    }

    /// A netstack for a gateway that stands on this segment at `address`: packets from the tunnel for `network` go out on the
    /// segment, packets from the segment for other addresses go into the tunnel.
    pub fn gateway(&self, address: Ipv4Addr, network: Cidr) -> (Netstack, Interface) {
        router::gateway(self, address, network)
    }

    pub(crate) fn port(&self) -> Port {
        let (send, receive) = mpsc::channel(CAPACITY);
        let mut ports = self.lock();
        // Locally administered, unicast (IEEE 802, section 8.2.2), numbered in order.
        let number = u32::try_from(ports.len() + 1).unwrap_or(u32::MAX).to_be_bytes();
        let mac = [0x02, 0x4e, number[0], number[1], number[2], number[3]];
        ports.push((mac, send));
        Port { mac, receive, segment: self.clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, from: Mac, frame: &[u8]) {
        let Some(to) = frame.first_chunk::<6>() else { return };
        let group = to[0] & 1 == 1;
        for (mac, port) in self.lock().iter() {
            if *mac != from && (group || mac == to) {
                let _lost_when_full = port.try_send(frame.to_vec());
            }
        }
    }
}

impl Port {
    /// Sends a frame; its source is this port's.
    pub(crate) fn send(&self, frame: &[u8]) {
        self.segment.carry(self.mac, frame);
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segment({} ports)", self.lock().len())
    }
}

#[cfg(test)]
mod tests;
