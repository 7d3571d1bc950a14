//! What an engine holds in memory, and how much that may be (TESTING.md R8).
//!
//! Every allocation of this program is counted by thread, and a node knows by how much each call changed the sum: what is left
//! of it after the call is the engine's.
//!
//! **Invariant**: whatever neighbors and attackers do, no engine ever holds more than `bound` of its neighbors.

use nanami_tunnel::engine::ControlHalf;

use crate::counting;
use crate::world::World;

#[global_allocator]
static COUNTING: counting::Counting = counting::Counting;

/// How many bytes this thread has allocated now; less than nothing if others allocated what it freed.
pub fn bytes() -> i64 {
    counting::bytes()
}

impl World {
    /// An engine did something: it holds no more than it may.
    pub(crate) fn check_memory(&mut self, n: usize) {
        let Some(node) = self.hosts[n].node() else { return };
        let (bytes, neighbors) = (node.bytes(), node.asked().map().neighbors().len());
        assert!(
            bytes <= bound(neighbors),
            "the engine of host {n} holds {bytes} bytes for {neighbors} neighbors, and may hold {}",
            bound(neighbors)
        );
        self.rare.most("largest engine, in KiB", bytes as u64 / 1024);
    }

    /// What an engine knows of its neighbors is no more than it may be; looked at from time to time, because it takes time.
    pub(crate) fn check_tables(&mut self, n: usize) {
        let Some(node) = self.hosts[n].node() else { return };
        let (control, neighbors): (&ControlHalf, _) = (node.asked(), node.asked().map().neighbors().len());
        assert_eq!(control.links().count(), neighbors, "host {n} has a link to each neighbor and to nobody else");
        let (used, attempts) = (control.usage().len(), control.attempts().len());
        assert!(used <= RECORDED * neighbors, "host {n} records {used} policies of {neighbors} neighbors");
        assert!(attempts <= RECORDED * neighbors, "host {n} records {attempts} attempts of {neighbors} neighbors");
    }
}

/// How many bytes an engine may hold that has so many neighbors.
fn bound(neighbors: usize) -> i64 {
    (ENGINE + FLOWS + neighbors * NEIGHBOR) as i64
}

/// Of what does not grow with neighbors: tables, and the sources of a flood, each of which takes less than 128 bytes.
const ENGINE: usize = 64 * 1024;
/// Two full shards of flows: a scan fills one of who scans and one of who is scanned.
const FLOWS: usize = 2048 * 224;
/// A full queue (64 KiB: SEC-47), the state of boringtun (11 KiB: TUNNEL.md) and of a handshake, and what is recorded.
const NEIGHBOR: usize = (64 + 11 + 21) * 1024;
/// Policies, and attempts, that are recorded of one neighbor.
const RECORDED: usize = 64;
