//! The bytes of one entry, as its digest sees them: the same for every release, whatever the form on the wire is.
//!
//! **Invariant**: two entries that differ have different bytes; what stands here changes only with the digests' version.

use super::{MapEntry, Neighbor};
use crate::cidr::Cidr;
use crate::id::PolicyId;
use crate::service::Services;
use crate::tlv::Writer;

pub(super) mod tag {
    pub(in super::super) const KEY: u8 = 1;
    pub(in super::super) const PEER: u8 = 2;
    pub(in super::super) const NAME: u8 = 3;
    pub(in super::super) const ALLOWED: u8 = 4;
    pub(in super::super) const STANDBY: u8 = 5;
    pub(in super::super) const ACCEPTED: u8 = 6;
    pub(in super::super) const KEEPALIVE: u8 = 7;

    pub(in super::super) const FROM: u8 = 1;
    pub(in super::super) const TO: u8 = 2;
    pub(in super::super) const SERVICE: u8 = 3;
    pub(in super::super) const POLICY: u8 = 4;
}

pub(super) fn write(entry: &MapEntry<'_>, w: &mut Writer) {
    match entry {
        MapEntry::Address(address) => w.cidr(tag::FROM, &Cidr::host(*address)),
        MapEntry::Route(route) => w.cidr(tag::FROM, route),
        // A rule begins with its sources.
        MapEntry::Masquerade(range) => w.cidr(tag::TO, range),
        MapEntry::Identity(neighbor) => write_identity(neighbor, w),
        MapEntry::Cryptokey(neighbor) => write_cryptokey(neighbor, w),
        MapEntry::Accept(rule) => write_rule(w, &rule.from, None, &rule.services, rule.policy),
        MapEntry::Forward(rule) => write_rule(w, &rule.from, Some(&rule.to), &rule.services, rule.policy),
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
    w.bytes(tag::KEY, neighbor.key.as_bytes());
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
