//! The byte form of a map (see [`crate::tlv`]).

use std::net::IpAddr;
use std::time::Duration;

use super::{AcceptRule, Facet, ForwardRule, Neighbor, NetworkMap};
use crate::cidr::Cidr;
use crate::generation::{Epoch, Generation};
use crate::id::{PeerId, PolicyId};
use crate::service::Services;
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

const VERSION: u8 = 1;

mod tag {
    pub(super) const EPOCH: u8 = 1;
    pub(super) const GENERATION: u8 = 2;
    pub(super) const BASE: u8 = 3;
    pub(super) const ADDRESS: u8 = 4;
    pub(super) const NEIGHBOR: u8 = 5;
    pub(super) const ACCEPT: u8 = 6;
    pub(super) const FORWARD: u8 = 7;
    pub(super) const ROUTE: u8 = 8;

    pub(super) const KEY: u8 = 1;
    pub(super) const PEER: u8 = 2;
    pub(super) const NAME: u8 = 3;
    pub(super) const ALLOWED: u8 = 4;
    pub(super) const STANDBY: u8 = 5;
    pub(super) const ACCEPTED: u8 = 6;
    pub(super) const KEEPALIVE: u8 = 7;

    pub(super) const FROM: u8 = 1;
    pub(super) const TO: u8 = 2;
    pub(super) const SERVICE: u8 = 3;
    pub(super) const POLICY: u8 = 4;
}

impl NetworkMap {
    /// The map as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::versioned(VERSION);
        writer.number(tag::EPOCH, self.epoch.value().into());
        writer.number(tag::GENERATION, self.generation.value());
        if let Some(base) = self.base {
            writer.number(tag::BASE, base.value());
        }
        self.write_facet(Facet::Interface, &mut writer);
        for neighbor in &self.neighbors {
            writer.nested(tag::NEIGHBOR, |w| {
                write_identity(neighbor, w);
                write_cryptokey(neighbor, w);
            });
        }
        for facet in [Facet::Filter, Facet::Forward, Facet::Routes] {
            self.write_facet(facet, &mut writer);
        }
        writer.into_bytes()
    }

    /// The map in these bytes.
    ///
    /// # Errors
    /// [`MessageError`] if the version is unknown, a field is cut off or invalid, a key stands twice, or a prefix has two
    /// egress owners.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::versioned(bytes, VERSION)?;
        let mut map = Self::default();
        while let Some((tag, value)) = reader.next()? {
            match tag {
                tag::EPOCH => {
                    let epoch = tlv::number(value, "epoch")?;
                    map.epoch = Epoch::new(u32::try_from(epoch).map_err(|_| malformed("epoch"))?);
                }
                tag::GENERATION => map.generation = Generation::new(tlv::number(value, "generation")?),
                tag::BASE => map.base = Some(Generation::new(tlv::number(value, "base")?)),
                tag::ADDRESS => map.addresses.push(read_host(value)?),
                tag::NEIGHBOR => map.neighbors.push(read_neighbor(value)?),
                tag::ACCEPT => map.filter.rules.push(read_accept(value)?),
                tag::FORWARD => map.forward.push(read_forward(value)?),
                tag::ROUTE => map.routes.push(tlv::cidr(value)?),
                _ => {}
            }
        }
        map.canonical()
    }

    /// Sorts what was read, and refuses what no map holds.
    fn canonical(mut self) -> Result<Self, MessageError> {
        self.neighbors.sort_by_key(|n| n.key);
        if self.neighbors.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(malformed("one key for two neighbors"));
        }
        let mut owned: Vec<_> = self.neighbors.iter().flat_map(|n| &n.allowed_ips).collect();
        owned.sort_unstable();
        if owned.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(malformed("one prefix with two egress owners"));
        }
        self.filter.rules.sort();
        self.filter.rules.dedup();
        self.forward.sort();
        self.forward.dedup();
        self.routes.sort_unstable();
        self.routes.dedup();
        Ok(self)
    }

    pub(super) fn write_facet(&self, facet: Facet, writer: &mut Writer) {
        match facet {
            Facet::Interface => self.addresses.iter().for_each(|a| writer.cidr(tag::ADDRESS, &Cidr::host(*a))),
            Facet::Neighbors => {
                self.neighbors.iter().for_each(|n| writer.nested(tag::NEIGHBOR, |w| write_identity(n, w)));
            }
            Facet::Cryptokey => {
                for neighbor in &self.neighbors {
                    writer.bytes(tag::KEY, neighbor.key.as_bytes());
                    writer.nested(tag::NEIGHBOR, |w| write_cryptokey(neighbor, w));
                }
            }
            Facet::Filter => self.filter.rules.iter().for_each(|rule| {
                writer.nested(tag::ACCEPT, |w| write_rule(w, &rule.from, None, &rule.services, rule.policy));
            }),
            Facet::Forward => self.forward.iter().for_each(|rule| {
                writer.nested(tag::FORWARD, |w| write_rule(w, &rule.from, Some(&rule.to), &rule.services, rule.policy));
            }),
            Facet::Routes => self.routes.iter().for_each(|route| writer.cidr(tag::ROUTE, route)),
        }
    }
}

