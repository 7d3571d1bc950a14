//! What runs on a machine differently from how its agent applied it, item by item.
//!
//! **Invariants**: it is told from two maps that the agent holds, what it applied and what runs, so that nothing but a difference
//! between these is ever listed (PLANNING.md I30); a list is bounded, and what fits no list is counted.

use std::time::Duration;

use super::{Report, millis};
use crate::cidr::Cidr;
use crate::id::{PeerId, PolicyId};
use crate::key::PublicKey;
use crate::network_map::{AcceptRule, ForwardRule, MapItem, NetworkMap};
use crate::service::{Service, Services};
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

/// One item of a map that runs differently from how it was applied. One that has another value than it had is listed twice: as
/// removed and as added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Altered {
    /// What was done.
    pub how: Alteration,
    /// The item.
    pub item: MapItem,
    /// How long ago the agent first saw it.
    pub age: Duration,
}

/// What somebody did to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alteration {
    /// It was applied, and is not there.
    Removed,
    /// It was not applied, and is there.
    Added,
}

impl Report {
    /// How many altered items a report lists at most (chosen: more than people read; more is an overflow count).
    pub const MAX_ALTERED: usize = 32;

    /// Says what runs differently from how it was applied: the first items, and how many more there are. `age` says how long ago
    /// an item was first seen so.
    ///
    /// ```
    /// use nanami_model::{NetworkMap, Report};
    ///
    /// let applied = NetworkMap::new([]).with_routes(["10.60.0.0/16".parse()?]);
    /// let report = Report::default().with_altered(&applied, &NetworkMap::new([]), |_, _| std::time::Duration::ZERO);
    /// assert_eq!((report.altered.len(), report.altered_overflow), (1, 0));
    /// # Ok::<(), nanami_model::ParseCidrError>(())
    /// ```
    pub fn with_altered(
        mut self,
        applied: &NetworkMap,
        running: &NetworkMap,
        age: impl Fn(Alteration, &MapItem) -> Duration,
    ) -> Self {
        let removed = applied.items_beyond(running).into_iter().map(|item| (Alteration::Removed, item));
        let added = running.items_beyond(applied).into_iter().map(|item| (Alteration::Added, item));
        let altered = removed.chain(added).map(|(how, item)| Altered { age: age(how, &item), how, item });
        let (said, beyond): (Vec<_>, Vec<_>) = altered.partition(|altered| services(&altered.item) <= MAX_SERVICES);
        self.altered_overflow = (beyond.len() + said.len().saturating_sub(Self::MAX_ALTERED)) as u64;
        self.altered = said;
        self.altered.truncate(Self::MAX_ALTERED);
        self
    }
}

impl Altered {
    pub(super) fn write(&self, w: &mut Writer) {
        if self.how == Alteration::Added {
            w.number(ADDED, 1);
        }
        w.number(AGE, millis(self.age));
        match &self.item {
            MapItem::Address(address) => w.nested(1, |w| w.cidr(PREFIX, &Cidr::host(*address))),
            MapItem::Neighbor { key, peer, name, keepalive } => w.nested(2, |w| {
                w.bytes(KEY, key.as_bytes());
                peer.iter().for_each(|peer| w.bytes(PEER, &peer.to_bytes()));
                name.iter().for_each(|name| w.text(NAME, name));
                keepalive.iter().for_each(|every| w.number(NUMBER, every.as_secs()));
            }),
            MapItem::AllowedIp { prefix, of } => w.nested(3, |w| write_carried(w, prefix, of)),
            MapItem::Standby { prefix, rank, of } => w.nested(4, |w| {
                write_carried(w, prefix, of);
                w.number(NUMBER, (*rank).into());
            }),
            MapItem::Accepted { prefix, of } => w.nested(5, |w| write_carried(w, prefix, of)),
            MapItem::Accept(rule) => w.nested(6, |w| write_rule(w, &rule.from, None, &rule.services, rule.policy)),
            MapItem::Forward(rule) => {
                w.nested(7, |w| write_rule(w, &rule.from, Some(&rule.to), &rule.services, rule.policy));
            }
            MapItem::Route(prefix) => w.nested(8, |w| w.cidr(PREFIX, prefix)),
            MapItem::Masquerade(range) => w.nested(MASQUERADE, |w| w.cidr(PREFIX, range)),
        }
    }

