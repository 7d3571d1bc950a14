//! Batches of packets and datagrams: the caller's buffers, which a driver keeps and reuses.
//!
//! **Invariant**: a batch is one allocation of bytes and one of ends; clearing keeps both, so that packet calls allocate
//! nothing once the batches have grown to their working size.

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
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Packets {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies a packet to the end of the batch.
    pub fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
    }

    /// The packets, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// The packet at this place.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.ends.get(at).map(|end| &self.bytes[start..*end])
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
        self.bytes.clear();
        self.ends.clear();
    }
}

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
    bytes: Vec<u8>,
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
        if self.entries.is_empty() {
            self.bytes.clear();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(contents);
        self.entries.push((outer, start..self.bytes.len()));
    }

    /// Lets `fill` write at most `room` bytes straight into the batch and say how many it wrote.
    pub(crate) fn push_with(&mut self, outer: Outer, room: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        if self.entries.is_empty() {
            self.bytes.clear();
        }
        let start = self.bytes.len();
        self.bytes.resize(start + room, 0);
        let written = fill(&mut self.bytes[start..]).min(room);
        self.bytes.truncate(start + written);
        if written > 0 {
            self.entries.push((outer, start..start + written));
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
        let Self { bytes, entries } = self;
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
        self.bytes.clear();
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
