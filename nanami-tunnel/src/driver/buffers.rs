//! How much a tunnel holds in memory at most, by where it runs.
//!
//! **Invariant**: what the loop and the interface of a phone's tunnel hold is at most [`PHONE`] bytes; the compiler checks it.

use crate::engine::MAX_MTU;
use crate::interface::CAPACITY;

/// The sizes that differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffers {
    /// Packets, or datagrams, that are handled at once.
    pub(super) batch: usize,
    /// Bytes after which a batch takes no more.
    pub(super) batch_bytes: usize,
    /// Bytes that the kernel may hold for the socket in each direction.
    pub(super) socket: usize,
    /// Events that a slow listener may be behind.
    pub(super) events: usize,
    /// Bytes of the longest inner packet.
    pub(super) longest_packet: u16,
}

impl Buffers {
    pub(super) const DESKTOP: Self = Self {
        // Chosen: what one system call of a kernel with offloads brings.
        batch: 64,
        batch_bytes: 1024 * 1024,
        // TUNNEL.md, "How to get there" 7.
        socket: 7 * 1024 * 1024,
        // Chosen: more than a burst of handshakes at a start.
        events: 1024,
        longest_packet: MAX_MTU,
    };

    pub(super) const MOBILE: Self = Self {
        batch: 16,
        batch_bytes: 32 * 1024,
        // Chosen: a burst of 50 ms at 80 Mbit/s.
        socket: 512 * 1024,
        events: 256,
        // Ethernet's: no network under a phone carries more.
        longest_packet: 1500,
    };

    /// Bytes in the batches and the queues of a tunnel, when all of them are full.
    const fn most(self) -> usize {
        // A batch takes one more datagram below its limit. Arrived, opened, packets; leaving holds an answer or a sealed packet
        // for each of two.
        let batches = 5 * (self.batch_bytes + LONGEST_DATAGRAM);
        let queues = 2 * CAPACITY * self.longest_packet as usize;
        LONGEST_DATAGRAM + batches + queues
    }
}

const _: () = assert!(Buffers::MOBILE.most() <= PHONE);

/// Bytes. The longest UDP payload there is, and one more, so that nothing is cut silently.
pub(super) const LONGEST_DATAGRAM: usize = 65_536;
/// Bytes that a phone gives: half of what a tunnel's whole process may take there (TUNNEL.md, targets).
const PHONE: usize = 4 * 1024 * 1024;
