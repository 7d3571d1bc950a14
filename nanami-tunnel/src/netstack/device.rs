//! The device that smoltcp polls: two queues of packets.

use std::collections::VecDeque;

use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities};
use smoltcp::time::Instant;

/// What a packet is: an IP packet in a tunnel, a frame on a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Ip,
    Ethernet([u8; 6]),
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) received: VecDeque<Vec<u8>>,
    pub(crate) to_send: VecDeque<Vec<u8>>,
    medium: Medium,
    /// Bytes of the longest IP packet in a tunnel.
    pub(crate) mtu: usize,
}

/// Bytes of a frame's contents on a segment (IEEE 802.3).
const ETHERNET_MTU: usize = 1500;
/// Bytes of an Ethernet header.
pub(crate) const ETHERNET_HEADER: usize = 14;
/// Packets that one poll makes at most, so that the lock is not held long (chosen).
const BURST: usize = 64;

impl Device {
    pub(crate) fn new(medium: Medium) -> Self {
        Self {
            received: VecDeque::new(),
            to_send: VecDeque::new(),
            medium,
            mtu: usize::from(crate::engine::DEFAULT_MTU),
        }
    }

    fn has_room(&self) -> bool {
        self.to_send.len() < BURST
    }
}

impl phy::Device for Device {
    type RxToken<'a> = RxToken;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken, TxToken<'_>)> {
        if !self.has_room() {
            return None;
        }
        let packet = self.received.pop_front()?;
        Some((RxToken(packet), TxToken(&mut self.to_send)))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        self.has_room().then_some(TxToken(&mut self.to_send))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.checksum = ChecksumCapabilities::default();
        (capabilities.medium, capabilities.max_transmission_unit) = match self.medium {
            Medium::Ip => (phy::Medium::Ip, self.mtu),
            Medium::Ethernet(_) => (phy::Medium::Ethernet, ETHERNET_MTU + ETHERNET_HEADER),
        };
        capabilities
    }
}

pub(crate) struct RxToken(Vec<u8>);

impl phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct TxToken<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}
