//! Probes: ICMP echoes inside the tunnel that the engine itself asks and answers, to measure a link and to notice its end.
//!
//! **Invariants**: a probe is answered before the filter, but only if its source is accepted from its sender, and only so
//! often; an answer counts only for the question it carries, once. An ordinary ping is no probe: the filter decides.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};
use super::icmp;
use super::packet::{Icmp, Inner, Transport};

/// The probes of one neighbor, in both directions.
#[derive(Debug)]
pub(crate) struct Probes {
    unanswered: VecDeque<Sent>,
    sequence: u16,
    rtt: Option<Duration>,
    asked: u64,
    answered: u64,
    answers: Bucket,
    /// Somebody asked for a measurement that waits for a keypair.
    is_wanted: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    nonce: u64,
    at: Instant,
}

impl Probes {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            unanswered: VecDeque::new(),
            sequence: 0,
            rtt: None,
            asked: 0,
            answered: 0,
            answers: Bucket::new(now, ANSWERS),
            is_wanted: false,
        }
    }

    /// Somebody wants to know, as soon as there is a keypair.
    pub(crate) fn want(&mut self) {
        self.is_wanted = true;
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// The packet that asks; `nonce` is random.
    pub(crate) fn ask(&mut self, now: Instant, from: IpAddr, to: IpAddr, nonce: u64) -> Vec<u8> {
        if self.unanswered.len() >= MAX_UNANSWERED {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back(Sent { nonce, at: now });
        self.is_wanted = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.asked = self.asked.saturating_add(1);
        let mut payload = MAGIC.to_vec();
        payload.extend(nonce.to_be_bytes());
        icmp::echo_request(from, to, IDENTIFIER, self.sequence, &payload)
    }

    /// An answer came with this nonce. Returns the round-trip time, if we asked.
    pub(crate) fn answered(&mut self, now: Instant, nonce: u64) -> Option<Duration> {
        let at = self.unanswered.iter().position(|sent| sent.nonce == nonce)?;
        let measured = now.saturating_duration_since(self.unanswered[at].at);
        self.unanswered.drain(..=at);
        self.answered = self.answered.saturating_add(1);
        self.measure(measured);
        Some(measured)
    }

    /// A round trip took so long.
    pub(crate) fn measure(&mut self, measured: Duration) {
        // RFC 6298 section 2.3: the smoothed round-trip time moves an eighth of the way.
        self.rtt = Some(self.rtt.map_or(measured, |rtt| (rtt * 7 + measured) / 8));
    }

    /// Whether a probe may be answered now.
    pub(crate) fn may_answer(&mut self, now: Instant) -> bool {
        self.answers.take(now)
    }

    /// How many probes were asked, and how many of them were answered.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.asked, self.answered)
    }

    /// The smoothed round-trip time.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }
}

/// What a packet is to the prober.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Question,
    Answer { nonce: u64 },
}

/// Whether this packet is a probe or the answer to one.
pub(crate) fn recognize(packet: &Inner<'_>) -> Option<Seen> {
    let Transport::Icmp(icmp @ (Icmp::EchoRequest { .. } | Icmp::EchoReply { .. })) = packet.transport else {
        return None;
    };
    let (identifier, _, payload) = icmp::echo_parts(packet)?;
    let nonce = payload.strip_prefix(MAGIC.as_slice())?;
    let nonce = u64::from_be_bytes(nonce.try_into().ok()?);
    match icmp {
        _ if identifier != IDENTIFIER => None,
        Icmp::EchoRequest { .. } => Some(Seen::Question),
        _ => Some(Seen::Answer { nonce }),
    }
}

/// What tells a probe from an ordinary ping.
const MAGIC: [u8; 8] = *b"nanami-p";
const IDENTIFIER: u16 = 0x6e6d;
/// Questions whose answers still count. Chosen: 1.6 s of the fastest probing.
const MAX_UNANSWERED: usize = 8;
/// How fast one neighbor is answered. Chosen: four times the fastest probing.
const ANSWERS: Rate = Rate { every: Duration::from_millis(50), burst: 20 };

/// How often a link is measured while it is in use. Chosen: fresh enough for a person who looks at status.
pub(crate) const SLOW: Duration = Duration::from_secs(5);
/// How often a carrier of a prefix with standbys is asked while one of them is in use. Chosen: three misses are 600 ms, which
/// leaves TCP time to go on within a second.
pub(crate) const FAST: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_for_what_was_asked() {
        let start = Instant::now();
        let mut probes = Probes::new(start);
        let [us, them]: [IpAddr; 2] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let question = probes.ask(start, us, them, 77);
        let question = Inner::parse(&question).unwrap();
        assert_eq!(recognize(&question), Some(Seen::Question));
        let answer = icmp::echo_reply(&question);
        assert_eq!(recognize(&Inner::parse(&answer).unwrap()), Some(Seen::Answer { nonce: 77 }));
        let later = start + Duration::from_millis(3);
        assert_eq!(probes.answered(later, 78), None);
        assert_eq!(probes.answered(later, 77), Some(Duration::from_millis(3)));
        assert_eq!(probes.answered(later, 77), None);
        assert_eq!((probes.rtt(), probes.counts()), (Some(Duration::from_millis(3)), (1, 1)));
    }

    #[test]
    fn a_ping_is_no_probe() {
        let ping =
            icmp::echo_request("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), 1, 1, b"abcdefghijklmnop");
        assert_eq!(recognize(&Inner::parse(&ping).unwrap()), None);
    }
}
