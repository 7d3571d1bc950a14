//! Inputs made from inputs: cheap, blind and the same on every machine.

/// A source of mutations that is determined by its seed (xorshift64*, Vigna 2014).
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

/// Values that sit on the edges of lengths and counters.
const EDGES: [u8; 8] = [0, 1, 0x20, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

/// chosen: longer inputs find nothing here that shorter ones do not.
const LONGEST: usize = 1 << 16;

impl Mutator {
    /// A mutator that makes the same inputs for the same name.
    pub fn new(name: &str) -> Self {
        // FNV-1a; the lowest bit keeps the state from being 0, which would stay 0.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self { state: hash | 1 }
    }

    /// One of the corpus's inputs with a few changes. An empty corpus gives bytes made from nothing.
    pub fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(corpus).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            self.change(&mut input, corpus);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(32) + 1);
        match self.below(8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let noise: Vec<u8> = (0..self.below(8)).map(|_| self.byte()).collect();
                input.splice(at..end, noise);
            }
            4 => {
                let other = self.pick(corpus).cloned().unwrap_or_default();
                let from = self.below(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
            5 => {
                // Longer than any length that somebody meant.
                let edge = EDGES[self.below(EDGES.len())];
                input[at..end].fill(edge);
            }
            _ => match input.get_mut(at) {
                Some(byte) => *byte ^= 1 << self.below(8),
                None => input.push(self.byte()),
            },
        }
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len().max(1)))
    }

    /// A number below `bound`, which is not 0. The small bias for large bounds does not matter here.
    fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        if self.below(2) == 0 { EDGES[self.below(EDGES.len())] } else { self.word() as u8 }
    }

    fn word(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_makes_the_same_inputs_and_another_others() {
        let corpus = [b"one".to_vec(), b"another".to_vec()];
        let stream = |name| {
            let mut mutator = Mutator::new(name);
            (0..100).map(|_| mutator.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(stream("name"), stream("name"));
        assert_ne!(stream("name"), stream("cidr"));
    }

    #[test]
    fn most_inputs_differ_from_the_corpus_and_none_is_endless() {
        let long: Vec<u8> = (0..=u8::MAX).cycle().take(LONGEST).collect();
        let mut mutator = Mutator::new("long");
        let inputs: Vec<_> = (0..100).map(|_| mutator.next(std::slice::from_ref(&long))).collect();
        assert!(inputs.iter().all(|input| input.len() <= LONGEST));
        assert!(inputs.iter().filter(|input| **input != long).count() > 80);
    }

    #[test]
    fn an_empty_corpus_is_enough() {
        let mut mutator = Mutator::new("empty");
        assert!((0..100).any(|_| !mutator.next(&[]).is_empty()));
    }
}
