//! The first form of a map, which agents may still have on their disks: fields of tag, length and value, nested.
//!
//! It is read and no longer written; [`wire`](super::wire) is the form of today.

use std::net::IpAddr;
use std::time::Duration;

use super::entry::tag as field;
use super::neighbor::sorted;
use super::{AcceptRule, ForwardRule, Neighbor, NetworkMap, Standby};
use crate::cidr::Cidr;
use crate::generation::{Epoch, Generation};
use crate::id::{PeerId, PolicyId};
use crate::service::Services;
use crate::tlv::{self, MessageError, Reader, malformed};

pub(super) const VERSION: u8 = 1;

mod tag {
    pub(super) const EPOCH: u8 = 1;
    pub(super) const GENERATION: u8 = 2;
    pub(super) const BASE: u8 = 3;
    pub(super) const ADDRESS: u8 = 4;
    pub(super) const NEIGHBOR: u8 = 5;
    pub(super) const ACCEPT: u8 = 6;
    pub(super) const FORWARD: u8 = 7;
    pub(super) const ROUTE: u8 = 8;
}

/// The fields of a map, not checked against each other yet.
pub(super) fn read(bytes: &[u8]) -> Result<NetworkMap, MessageError> {
    let mut reader = Reader::versioned(bytes, VERSION)?;
    let mut map = NetworkMap::default();
    while let Some((tag, value)) = reader.next()? {
        match tag {
            tag::EPOCH => {
                let epoch = tlv::number(value, "epoch")?;
                map.epoch = Epoch::new(u32::try_from(epoch).map_err(|_| malformed("epoch"))?);
            }
            tag::GENERATION => map.generation = Generation::new(tlv::number(value, "generation")?),
            // No release wrote one: what it would have been a difference of was never said.
            tag::BASE => return Err(malformed("a difference in the first form of a map")),
            tag::ADDRESS => map.addresses.push(read_host(value)?),
            tag::NEIGHBOR => map.neighbors.push(read_neighbor(value)?),
            tag::ACCEPT => map.filter.rules.push(read_accept(value)?),
            tag::FORWARD => map.forward.push(read_forward(value)?),
            tag::ROUTE => map.routes.push(tlv::cidr(value)?),
            _ => {}
        }
    }
    Ok(map)
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
        if tag == field::KEY { key = Some(tlv::key(value)?) } else { fields.push((tag, value)) }
    }
    let mut standbys = Vec::new();
    let mut neighbor = Neighbor::new(key.ok_or(malformed("a neighbor without a key"))?, []);
    for (tag, value) in fields {
        match tag {
            field::PEER => neighbor.peer = Some(PeerId::from_bytes(tlv::array(value, "peer")?)),
            field::NAME => neighbor.name = Some(tlv::parse(value, "name")?),
            field::ALLOWED => neighbor.allowed_ips.push(tlv::cidr(value)?),
            field::STANDBY => standbys.push(read_standby(value)?),
            field::ACCEPTED => neighbor.accepted.push(tlv::cidr(value)?),
            field::KEEPALIVE => {
                neighbor = neighbor.with_keepalive(Duration::from_secs(tlv::number(value, "keepalive")?));
            }
            _ => {}
        }
    }
    neighbor.allowed_ips = sorted(neighbor.allowed_ips);
    neighbor.accepted = sorted(neighbor.accepted);
    Ok(neighbor.with_standbys(standbys))
}

fn read_standby(value: &[u8]) -> Result<Standby, MessageError> {
    let (mut prefix, mut rank) = (None, 0);
    let mut reader = Reader::new(value);
    while let Some((tag, value)) = reader.next()? {
        match tag {
            field::FROM => prefix = Some(tlv::cidr(value)?),
            field::TO => rank = u8::try_from(tlv::number(value, "rank")?).map_err(|_| malformed("rank"))?,
            _ => {}
        }
    }
    Ok(Standby { prefix: prefix.ok_or(malformed("a standby without a prefix"))?, rank })
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
            field::FROM => from = Some(tlv::cidr(value)?),
            field::TO => to = Some(tlv::cidr(value)?),
            field::SERVICE => services.push(tlv::parse(value, "service")?),
            field::POLICY => policy = Some(PolicyId::from_bytes(tlv::array(value, "policy")?)),
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
