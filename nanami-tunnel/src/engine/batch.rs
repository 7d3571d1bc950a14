//! Batches of packets and datagrams: the caller's buffers, which a driver keeps and reuses.
//!
//! **Invariant**: a batch is one allocation of bytes and one of ends; clearing keeps both, so that packet calls allocate
//! nothing once the batches have grown to their working size. What is read, opened or sealed is written where it stays.

use std::net::SocketAddr;
use std::ops::Range;

use super::outer::Outer;

/// Inner (plaintext) IP packets.
///
/// ```
/// use nanami_tunnel::engine::Packets;
///
/// let packets = Packets::from_iter([&[1u8, 2][..], &[3]]);
/// assert_eq!(packets.iter().collect::<Vec<_>>(), [&[1u8, 2][..], &[3]]);
/// ```
#[derive(Debug, Default)]
pub struct Packets {
    /// Each packet begins at a multiple of [`PADDING`], with zeros before the next one, so that it is sealed where it lies.
    /// Behind the last one there may be anything.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// One packet of a batch, and the zeros behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<'a> {
    bytes: &'a [u8],
    length: usize,
}

impl<'a> Plain<'a> {
    /// A packet with nothing behind it.
    pub(crate) fn alone(packet: &'a [u8]) -> Self {
        Self { bytes: packet, length: packet.len() }
    }

    pub(crate) fn packet(self) -> &'a [u8] {
        &self.bytes[..self.length]
    }

    /// Only so much of the packet, which is then what has nothing behind it.
    pub(crate) fn cut(self, length: usize) -> Self {
        if length < self.length { Self::alone(&self.bytes[..length]) } else { self }
    }

    /// The packet with zeros up to this length, if there are so many.
    pub(crate) fn padded(self, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(..length)
    }
}

impl Packets {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies a packet to the end of the batch.
    pub fn push(&mut self, packet: &[u8]) {
        self.push_with(packet.len(), |buffer| buffer.copy_from_slice(packet));
    }

    /// Lets `fill` write a packet of this length straight into the batch.
    pub(crate) fn push_with(&mut self, length: usize, fill: impl FnOnce(&mut [u8])) {
        fill(&mut self.room(length)[..length]);
        self.commit(length);
    }

    /// At least so many bytes behind the last packet, for the next one.
    pub(crate) fn room(&mut self, length: usize) -> &mut [u8] {
        let start = self.next_start();
        let end = start + length.next_multiple_of(PADDING);
        grow(&mut self.bytes, end);
        &mut self.bytes[start..]
    }

    /// The first so many bytes of that room are a packet.
    pub(crate) fn commit(&mut self, length: usize) {
        let start = self.next_start();
        let end = start + length;
        let next = end.next_multiple_of(PADDING);
        grow(&mut self.bytes, next);
        self.bytes[end..next].fill(0);
        self.ends.push(end);
    }

    fn next_start(&self) -> usize {
        self.ends.last().map_or(0, |end| end.next_multiple_of(PADDING))
    }

    /// The packets, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.plain().map(Plain::packet)
    }

    /// The packets with the zeros behind them.
    pub(crate) fn plain(&self) -> impl Iterator<Item = Plain<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| end.next_multiple_of(PADDING)));
        starts.zip(&self.ends).map(|(start, end)| {
            let bytes = &self.bytes[start..end.next_multiple_of(PADDING)];
            Plain { bytes, length: end - start }
        })
    }

    /// The packet at this place.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.ends.get(at).map(|end| &self.bytes[start.next_multiple_of(PADDING)..*end])
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets the packets and keeps the memory.
    pub fn clear(&mut self) {
        self.ends.clear();
    }
}

/// Makes a buffer at least so long. What is new in it is zero; a first buffer is asked for whole, so that the operating
/// system gives its pages only when they are written.
fn grow(bytes: &mut Vec<u8>, length: usize) {
    if bytes.is_empty() {
        *bytes = vec![0; length];
    } else if bytes.len() < length {
        bytes.resize(length, 0);
    }
}