fn write_identity(neighbor: &Neighbor, w: &mut Writer) {
    w.bytes(tag::KEY, neighbor.key.as_bytes());
    if let Some(peer) = neighbor.peer {
        w.bytes(tag::PEER, &peer.to_bytes());
    }
    if let Some(name) = &neighbor.name {
        w.text(tag::NAME, name);
    }
    if let Some(keepalive) = neighbor.keepalive {
        w.number(tag::KEEPALIVE, keepalive.as_secs());
    }
}

fn write_cryptokey(neighbor: &Neighbor, w: &mut Writer) {
    neighbor.allowed_ips.iter().for_each(|cidr| w.cidr(tag::ALLOWED, cidr));
    for standby in &neighbor.standby {
        w.nested(tag::STANDBY, |w| {
            w.cidr(tag::FROM, &standby.prefix);
            w.number(tag::TO, standby.rank.into());
        });
    }
    neighbor.accepted.iter().for_each(|cidr| w.cidr(tag::ACCEPTED, cidr));
}

fn write_rule(w: &mut Writer, from: &Cidr, to: Option<&Cidr>, services: &Services, policy: Option<PolicyId>) {
    w.cidr(tag::FROM, from);
    if let Some(to) = to {
        w.cidr(tag::TO, to);
    }
    services.iter().for_each(|service| w.text(tag::SERVICE, service));
    if let Some(policy) = policy {
        w.bytes(tag::POLICY, &policy.to_bytes());
    }
}

fn read_host(value: &[u8]) -> Result<IpAddr, MessageError> {
    let cidr = tlv::cidr(value)?;
    if cidr.is_host() { Ok(cidr.address()) } else { Err(malformed("an address with a length")) }
}

fn read_neighbor(value: &[u8]) -> Result<Neighbor, MessageError> {
    let mut reader = Reader::new(value);
    let mut key = None;
    let mut fields = Vec::new();
    while let Some((tag, value)) = reader.next()? {
        if tag == tag::KEY { key = Some(tlv::key(value)?) } else { fields.push((tag, value)) }
    }
    let mut neighbor = Neighbor::new(key.ok_or(malformed("a neighbor without a key"))?, []);
    for (tag, value) in fields {
        match tag {
            tag::PEER => neighbor.peer = Some(PeerId::from_bytes(tlv::array(value, "peer")?)),
            tag::NAME => neighbor.name = Some(tlv::parse(value, "name")?),
            tag::ALLOWED => neighbor.allowed_ips.push(tlv::cidr(value)?),
            tag::STANDBY => neighbor = read_standby(neighbor, value)?,
            tag::ACCEPTED => neighbor.accepted.push(tlv::cidr(value)?),
            tag::KEEPALIVE => {
                neighbor = neighbor.with_keepalive(Duration::from_secs(tlv::number(value, "keepalive")?));
            }
            _ => {}
        }
    }
    neighbor.allowed_ips = super::sorted(neighbor.allowed_ips);
    neighbor.accepted = super::sorted(neighbor.accepted);
    Ok(neighbor)
}

fn read_standby(neighbor: Neighbor, value: &[u8]) -> Result<Neighbor, MessageError> {
    let (mut prefix, mut rank) = (None, 0);
    let mut reader = Reader::new(value);
    while let Some((tag, value)) = reader.next()? {
        match tag {
            tag::FROM => prefix = Some(tlv::cidr(value)?),
            tag::TO => rank = u8::try_from(tlv::number(value, "rank")?).map_err(|_| malformed("rank"))?,
            _ => {}
        }
    }
    Ok(neighbor.with_standby(prefix.ok_or(malformed("a standby without a prefix"))?, rank))
}

struct RuleFields {
    from: Cidr,
    to: Option<Cidr>,
    services: Services,
    policy: Option<PolicyId>,
}

fn read_rule(value: &[u8]) -> Result<RuleFields, MessageError> {
    let (mut from, mut to, mut services, mut policy) = (None, None, Vec::new(), None);
    let mut reader = Reader::new(value);
    while let Some((tag, value)) = reader.next()? {
        match tag {
            tag::FROM => from = Some(tlv::cidr(value)?),
            tag::TO => to = Some(tlv::cidr(value)?),
            tag::SERVICE => services.push(tlv::parse(value, "service")?),
            tag::POLICY => policy = Some(PolicyId::from_bytes(tlv::array(value, "policy")?)),
            _ => {}
        }
    }
    let from = from.ok_or(malformed("a rule without sources"))?;
    let services = Services::new(services).map_err(|_| malformed("a rule without services"))?;
    Ok(RuleFields { from, to, services, policy })
}

fn read_accept(value: &[u8]) -> Result<AcceptRule, MessageError> {
    let RuleFields { from, services, policy, .. } = read_rule(value)?;
    Ok(AcceptRule { from, services, policy })
}

fn read_forward(value: &[u8]) -> Result<ForwardRule, MessageError> {
    let RuleFields { from, to, services, policy } = read_rule(value)?;
    Ok(ForwardRule { from, to: to.ok_or(malformed("a forward rule without destinations"))?, services, policy })
}
