//! Reports: what a peer says that it applied, and what it sees.
//!
//! **Invariant**: a report never widens anything. It is a peer's own word, bounded in size; ages are durations before the
//! moment of sending, for clocks differ. Endpoints and counters never make a difference between desired and
//! observed (PLANNING.md I30).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::cidr::Cidr;
use crate::generation::{Epoch, Generation};
use crate::id::{PeerId, PolicyId};
use crate::key::PublicKey;
use crate::network_map::Digest;
use crate::service::Service;
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

/// What a peer applied and sees, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The epoch of the map that runs.
    pub epoch: Epoch,
    /// The generation of the map that runs.
    pub generation: Generation,
    /// A digest of each facet that runs, in the order of [`Facet::ALL`](crate::Facet::ALL); empty if none does.
    pub digests: Vec<Digest>,
    /// Where the peer listens, as it knows itself: hints for its neighbors.
    pub endpoints: Vec<SocketAddr>,
    /// The tunnels to its neighbors.
    pub links: Vec<LinkReport>,
    /// The prefixes that a standby carries now, because the egress owner of the map is dead.
    pub taken_over: Vec<TakenOver>,
    /// What its policies were used for.
    pub usage: Vec<Usage>,
    /// What it refused, the busiest first; at most [`Report::MAX_ATTEMPTS`].
    pub attempts: Vec<Attempt>,
    /// How many refused packets are in no entry of `attempts`, because the table was full.
    pub attempts_overflow: u64,
    /// Packets that were dropped, by the engine's word for the reason.
    pub dropped: Vec<(String, u64)>,
}

/// One tunnel, as one end sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkReport {
    /// The neighbor at the other end.
    pub key: PublicKey,
    /// Where datagrams go; `None` if no address is known.
    pub endpoint: Option<SocketAddr>,
    /// How long ago the last handshake was; `None` if there was none.
    pub handshake_age: Option<Duration>,
    /// How many handshakes there were since the tunnel began.
    pub handshakes: u64,
    /// The round trip of the last probe inside the tunnel; `None` if none came back.
    pub rtt: Option<Duration>,
    /// Bytes that came out of the tunnel.
    pub received_bytes: u64,
    /// Bytes that went into the tunnel.
    pub sent_bytes: u64,
}

/// A prefix that is carried by a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TakenOver {
    /// The prefix.
    pub prefix: Cidr,
    /// The neighbor that carries it.
    pub by: PublicKey,
}

/// How much one policy was used by one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The policy.
    pub policy: PolicyId,
    /// Who began; `None` if the source is nobody's.
    pub from: Option<PeerId>,
    /// Flows that are open.
    pub open: u64,
    /// Flows that were ever opened.
    pub opened: u64,
    /// How long ago the last packet was.
    pub last_use_age: Duration,
}

/// What somebody tried in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Who tried; `None` if the source is nobody's.
    pub from: Option<PeerId>,
    /// The address that was wanted.
    pub to: IpAddr,
    /// The service that was wanted.
    pub service: Service,
    /// How many packets were refused.
    pub count: u64,
    /// How long ago the last one was.
    pub last_age: Duration,
}

const VERSION: u8 = 1;

impl Report {
    /// How many entries `attempts` and `usage` each have at most (chosen: a screenful; more is an overflow count).
    pub const MAX_ATTEMPTS: usize = 64;
    /// How many links a report has at most (chosen: more neighbors than any map of ours names today).
    pub const MAX_LINKS: usize = 100_000;

    /// The report as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::versioned(VERSION);
        w.number(1, self.epoch.value().into());
        w.number(2, self.generation.value());
        self.digests.iter().for_each(|digest| w.bytes(3, digest.as_bytes()));
        self.endpoints.iter().for_each(|at| w.socket(4, at));
        self.links.iter().for_each(|link| w.nested(5, |w| link.write(w)));
        for taken in &self.taken_over {
            w.nested(6, |w| {
                w.cidr(1, &taken.prefix);
                w.bytes(2, taken.by.as_bytes());
            });
        }
        self.usage.iter().for_each(|usage| w.nested(7, |w| usage.write(w)));
        self.attempts.iter().for_each(|attempt| w.nested(8, |w| attempt.write(w)));
        w.number(9, self.attempts_overflow);
        for (reason, count) in &self.dropped {
            w.nested(10, |w| {
                w.text(1, reason);
                w.number(2, *count);
            });
        }
        w.into_bytes()
    }

    /// The report in these bytes.
    ///
    /// # Errors
    /// [`MessageError`] if the version is unknown, a field is cut off or invalid, or a list is longer than its bound.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::versioned(bytes, VERSION)?;
        let mut report = Self::default();
        while let Some((tag, value)) = reader.next()? {
            match tag {
                1 => {
                    report.epoch =
                        Epoch::new(u32::try_from(tlv::number(value, "epoch")?).map_err(|_| malformed("epoch"))?);
                }
                2 => report.generation = Generation::new(tlv::number(value, "generation")?),
                3 => push(&mut report.digests, Digest::from_bytes(tlv::array(value, "digest")?), 16)?,
                4 => push(&mut report.endpoints, tlv::socket(value)?, 32)?,
                5 => push(&mut report.links, LinkReport::read(value)?, Self::MAX_LINKS)?,
                6 => push(&mut report.taken_over, TakenOver::read(value)?, Self::MAX_LINKS)?,
                7 => push(&mut report.usage, Usage::read(value)?, Self::MAX_ATTEMPTS)?,
                8 => push(&mut report.attempts, Attempt::read(value)?, Self::MAX_ATTEMPTS)?,
                9 => report.attempts_overflow = tlv::number(value, "overflow")?,
                10 => push(&mut report.dropped, read_dropped(value)?, 64)?,
                _ => {}
            }
        }
        Ok(report)
    }
}

