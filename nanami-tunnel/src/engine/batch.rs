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
        self.entries.push((outer, start..start + written));
    }

    /// The datagrams, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.entries.iter().map(|(outer, range)| Datagram::new(*outer, &self.bytes[range.clone()]))
    }

    /// The datagram at this place.
    pub fn get(&self, at: usize) -> Option<Datagram<'_>> {
        self.entries.get(at).map(|(outer, range)| Datagram::new(*outer, &self.bytes[range.clone()]))
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
