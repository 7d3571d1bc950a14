//! The indices under which neighbors send to us, and whose each is.
//!
//! **Invariants**: each `Tunn` has 24 random bits of its own, which nobody guesses who does not know the seed, and gives them
//! back when it ends: one that is made anew has others (SEC-51, TUNNEL.md fact 16). Packet calls read one shard of many; only
//! the beginning and the end of a `Tunn` write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::lock;
use super::peer::PeerIndex;
use super::random::Random;

/// All indices that are in use.
pub(crate) struct Indices {
    random: Mutex<Random>,
    shards: [RwLock<BTreeMap<u32, PeerIndex>>; SHARDS],
}

/// 24 bits that name a neighbor in datagrams to us, for as long as this lives.
pub(crate) struct Index {
    bits: u32,
    of: Arc<Indices>,
}

impl Indices {
    pub(crate) fn new(random: Random) -> Self {
        Self { random: Mutex::new(random), shards: std::array::from_fn(|_| RwLock::default()) }
    }

    /// An index that is in use by nobody, for this neighbor.
    pub(crate) fn draw(self: &Arc<Self>, neighbor: PeerIndex) -> Index {
        loop {
            let bits = lock(&self.random).next_u64() as u32 >> KEYPAIR_BITS;
            let mut shard = self.shard(bits).write().unwrap_or_else(PoisonError::into_inner);
            if let std::collections::btree_map::Entry::Vacant(free) = shard.entry(bits) {
                free.insert(neighbor);
                return Index { bits, of: self.clone() };
            }
        }
    }

    /// Whose the receiver index of a datagram is: its last eight bits count keypairs.
    pub(crate) fn neighbor(&self, receiver: u32) -> Option<PeerIndex> {
        let bits = receiver >> KEYPAIR_BITS;
        self.shard(bits).read().unwrap_or_else(PoisonError::into_inner).get(&bits).copied()
    }

    fn shard(&self, bits: u32) -> &RwLock<BTreeMap<u32, PeerIndex>> {
        &self.shards[bits as usize % SHARDS]
    }
}

impl Index {
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.of.shard(self.bits).write().unwrap_or_else(PoisonError::into_inner).remove(&self.bits);
    }
}

/// Bits of an index that boringtun uses to count keypairs.
const KEYPAIR_BITS: u32 = 8;
/// Shards, each with a lock of its own. Chosen: a handshake holds up a sixteenth of the datagrams that come meanwhile.
const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_its_neighbors_while_it_lives_and_nobodys_afterwards() {
        let indices = Arc::new(Indices::new(Random::new([1; 32])));
        let [one, other] = [1, 2].map(PeerIndex::new);
        let drawn: Vec<_> = (0..2_000).map(|n| indices.draw(if n % 2 == 0 { one } else { other })).collect();
        for (n, index) in drawn.iter().enumerate() {
            let expected = if n % 2 == 0 { one } else { other };
            assert_eq!(indices.neighbor(index.bits() << 8 | 0x7f), Some(expected));
        }
        let gone = drawn[0].bits();
        drop(drawn);
        assert_eq!(indices.neighbor(gone << 8), None);
        assert!(indices.shards.iter().all(|shard| shard.read().unwrap().is_empty()));
    }
}
