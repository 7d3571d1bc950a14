//! Packets that wait for a keypair.
//!
//! **Invariant**: one neighbor holds at most 32 packets and 64 KiB, all together at most 4 MiB; the oldest is dropped
//! (SEC-47; boringtun's own queue holds 256 and drops the newest, TUNNEL.md fact 14).

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::shared::Shared;

/// The queue of one neighbor.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    packets: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Queue {
    pub(crate) fn push(&mut self, shared: &Shared, packet: &[u8]) {
        while self.packets.len() >= MAX_PACKETS || self.bytes + packet.len() > MAX_BYTES {
            if self.pop(shared).is_none() {
                break;
            }
            shared.tally.queue_dropped.count();
        }
        let all = shared.queued_bytes.load(Ordering::Relaxed);
        if packet.len() > MAX_BYTES || all + packet.len() > MAX_BYTES_OF_ALL {
            shared.tally.queue_dropped.count();
            return;
        }
        shared.queued_bytes.fetch_add(packet.len(), Ordering::Relaxed);
        self.bytes += packet.len();
        self.packets.push_back(packet.to_vec());
    }

    pub(crate) fn pop(&mut self, shared: &Shared) -> Option<Vec<u8>> {
        let packet = self.packets.pop_front()?;
        self.bytes -= packet.len();
        shared.queued_bytes.fetch_sub(packet.len(), Ordering::Relaxed);
        Some(packet)
    }

    pub(crate) fn clear(&mut self, shared: &Shared) {
        while self.pop(shared).is_some() {}
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

/// Packets of one neighbor: SEC-47.
const MAX_PACKETS: usize = 32;
/// Bytes of one neighbor: SEC-47.
const MAX_BYTES: usize = 64 * 1024;
/// Bytes of all neighbors together. Chosen: 64 neighbors with full queues.
const MAX_BYTES_OF_ALL: usize = 4 * 1024 * 1024;