/// Bytes to whose multiple WireGuard pads packets: whitepaper section 5.4.6.
pub(crate) const PADDING: usize = 16;

impl<P: AsRef<[u8]>> FromIterator<P> for Packets {
    fn from_iter<I: IntoIterator<Item = P>>(packets: I) -> Self {
        let mut batch = Self::new();
        packets.into_iter().for_each(|packet| batch.push(packet.as_ref()));
        batch
    }
}

/// Outer (UDP) datagrams, each with the ends that it came from or goes to.
#[derive(Debug, Default)]
pub struct Datagrams {
    /// Behind the first `used` bytes there may be anything.
    bytes: Vec<u8>,
    used: usize,
    entries: Vec<(Outer, Range<usize>)>,
}

/// One datagram of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    outer: Outer,
    contents: &'a [u8],
}

impl<'a> Datagram<'a> {
    pub(crate) fn new(outer: Outer, contents: &'a [u8]) -> Self {
        Self { outer, contents }
    }

    /// Its ends and its congestion mark.
    pub fn outer(&self) -> Outer {
        self.outer
    }

    /// Where it came from, or goes to.
    pub fn address(&self) -> SocketAddr {
        self.outer.remote()
    }

    /// What the UDP datagram holds.
    pub fn contents(&self) -> &'a [u8] {
        self.contents
    }
}

impl Datagrams {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies a datagram to the end of the batch.
    pub fn push(&mut self, address: SocketAddr, contents: &[u8]) {
        self.push_with_outer(Outer::new(address), contents);
    }

    /// Copies a datagram to the end of the batch, with all that is known about its outer header.
    pub fn push_with_outer(&mut self, outer: Outer, contents: &[u8]) {
        self.room(contents.len())[..contents.len()].copy_from_slice(contents);
        self.keep(outer, 0..contents.len());
        self.take(contents.len());
    }

    /// At least so many bytes behind the last datagram.
    pub(crate) fn room(&mut self, length: usize) -> &mut [u8] {
        if self.entries.is_empty() {
            self.used = 0;
        }
        grow(&mut self.bytes, self.used + length);
        &mut self.bytes[self.used..]
    }

    /// These bytes of that room are a datagram. The room stays where it is until it is taken.
    pub(crate) fn keep(&mut self, outer: Outer, range: Range<usize>) {
        self.entries.push((outer, self.used + range.start..self.used + range.end));
    }

    /// The first so many bytes of the room are taken.
    pub(crate) fn take(&mut self, length: usize) {
        self.used += length;
    }

    /// Lets `fill` write at most `room` bytes straight into the batch and say how many it wrote.
    pub(crate) fn push_with(&mut self, outer: Outer, room: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        let written = fill(&mut self.room(room)[..room]).min(room);
        if written > 0 {
            self.keep(outer, 0..written);
            self.take(written);
        }
    }