fn push<T>(list: &mut Vec<T>, item: T, limit: usize) -> Result<(), MessageError> {
    if list.len() == limit {
        return Err(malformed("a list of a report is too long"));
    }
    list.push(item);
    Ok(())
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn read_dropped(value: &[u8]) -> Result<(String, u64), MessageError> {
    let (mut reason, mut count) = (String::new(), 0);
    let mut reader = Reader::new(value);
    while let Some((tag, value)) = reader.next()? {
        match tag {
            1 if value.len() <= 32 => reason = tlv::parse(value, "reason")?,
            1 => return Err(malformed("reason")),
            2 => count = tlv::number(value, "count")?,
            _ => {}
        }
    }
    Ok((reason, count))
}

impl LinkReport {
    fn write(&self, w: &mut Writer) {
        w.bytes(1, self.key.as_bytes());
        if let Some(at) = &self.endpoint {
            w.socket(2, at);
        }
        if let Some(age) = self.handshake_age {
            w.number(3, millis(age));
        }
        if let Some(rtt) = self.rtt {
            w.number(4, micros(rtt));
        }
        w.number(5, self.received_bytes);
        w.number(6, self.sent_bytes);
        w.number(7, self.handshakes);
    }

    fn read(value: &[u8]) -> Result<Self, MessageError> {
        let (mut key, mut link) = (None, None);
        let mut reader = Reader::new(value);
        while let Some((tag, value)) = reader.next()? {
            if tag == 1 {
                key = Some(tlv::key(value)?);
                continue;
            }
            let link = link.get_or_insert_with(Fields::default);
            match tag {
                2 => link.endpoint = Some(tlv::socket(value)?),
                3 => link.handshake_age = Some(Duration::from_millis(tlv::number(value, "age")?)),
                4 => link.rtt = Some(Duration::from_micros(tlv::number(value, "rtt")?)),
                5 => link.received_bytes = tlv::number(value, "received")?,
                6 => link.sent_bytes = tlv::number(value, "sent")?,
                7 => link.handshakes = tlv::number(value, "handshakes")?,
                _ => {}
            }
        }
        let Fields { endpoint, handshake_age, handshakes, rtt, received_bytes, sent_bytes } = link.unwrap_or_default();
        let key = key.ok_or(malformed("a link without a key"))?;
        Ok(Self { key, endpoint, handshake_age, handshakes, rtt, received_bytes, sent_bytes })
    }
}

#[derive(Default)]
struct Fields {
    endpoint: Option<SocketAddr>,
    handshake_age: Option<Duration>,
    handshakes: u64,
    rtt: Option<Duration>,
    received_bytes: u64,
    sent_bytes: u64,
}

impl TakenOver {
    fn read(value: &[u8]) -> Result<Self, MessageError> {
        let (mut prefix, mut by) = (None, None);
        let mut reader = Reader::new(value);
        while let Some((tag, value)) = reader.next()? {
            match tag {
                1 => prefix = Some(tlv::cidr(value)?),
                2 => by = Some(tlv::key(value)?),
                _ => {}
            }
        }
        let missing = malformed("a takeover without prefix or carrier");
        Ok(Self { prefix: prefix.ok_or(missing.clone())?, by: by.ok_or(missing)? })
    }
}

impl Usage {
    fn write(&self, w: &mut Writer) {
        w.bytes(1, &self.policy.to_bytes());
        if let Some(from) = self.from {
            w.bytes(2, &from.to_bytes());
        }
        w.number(3, self.open);
        w.number(4, self.opened);
        w.number(5, millis(self.last_use_age));
    }

    fn read(value: &[u8]) -> Result<Self, MessageError> {
        let (mut policy, mut from, mut open, mut opened, mut last_use_age) = (None, None, 0, 0, Duration::ZERO);
        let mut reader = Reader::new(value);
        while let Some((tag, value)) = reader.next()? {
            match tag {
                1 => policy = Some(PolicyId::from_bytes(tlv::array(value, "policy")?)),
                2 => from = Some(PeerId::from_bytes(tlv::array(value, "peer")?)),
                3 => open = tlv::number(value, "open")?,
                4 => opened = tlv::number(value, "opened")?,
                5 => last_use_age = Duration::from_millis(tlv::number(value, "age")?),
                _ => {}
            }
        }
        Ok(Self { policy: policy.ok_or(malformed("usage without a policy"))?, from, open, opened, last_use_age })
    }
}

impl Attempt {
    fn write(&self, w: &mut Writer) {
        if let Some(from) = self.from {
            w.bytes(1, &from.to_bytes());
        }
        w.cidr(2, &Cidr::host(self.to));
        w.text(3, &self.service);
        w.number(4, self.count);
        w.number(5, millis(self.last_age));
    }

    fn read(value: &[u8]) -> Result<Self, MessageError> {
        let (mut from, mut to, mut service, mut count, mut last_age) = (None, None, None, 0, Duration::ZERO);
        let mut reader = Reader::new(value);
        while let Some((tag, value)) = reader.next()? {
            match tag {
                1 => from = Some(PeerId::from_bytes(tlv::array(value, "peer")?)),
                2 => to = Some(tlv::cidr(value)?.address()),
                3 => service = Some(tlv::parse(value, "service")?),
                4 => count = tlv::number(value, "count")?,
                5 => last_age = Duration::from_millis(tlv::number(value, "age")?),
                _ => {}
            }
        }
        let missing = malformed("an attempt without its aim");
        Ok(Self { from, to: to.ok_or(missing.clone())?, service: service.ok_or(missing)?, count, last_age })
    }
}
