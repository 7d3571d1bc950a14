//! Reports: what a peer says that it applied, and what it sees.
//!
//! **Invariant**: a report never widens anything. It is a peer's own word, bounded in size; ages are durations before the
//! moment of sending, for clocks differ. Endpoints and counters never make a difference between desired and
//! observed (PLANNING.md I30).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cidr::Cidr;
use crate::entity::Facts;
use crate::generation::{Epoch, Generation};
use crate::network_map::{Digest, NetworkMap};
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

mod altered;
mod evidence;
mod link;

pub use altered::{Alteration, Altered};
pub use evidence::{Attempt, TakenOver, Usage};
pub use link::LinkReport;

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
    /// How many pairs of policy and peer are in no entry of `usage`, because there are more than fit.
    pub usage_overflow: u64,
    /// What the agent knows of its machine.
    pub facts: Facts,
    /// How long ago the agent applied the map; `None` if it does not say.
    pub applied_age: Option<Duration>,
    /// What runs differently from how the agent applied it; at most [`Report::MAX_ALTERED`].
    pub altered: Vec<Altered>,
    /// How many altered items are in no entry of `altered`, because there are more than fit.
    pub altered_overflow: u64,
    /// The ranges that the machine is attached to without a tunnel: those of its own links. At most [`Report::MAX_ON_LINK`].
    pub on_link: Vec<Cidr>,
}

const VERSION: u8 = 1;

impl Report {
    /// How many entries `attempts` and `usage` each have at most (chosen: a screenful; more is an overflow count).
    pub const MAX_ATTEMPTS: usize = 64;
    /// How many links a report has at most (chosen: more neighbors than any map of ours names today).
    pub const MAX_LINKS: usize = 100_000;

    /// How many ranges a machine says at most that it is attached to (chosen: more than any machine has links); an agent says
    /// the first so many.
    pub const MAX_ON_LINK: usize = 32;

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
        if self.facts != Facts::unknown() {
            w.nested(11, |w| write_facts(&self.facts, w));
        }
        if self.usage_overflow > 0 {
            w.number(12, self.usage_overflow);
        }
        self.applied_age.iter().for_each(|age| w.number(13, millis(*age)));
        self.altered.iter().for_each(|altered| w.nested(14, |w| altered.write(w)));
        if self.altered_overflow > 0 {
            w.number(15, self.altered_overflow);
        }
        self.on_link.iter().for_each(|range| w.cidr(16, range));
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
                11 => report.facts = read_facts(value)?,
                12 => report.usage_overflow = tlv::number(value, "overflow")?,
                13 => report.applied_age = Some(Duration::from_millis(tlv::number(value, "age")?)),
                14 => {
                    if let Some(altered) = Altered::read(value)? {
                        push(&mut report.altered, altered, Self::MAX_ALTERED)?;
                    }
                }
                15 => report.altered_overflow = tlv::number(value, "overflow")?,
                16 => push(&mut report.on_link, tlv::cidr(value)?, Self::MAX_ON_LINK)?,
                _ => {}
            }
        }
        Ok(report)
    }

    /// Drops what is about nobody that the reporting peer's map names, and what is said twice: a peer that reports what
    /// it likes makes no more of it than its map has neighbors (SEC-32).
    pub fn keep_neighbors(&mut self, map: &NetworkMap) {
        let mut links = BTreeSet::new();
        self.links.retain(|link| map.neighbor(&link.key).is_some() && links.insert(link.key));
        let mut taken = BTreeSet::new();
        self.taken_over.retain(|over| map.neighbor(&over.by).is_some() && taken.insert(over.prefix));
        let mut used = BTreeSet::new();
        self.usage.retain(|usage| used.insert((usage.policy, usage.from)));
    }
}

fn write_facts(facts: &Facts, w: &mut Writer) {
    facts.os().iter().for_each(|os| w.text(1, os));
    facts.os_version().iter().for_each(|version| w.text(2, version));
    facts.agent_version().iter().for_each(|version| w.text(3, version));
}

/// What a newer agent says in words that are not known here is not known, and no reason to refuse its report.
fn read_facts(value: &[u8]) -> Result<Facts, MessageError> {
    fn known<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
        std::str::from_utf8(value).ok().filter(|text| text.len() <= 64)?.parse().ok()
    }
    let (mut facts, mut reader) = (Facts::unknown(), Reader::new(value));
    while let Some((tag, value)) = reader.next()? {
        facts = match tag {
            1 => known(value).into_iter().fold(facts, Facts::with_os),
            2 => known(value).into_iter().fold(facts, Facts::with_os_version),
            3 => known(value).into_iter().fold(facts, Facts::with_agent_version),
            _ => facts,
        };
    }
    Ok(facts)
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

#[cfg(test)]
mod tests;
