//! What a connection went through: segments sent again, and how long nothing was acknowledged.
//!
//! smoltcp does not tell; sequence numbers on the way out and acknowledgements on the way in do.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::denial::{TCP, tcp_ends};
use crate::engine::icmp::{checksum, ip_packet};

/// The flag that says that an acknowledgement number is there (RFC 9293 section 3.1).
const ACK: u8 = 0x10;

/// The course of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    /// The sequence number behind the last byte that was ever sent.
    sent_to: Option<u32>,
    acknowledged: Option<u32>,
    /// Since when bytes wait for an acknowledgement.
    waiting_since: Option<Instant>,
    pub(crate) retransmitted: u64,
    pub(crate) longest_stall: Duration,
    /// The longest time between two segments with data that came.
    pub(crate) longest_receive_gap: Duration,
    received_at: Option<Instant>,
    /// Acknowledgement number and window of the last segment that was sent, and the sequence number behind it.
    last_sent: Option<LastSent>,
}

#[derive(Debug, Clone, Copy)]
struct LastSent {
    next_sequence: u32,
    acknowledgement: u32,
    window: u16,
}

/// The parts of a TCP segment that the course depends on.
pub(super) struct Segment {
    pub(super) ends: (SocketAddr, SocketAddr),
    sequence: u32,
    acknowledgement: Option<u32>,
    payload: u32,
    window: u16,
}

pub(super) fn read(packet: &[u8]) -> Option<Segment> {
    let ends = tcp_ends(packet)?;
    let (header, total) = match packet[0] >> 4 {
        4 => (usize::from(packet[0] & 15) * 4, usize::from(u16::from_be_bytes([packet[2], packet[3]]))),
        _ => (40, 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]))),
    };
    let tcp = packet.get(header.max(20)..total.min(packet.len()))?;
    let word = |at: usize| Some(u32::from_be_bytes(tcp.get(at..at + 4)?.try_into().ok()?));
    let offset = usize::from(tcp.get(12)? >> 4) * 4;
    let acknowledges = tcp.get(13)? & ACK != 0;
    let window = u16::from_be_bytes(tcp.get(14..16)?.try_into().ok()?);
    let payload = u32::try_from(tcp.len().saturating_sub(offset)).unwrap_or(0);
    Some(Segment { ends, sequence: word(4)?, acknowledgement: word(8).filter(|_| acknowledges), payload, window })
}

impl Track {
    pub(super) fn new() -> Self {
        Self {
            sent_to: None,
            acknowledged: None,
            waiting_since: None,
            retransmitted: 0,
            longest_stall: Duration::ZERO,
            longest_receive_gap: Duration::ZERO,
            received_at: None,
            last_sent: None,
        }
    }

    pub(super) fn sent(&mut self, segment: &Segment, now: Instant) {
        let end = segment.sequence.wrapping_add(segment.payload);
        if let Some(acknowledgement) = segment.acknowledgement {
            let next_sequence = self.sent_to.filter(|sent_to| after(*sent_to, end)).unwrap_or(end);
            self.last_sent = Some(LastSent { next_sequence, acknowledgement, window: segment.window });
        }
        if segment.payload == 0 {
            return;
        }
        match self.sent_to {
            Some(known) if !after(end, known) => self.retransmitted += 1,
            _ => self.sent_to = Some(end),
        }
        self.waiting_since.get_or_insert(now);
    }

    pub(super) fn received(&mut self, segment: &Segment, now: Instant) {
        if segment.payload > 0 {
            let gap = self.received_at.replace(now).map(|at| now.saturating_duration_since(at));
            self.longest_receive_gap = self.longest_receive_gap.max(gap.unwrap_or_default());
        }
        let (Some(acknowledgement), Some(sent_to)) = (segment.acknowledgement, self.sent_to) else { return };
        if self.acknowledged.is_some_and(|known| !after(acknowledgement, known)) {
            return;
        }
        self.acknowledged = Some(acknowledgement);
        self.longest_stall = self.longest_stall.max(self.stall(now));
        self.waiting_since = after(sent_to, acknowledgement).then_some(now);
    }

    /// A packet without data that says again what our last one acknowledged.
    pub(super) fn repeated_acknowledgement(&self, (own, remote): (SocketAddr, SocketAddr)) -> Option<Vec<u8>> {
        let last = self.last_sent?;
        let mut segment = Vec::with_capacity(20);
        segment.extend(own.port().to_be_bytes());
        segment.extend(remote.port().to_be_bytes());
        segment.extend(last.next_sequence.to_be_bytes());
        segment.extend(last.acknowledgement.to_be_bytes());
        segment.extend([5 << 4, ACK]);
        segment.extend(last.window.to_be_bytes());
        segment.extend([0; 4]);
        let mut pseudo = Vec::with_capacity(36);
        match (own.ip(), remote.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => pseudo.extend(from.octets().into_iter().chain(to.octets())),
            (IpAddr::V6(from), IpAddr::V6(to)) => pseudo.extend(from.octets().into_iter().chain(to.octets())),
            _ => return None,
        }
        pseudo.extend([0, TCP, 0, 20]);
        let sum = checksum([&pseudo[..], &segment]);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        Some(ip_packet(own.ip(), remote.ip(), TCP, &segment))
    }

    /// How long bytes have been waiting for an acknowledgement.
    pub(super) fn stall(&self, now: Instant) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// Whether sequence number `a` comes after `b` (RFC 9293 section 3.4: arithmetic modulo 2^32).
fn after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u32, payload: u32, acknowledgement: Option<u32>) -> Segment {
        let ends = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        Segment { ends, sequence, acknowledgement, payload, window: 1000 }
    }

    #[test]
    fn what_is_sent_again_and_what_stalls_is_counted_across_the_wrap() {
        let (mut track, start) = (Track::new(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        track.sent(&segment(u32::MAX - 50, 100, None), at(0));
        track.sent(&segment(49, 100, None), at(1));
        assert_eq!(track.retransmitted, 0);
        track.sent(&segment(u32::MAX - 50, 100, None), at(200));
        track.received(&segment(0, 0, Some(49)), at(250));
        track.received(&segment(0, 0, Some(149)), at(260));
        assert_eq!((track.retransmitted, track.longest_stall), (1, Duration::from_millis(250)));
        assert_eq!(track.stall(at(9000)), Duration::ZERO);
    }
}
