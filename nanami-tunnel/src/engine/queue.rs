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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::super::indices::Indices;
    use super::super::noise::Identity;
    use super::super::random::Random;
    use super::super::shared::Enforcement;
    use super::*;

    #[test]
    fn sec_47_a_queue_holds_32_packets_and_64_kib_and_all_together_hold_4_mib() {
        let identity = Identity::new(&nanami_model::PrivateKey::from_bytes([1; 32]));
        let indices = Arc::new(Indices::new(Random::new([0; 32])));
        let shared = Shared::new(Instant::now(), identity, indices, 1420, Enforcement::Plain);
        let held = || shared.queued_bytes.load(Ordering::Relaxed);
        let mut queue = Queue::default();
        (0..100u8).for_each(|n| queue.push(&shared, &[n; 10]));
        assert_eq!((queue.packets.len(), queue.packets[0][0], held()), (32, 68, 320), "the oldest went");
        (0..100).for_each(|_| queue.push(&shared, &[1; 9000]));
        assert_eq!((queue.packets.len(), held()), (7, 63_000));
        queue.clear(&shared);
        let mut queues: Vec<_> = (0..200).map(|_| Queue::default()).collect();
        for queue in &mut queues {
            (0..50).for_each(|_| queue.push(&shared, &[1; 2000]));
        }
        assert!(held() <= MAX_BYTES_OF_ALL && held() + 2000 > MAX_BYTES_OF_ALL, "{}", held());
        queues.iter_mut().for_each(|queue| queue.clear(&shared));
        assert_eq!(held(), 0);
    }
}
