//! Randomness that follows from a seed, so that the engine itself asks nobody for any.

/// A stream of numbers that nobody guesses who does not know the seed (BLAKE3 in counter mode).
pub(crate) struct Random {
    seed: [u8; 32],
    drawn: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Another stream, of which this one tells nothing.
    pub(crate) fn branch(&mut self) -> Self {
        let mut seed = [0; 32];
        seed.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&self.next_u64().to_le_bytes()));
        Self::new(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.drawn += 1;
        let hash = blake3::keyed_hash(&self.seed, &self.drawn.to_le_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(bytes)
    }
}