    /// The datagrams, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.entries.iter().map(|(outer, range)| Datagram::new(*outer, &self.bytes[range.clone()]))
    }

    /// The datagram at this place.
    pub fn get(&self, at: usize) -> Option<Datagram<'_>> {
        self.entries.get(at).map(|(outer, range)| Datagram::new(*outer, &self.bytes[range.clone()]))
    }

    /// Stretches of datagrams with the same outer header and one length, of which the last one may be shorter: each with
    /// its bytes in one piece and that length, for a kernel that takes many at once. None has more than so many datagrams
    /// or bytes.
    pub fn runs(&self, max_datagrams: usize, max_bytes: usize) -> impl Iterator<Item = (Outer, &[u8], usize)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (outer, first) = self.entries.get(at)?;
            let (length, mut end, from) = (first.len(), first.end, at);
            at += 1;
            while let Some((next, range)) = self.entries.get(at) {
                let fits = at - from < max_datagrams && range.end - first.start <= max_bytes;
                let joins = next == outer && range.start == end && !range.is_empty() && range.len() <= length;
                if !(fits && joins) {
                    break;
                }
                (end, at) = (range.end, at + 1);
                if range.len() < length {
                    break;
                }
            }
            Some((*outer, &self.bytes[first.start..end], length))
        })
    }

    /// Hands the datagrams out and leaves the batch empty, with its memory.
    pub fn drain(&mut self) -> impl Iterator<Item = Datagram<'_>> {
        let Self { bytes, entries, .. } = self;
        entries.drain(..).map(|(outer, range)| Datagram::new(outer, &bytes[range]))
    }

    /// How many datagrams there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the datagrams and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl<P: AsRef<[u8]>> FromIterator<(SocketAddr, P)> for Datagrams {
    fn from_iter<I: IntoIterator<Item = (SocketAddr, P)>>(datagrams: I) -> Self {
        let mut batch = Self::new();
        datagrams.into_iter().for_each(|(address, contents)| batch.push(address, contents.as_ref()));
        batch
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outer(n: u8) -> Outer {
        Outer::new(SocketAddr::from(([192, 0, 2, n], 9)))
    }

    proptest! {
        /// Cut again at its length, every run gives back the datagrams that went in, in their order.
        #[test]
        fn runs_are_the_datagrams_in_order(
            lengths in prop::collection::vec((0u8..2, prop::sample::select(vec![0usize, 1, 7, 8, 8, 8])), 0..40),
            max in 1usize..6,
            bytes in 8usize..40,
        ) {
            let mut datagrams = Datagrams::new();
            for (n, (to, length)) in lengths.iter().enumerate() {
                datagrams.push_with_outer(outer(*to), &vec![n as u8; *length]);
            }
            let mut cut = Vec::new();
            for (outer, run, length) in datagrams.runs(max, bytes) {
                prop_assert!(run.len() <= bytes && run.len().div_ceil(length.max(1)) <= max);
                match length {
                    0 => cut.push((outer, vec![])),
                    _ => cut.extend(run.chunks(length).map(|contents| (outer, contents.to_vec()))),
                }
            }
            let all: Vec<_> = datagrams.iter().map(|datagram| (datagram.outer(), datagram.contents().to_vec())).collect();
            prop_assert_eq!(cut, all);
        }

        /// However a packet comes into a batch that was used before: it is what was put in, with zeros behind it.
        #[test]
        fn packets_are_what_was_put_in_with_zeros_behind(rounds in prop::collection::vec(
            prop::collection::vec((prop::collection::vec(1u8.., 0..70), any::<bool>()), 0..9), 1..4,
        )) {
            let mut batch = Packets::new();
            for packets in rounds {
                batch.clear();
                for (packet, opened) in &packets {
                    if *opened {
                        batch.room(packet.len() + 40).fill(0xff);
                        batch.room(packet.len())[..packet.len()].copy_from_slice(packet);
                        batch.commit(packet.len());
                    } else {
                        batch.push(packet);
                    }
                }
                prop_assert_eq!(batch.len(), packets.len());
                for (at, (plain, (packet, _))) in batch.plain().zip(&packets).enumerate() {
                    prop_assert_eq!((plain.packet(), batch.get(at)), (&packet[..], Some(&packet[..])));
                    let padded = plain.padded(packet.len().next_multiple_of(PADDING)).unwrap();
                    prop_assert!(padded[packet.len()..].iter().all(|byte| *byte == 0));
                    prop_assert!(plain.padded(padded.len() + 1).is_none());
                    let cut = plain.cut(packet.len().saturating_sub(1));
                    prop_assert!(packet.is_empty() || cut.padded(packet.len()).is_none(), "what was cut off is no zero");
                }
            }
        }

        #[test]
        fn equal_datagrams_to_one_end_are_one_run(count in 1usize..20, tail in 1usize..8) {
            let mut datagrams = Datagrams::new();
            (0..count).for_each(|_| datagrams.push_with_outer(outer(1), &[0; 8]));
            datagrams.push_with_outer(outer(1), &[0; 8][..tail]);
            datagrams.push_with_outer(outer(1), &[0; 8]);
            let runs: Vec<_> = datagrams.runs(64, 1000).map(|(_, run, _)| run.len()).collect();
            prop_assert_eq!(runs, [count * 8 + tail, 8]);
        }
    }
}
