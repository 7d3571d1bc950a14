//! Choices out of bytes: the same bytes make the same choices, and fewer bytes, or smaller ones, plainer choices.

use proptest::prelude::*;

/// Bytes to choose by.
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..600)
}

/// Bytes of a small generator, for tests that look at many worlds without proptest.
#[allow(dead_code, reason = "not every test looks at many")]
pub(crate) fn bytes_of(seed: u64) -> Vec<u8> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).skip(1).take(600).map(|state| (state >> 40) as u8).collect()
}

pub(crate) struct Dice<'a>(std::slice::Iter<'a, u8>);

impl<'a> Dice<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    /// A number below `sides`; 0 once the bytes are used up.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % sides.max(1)
    }

    /// Yes, once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) + 1 == times
    }

    /// One of them, if there are any.
    pub(crate) fn one<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.roll(all.len())).cloned()
    }

    /// Some of them, in their order; maybe none.
    pub(crate) fn some<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        all.iter().filter(|_| self.roll(2) == 1).cloned().collect()
    }

    /// Some of them, one at least if there are any.
    pub(crate) fn few<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        let some = self.some(all);
        if some.is_empty() { self.one(all).into_iter().collect() } else { some }
    }
}
