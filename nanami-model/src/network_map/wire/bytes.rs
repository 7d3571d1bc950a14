//! Numbers and sections.
//!
//! **Invariant**: a number has at most 128 bits, seven in a byte, the lowest first; a sequence of numbers is said as
//! differences, or as runs where that is shorter.

use crate::tlv::{MessageError, malformed};

/// Bytes that are written one after the other.
#[derive(Default)]
pub(super) struct Output(Vec<u8>);

impl Output {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn number(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u128);
    }

    pub(super) fn section(&mut self, tag: u8, fill: impl FnOnce(&mut Output)) {
        let mut inner = Output::default();
        fill(&mut inner);
        self.byte(tag);
        self.count(inner.0.len());
        self.bytes(&inner.0);
    }

    /// A section for a list; none for an empty one.
    pub(super) fn list<T>(&mut self, tag: u8, list: &[T], write: impl FnOnce(&mut Output, &[T])) {
        if !list.is_empty() {
            self.section(tag, |out| write(out, list));
        }
    }

    /// Numbers in an order in which the next is often one more than the last.
    pub(super) fn numbers(&mut self, numbers: &[u128]) {
        let steps = steps(numbers);
        let plain = steps.iter().map(|step| length(*step)).sum::<usize>();
        let runs = runs(&steps);
        let run = runs.iter().map(|(step, more)| length(*step) + length(*more)).sum::<usize>();
        if plain <= run {
            self.number((steps.len() as u128) << 1);
            steps.iter().for_each(|step| self.number(*step));
        } else {
            self.number(((runs.len() as u128) << 1) | 1);
            for (step, more) in runs {
                self.number(step);
                self.number(more);
            }
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// How far each number is from the one after the last: 0 for the next, then 1 back, 1 on, 2 back, …
fn steps(numbers: &[u128]) -> Vec<u128> {
    let mut expected = 0u128;
    let step = |number: &u128| {
        let difference = number.wrapping_sub(expected) as i128;
        expected = number.wrapping_add(1);
        ((difference << 1) ^ (difference >> 127)) as u128
    };
    numbers.iter().map(step).collect()
}

/// Steps, each with the number of zero steps behind it.
fn runs(steps: &[u128]) -> Vec<(u128, u128)> {
    let mut runs: Vec<(u128, u128)> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some((_, more)) if *step == 0 => *more += 1,
            _ => runs.push((*step, 0)),
        }
    }
    runs
}

fn length(number: u128) -> usize {
    (128 - number.leading_zeros()).div_ceil(7).max(1) as usize
}

/// Bytes that are read one after the other.
#[derive(Clone, Copy)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, MessageError> {
        let (byte, rest) = self.0.split_first().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], MessageError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*array)
    }

    pub(super) fn number(&mut self) -> Result<u128, MessageError> {
        let (mut number, mut shift) = (0u128, 0u32);
        loop {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift > 126 || (shift == 126 && bits > 3) {
                return Err(malformed("a number of more than 128 bits"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    pub(super) fn small<T: TryFrom<u128>>(&mut self, what: &'static str) -> Result<T, MessageError> {
        T::try_from(self.number()?).map_err(|_| malformed(what))
    }

    /// How many things follow that take at least `bytes` bytes each: more than there is room for is refused before anything
    /// is allocated.
    pub(super) fn count(&mut self, bytes: usize) -> Result<usize, MessageError> {
        let count: usize = self.small("a count")?;
        if count.saturating_mul(bytes) > self.0.len() { Err(CUT_OFF) } else { Ok(count) }
    }

    /// A tag with what belongs to it; `None` at the end.
    pub(super) fn section(&mut self) -> Result<Option<(u8, &'a [u8])>, MessageError> {
        if self.is_empty() {
            return Ok(None);
        }
        let tag = self.byte()?;
        let length = self.count(1)?;
        Ok(Some((tag, self.bytes(length)?)))
    }

    /// What [`Output::numbers`] wrote; they may be as many as are `left`, which they are taken from.
    pub(super) fn numbers(&mut self, left: &mut usize) -> Result<Vec<u128>, MessageError> {
        let head = self.number()?;
        let (count, in_runs) = (head >> 1, head & 1 == 1);
        let (mut numbers, mut expected) = (Vec::new(), 0u128);
        for _ in 0..count {
            let step = self.number()?;
            let difference = (step >> 1) as i128 ^ -((step & 1) as i128);
            let first = expected.wrapping_add(difference as u128);
            let more = if in_runs { self.small("a run")? } else { 0usize };
            *left = more.checked_add(1).and_then(|run| left.checked_sub(run)).ok_or(TOO_MANY)?;
            numbers.extend((0..=more).map(|n| first.wrapping_add(n as u128)));
            expected = first.wrapping_add(more as u128).wrapping_add(1);
        }
        Ok(numbers)
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), MessageError> {
        if self.is_empty() { Ok(()) } else { Err(malformed("a section that is too long")) }
    }
}

const CUT_OFF: MessageError = MessageError::Malformed { what: "a section that is cut off" };
const TOO_MANY: MessageError = MessageError::Malformed { what: "too many entries" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_whatever_their_order() {
        let lists: [&[u128]; 7] = [
            &[],
            &[0],
            &[u128::MAX, 0, u128::MAX],
            &[5, 6, 7, 8, 100, 101, 3],
            &[1 << 127, 1, (1 << 127) - 1],
            &[9, 9, 9],
            &[u128::MAX - 1, u128::MAX],
        ];
        for list in lists {
            let mut out = Output::default();
            out.numbers(list);
            let (bytes, mut left) = (out.into_bytes(), 100);
            let mut input = Input::new(&bytes);
            assert_eq!(input.numbers(&mut left).unwrap(), list);
            assert!(input.is_empty() && left == 100 - list.len());
        }
    }

    #[test]
    fn a_run_of_many_is_short_and_one_of_too_many_is_refused_at_once() {
        let mut out = Output::default();
        out.numbers(&(10..10_000).collect::<Vec<_>>());
        let bytes = out.into_bytes();
        assert!(bytes.len() <= 4, "{bytes:?}");
        assert!(Input::new(&bytes).numbers(&mut 9_989).is_err() && Input::new(&bytes).numbers(&mut 9_990).is_ok());
        let mut endless = Output::default();
        endless.number(3);
        endless.number(0);
        endless.number(u128::from(u64::MAX));
        assert!(Input::new(&endless.into_bytes()).numbers(&mut 1000).is_err());
        let mut promise = Output::default();
        promise.number(u128::MAX - 1);
        assert!(Input::new(&promise.into_bytes()).numbers(&mut 1000).is_err());
    }

    #[test]
    fn a_number_beyond_128_bits_is_refused() {
        let mut out = Output::default();
        out.number(u128::MAX);
        let mut bytes = out.into_bytes();
        assert_eq!(Input::new(&bytes).number(), Ok(u128::MAX));
        *bytes.last_mut().unwrap() = 4;
        assert!(Input::new(&bytes).number().is_err());
        assert!(Input::new(&[0xff; 40]).number().is_err());
    }
}
