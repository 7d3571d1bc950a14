//! Evidence: who carries what now, what policies were used for, and what was tried in vain.

use std::net::IpAddr;
use std::time::Duration;

use super::millis;
use crate::cidr::Cidr;
use crate::id::{PeerId, PolicyId};
use crate::key::PublicKey;
use crate::service::Service;
use crate::tlv::{self, MessageError, Reader, Writer, malformed};

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

impl TakenOver {
    pub(super) fn read(value: &[u8]) -> Result<Self, MessageError> {
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
    pub(super) fn write(&self, w: &mut Writer) {
        w.bytes(1, &self.policy.to_bytes());
        if let Some(from) = self.from {
            w.bytes(2, &from.to_bytes());
        }
        w.number(3, self.open);
        w.number(4, self.opened);
        w.number(5, millis(self.last_use_age));
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, MessageError> {
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
    pub(super) fn write(&self, w: &mut Writer) {
        if let Some(from) = self.from {
            w.bytes(1, &from.to_bytes());
        }
        w.cidr(2, &Cidr::host(self.to));
        w.text(3, &self.service);
        w.number(4, self.count);
        w.number(5, millis(self.last_age));
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, MessageError> {
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
