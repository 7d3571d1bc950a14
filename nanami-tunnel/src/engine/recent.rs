//! The datagrams that were sealed last, so that one that comes back as a packet is known.
//!
//! A route that leads the endpoint of a neighbor into the tunnel, its own or one through another neighbor, makes a packet of
//! each datagram, and a longer datagram of that, for ever. The kernel's WireGuard asks its routes and drops what would go to
//! its own interface (`ELOOP`); routes are not ours to ask.
//!
//! **Invariant**: what is found was sealed here, nearly certainly: 64 bits are compared, of which nobody else chooses any. What
//! is not found may have been.

use std::sync::atomic::{AtomicU64, Ordering};

/// Marks of the last datagrams, by neighbor and number.
pub(crate) struct Recent {
    marks: Box<[AtomicU64]>,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self { marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// A datagram leaves.
    pub(crate) fn note(&self, datagram: &[u8]) {
        if let Some((place, mark)) = mark_of(datagram) {
            self.marks[place].store(mark, Ordering::Relaxed);
        }
    }

    /// Whether this is one of those that left last.
    pub(crate) fn knows(&self, datagram: &[u8]) -> bool {
        mark_of(datagram).is_some_and(|(place, mark)| self.marks[place].load(Ordering::Relaxed) == mark)
    }
}

/// What is told by the bytes behind the type of a message: whitepaper section 5.4. Data bears the receiver's index and a number
/// that counts, so that those that follow each other have places of their own; an initiation our index and an ephemeral key.
fn mark_of(datagram: &[u8]) -> Option<(usize, u64)> {
    let ([1..=4, 0, 0, 0], rest) = datagram.split_first_chunk()? else { return None };
    let (index, rest) = rest.split_first_chunk()?;
    let (index, number) = (u32::from_le_bytes(*index), u32::from_le_bytes(*rest.first_chunk()?));
    let place = index.wrapping_mul(SPREAD).wrapping_add(number) as usize % MARKS;
    // Nothing was sealed where there is 0.
    Some((place, !(u64::from(index) << 32 | u64::from(number))))
}

/// Datagrams that are remembered. Chosen: four times what a TUN queues, between the sealing and the coming back; 32 KiB.
const MARKS: usize = 4096;
/// 2^32 divided by the golden ratio: neighbors are far from each other.
const SPREAD: u32 = 0x9e37_79b9;

#[cfg(test)]
mod tests {
    use super::*;

    fn data(index: u32, number: u64) -> Vec<u8> {
        [&[4, 0, 0, 0][..], &index.to_le_bytes(), &number.to_le_bytes(), &[9; 32]].concat()
    }

    #[test]
    fn the_last_datagrams_of_a_neighbor_are_known_and_no_other_ones() {
        let recent = Recent::new();
        (0..MARKS as u64 + 10).for_each(|number| recent.note(&data(7, number)));
        assert!((10..MARKS as u64 + 10).all(|number| recent.knows(&data(7, number))));
        assert!(!(0..10).any(|number| recent.knows(&data(7, number))), "those are forgotten");
        assert!(!(0..MARKS as u64).any(|number| recent.knows(&data(8, number))));
        assert!(![&[][..], &[4, 0, 0, 0], &[5; 40], &[0; 40]].into_iter().any(|bytes| recent.knows(bytes)));
    }
}