    /// Reads one; `None` if it is about something that only a newer release knows.
    pub(super) fn read(value: &[u8]) -> Result<Option<Self>, MessageError> {
        let (mut how, mut age, mut item) = (Alteration::Removed, Duration::ZERO, None);
        let mut reader = Reader::new(value);
        while let Some((tag, value)) = reader.next()? {
            match tag {
                ADDED => how = Alteration::Added,
                AGE => age = Duration::from_millis(tlv::number(value, "age")?),
                1..=8 | MASQUERADE => item = Some(Parts::read(value)?.item(tag)?),
                _ => {}
            }
        }
        Ok(item.map(|item| Self { how, item, age }))
    }
}

fn write_carried(w: &mut Writer, prefix: &Cidr, of: &PublicKey) {
    w.cidr(PREFIX, prefix);
    w.bytes(KEY, of.as_bytes());
}

fn write_rule(w: &mut Writer, from: &Cidr, to: Option<&Cidr>, services: &Services, policy: Option<PolicyId>) {
    w.cidr(PREFIX, from);
    to.iter().for_each(|to| w.cidr(TO, to));
    services.iter().for_each(|service| w.text(SERVICE, service));
    policy.iter().for_each(|policy| w.bytes(POLICY, &policy.to_bytes()));
}

fn services(item: &MapItem) -> usize {
    match item {
        MapItem::Accept(rule) => rule.services.iter().len(),
        MapItem::Forward(rule) => rule.services.iter().len(),
        _ => 0,
    }
}

/// What the items of all kinds are made of.
#[derive(Default)]
struct Parts {
    prefix: Option<Cidr>,
    key: Option<PublicKey>,
    peer: Option<PeerId>,
    name: Option<crate::name::Name>,
    number: Option<u64>,
    to: Option<Cidr>,
    services: Vec<Service>,
    policy: Option<PolicyId>,
}

impl Parts {
    fn read(value: &[u8]) -> Result<Self, MessageError> {
        let (mut parts, mut reader) = (Self::default(), Reader::new(value));
        while let Some((tag, value)) = reader.next()? {
            match tag {
                PREFIX => parts.prefix = Some(tlv::cidr(value)?),
                KEY => parts.key = Some(tlv::key(value)?),
                PEER => parts.peer = Some(PeerId::from_bytes(tlv::array(value, "peer")?)),
                NAME => parts.name = Some(tlv::parse(value, "name")?),
                NUMBER => parts.number = Some(tlv::number(value, "number")?),
                TO => parts.to = Some(tlv::cidr(value)?),
                SERVICE => super::push(&mut parts.services, tlv::parse(value, "service")?, MAX_SERVICES)?,
                POLICY => parts.policy = Some(PolicyId::from_bytes(tlv::array(value, "policy")?)),
                _ => {}
            }
        }
        Ok(parts)
    }

    fn item(self, kind: u8) -> Result<MapItem, MessageError> {
        let missing = || malformed("an altered item without a part of it");
        let prefix = || self.prefix.ok_or_else(missing);
        let of = || self.key.ok_or_else(missing);
        let services = || Services::new(self.services.iter().copied()).map_err(|_| missing());
        Ok(match kind {
            1 => MapItem::Address(prefix()?.address()),
            2 => MapItem::Neighbor {
                key: of()?,
                peer: self.peer,
                name: self.name.clone(),
                keepalive: self.number.map(Duration::from_secs),
            },
            3 => MapItem::AllowedIp { prefix: prefix()?, of: of()? },
            4 => {
                let rank = self.number.and_then(|rank| u8::try_from(rank).ok()).ok_or_else(missing)?;
                MapItem::Standby { prefix: prefix()?, rank, of: of()? }
            }
            5 => MapItem::Accepted { prefix: prefix()?, of: of()? },
            6 => MapItem::Accept(AcceptRule { from: prefix()?, services: services()?, policy: self.policy }),
            7 => {
                let to = self.to.ok_or_else(missing)?;
                MapItem::Forward(ForwardRule { from: prefix()?, to, services: services()?, policy: self.policy })
            }
            8 => MapItem::Route(prefix()?),
            _ => MapItem::Masquerade(prefix()?),
        })
    }
}

// The tags of an altered item: 1 to 8 are its kinds, and 11.
const ADDED: u8 = 9;
const AGE: u8 = 10;
const MASQUERADE: u8 = 11;

// The tags of the parts of an item.
const PREFIX: u8 = 1;
const KEY: u8 = 2;
const PEER: u8 = 3;
const NAME: u8 = 4;
const NUMBER: u8 = 5;
const TO: u8 = 6;
const SERVICE: u8 = 7;
const POLICY: u8 = 8;

/// How many services a rule has at most to be listed (chosen: rules of people have a handful); one with more is counted.
const MAX_SERVICES: usize = 64;
