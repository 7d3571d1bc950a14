//! Neighbors: other peers, as one map shows them.
//!
//! **Invariant**: lists of prefixes are sorted and without duplicates; a standby has a rank of at least 1.

use std::time::Duration;

use crate::cidr::Cidr;
use crate::id::PeerId;
use crate::key::PublicKey;
use crate::name::Name;

/// Another peer, as one map shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    pub(super) key: PublicKey,
    pub(super) peer: Option<PeerId>,
    pub(super) name: Option<Name>,
    pub(super) allowed_ips: Vec<Cidr>,
    pub(super) standby: Vec<Standby>,
    pub(super) accepted: Vec<Cidr>,
    pub(super) keepalive: Option<Duration>,
}

/// A prefix that a neighbor takes over when the neighbors of lower rank are dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standby {
    /// What it would carry.
    pub prefix: Cidr,
    /// Its place behind the egress owner, which is rank 0: at least 1.
    pub rank: u8,
}

impl Neighbor {
    /// A neighbor that is the egress owner of these prefixes.
    pub fn new(key: PublicKey, allowed_ips: impl IntoIterator<Item = Cidr>) -> Self {
        let allowed_ips = sorted(allowed_ips);
        Self { key, peer: None, name: None, allowed_ips, standby: Vec::new(), accepted: Vec::new(), keepalive: None }
    }

    /// Says which peer this is, for people and for reports.
    pub fn with_identity(self, peer: PeerId, name: Name) -> Self {
        Self { peer: Some(peer), name: Some(name), ..self }
    }

    /// Adds prefixes that this neighbor takes over, sorted once.
    pub fn with_standbys(mut self, standbys: impl IntoIterator<Item = Standby>) -> Self {
        self.standby.extend(standbys.into_iter().map(|s| Standby { rank: s.rank.max(1), ..s }));
        self.standby.sort_unstable();
        self.standby.dedup_by_key(|s| s.prefix);
        self
    }

    /// Adds a prefix that this neighbor takes over at `rank`; rank 0 is the egress owner's and becomes 1.
    pub fn with_standby(mut self, prefix: Cidr, rank: u8) -> Self {
        self.standby.retain(|s| s.prefix != prefix);
        self.standby.push(Standby { prefix, rank: rank.max(1) });
        self.standby.sort_unstable();
        self
    }

    /// Sets further sources that are taken from it though sent elsewhere.
    pub fn with_accepted(self, sources: impl IntoIterator<Item = Cidr>) -> Self {
        Self { accepted: sorted(sources), ..self }
    }

    /// Sets how often an idle tunnel says that it is there; whole seconds, at most 65,535.
    pub fn with_keepalive(self, every: Duration) -> Self {
        Self { keepalive: Some(Duration::from_secs(every.as_secs().clamp(1, 65_535))), ..self }
    }

    /// Who it is on the wire.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Which peer it is; `None` in a map that was made from plain WireGuard configuration.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// Its name; `None` as for [`Neighbor::peer`].
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The prefixes that are sent to it, and taken from it.
    pub fn allowed_ips(&self) -> &[Cidr] {
        &self.allowed_ips
    }

    /// The prefixes that it takes over, and that are always taken from it.
    pub fn standby(&self) -> &[Standby] {
        &self.standby
    }

    /// Further sources that are taken from it though sent elsewhere.
    pub fn accepted(&self) -> &[Cidr] {
        &self.accepted
    }

    /// How often an idle tunnel says that it is there; `None` means never.
    pub fn keepalive(&self) -> Option<Duration> {
        self.keepalive
    }
}

pub(super) fn sorted(cidrs: impl IntoIterator<Item = Cidr>) -> Vec<Cidr> {
    let mut cidrs: Vec<_> = cidrs.into_iter().collect();
    cidrs.sort_unstable();
    cidrs.dedup();
    // Most neighbors have one, and there are many neighbors.
    cidrs.shrink_to_fit();
    cidrs
}
