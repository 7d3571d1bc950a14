//! What is found on a host, as far as it concerns one interface.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::Cidr;

use super::closed::Closed;
use super::nft::HostTable;
use super::rule::{HostRoute, HostRule};
use super::sysctl::{Before, Sysctl};

/// What is found on a host, as far as it concerns one interface. What is somebody else's is told apart from what is ours,
/// and is never part of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostObserved {
    /// Our interface; `None` before it is made.
    pub(super) interface: Option<Found>,
    /// Addresses of other interfaces, with the interface.
    pub(super) elsewhere: BTreeMap<IpAddr, String>,
    /// Ranges that other interfaces are attached to, with the interface.
    pub(super) attached: BTreeMap<Cidr, String>,
    /// Our routes, in our table.
    pub(super) routes: BTreeSet<HostRoute>,
    /// What somebody else put into our table.
    pub(super) foreign_routes: Vec<Cidr>,
    /// Our rules.
    pub(super) rules: BTreeSet<HostRule>,
    /// Our nft table.
    pub(super) table: Option<HostTable>,
    /// The same as it was when we made it; `None` while none of ours is meant to be there.
    pub(super) made: Option<HostTable>,
    /// What of others drops what is forwarded; looked for only where something is.
    pub(super) closed: Vec<Closed>,
    /// What other interfaces of ours wrote down of settings.
    pub(super) siblings: Before,
    pub(super) sysctls: BTreeMap<Sysctl, u8>,
    /// Whether a new interface may have addresses of IPv6.
    pub(super) has_ipv6: bool,
    /// Whether some interface takes packets only where it would send their answers.
    pub(super) checks_sources: bool,
}

/// An interface of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) mtu: u16,
    pub(super) group: u32,
    pub(super) is_up: bool,
    pub(super) addresses: BTreeSet<IpAddr>,
}

impl HostObserved {
    /// The ranges that this host is attached to without the tunnel.
    pub fn attached(&self) -> impl Iterator<Item = Cidr> {
        self.attached.keys().copied()
    }

    /// What our table says that settings were. What we know ourselves counts more than what somebody has made of it.
    pub(super) fn written(&self) -> Before {
        self.made.as_ref().or(self.table.as_ref()).map(HostTable::before).unwrap_or_default()
    }

    /// The range that covers all of `prefix` on a link of this host, with that link.
    pub(super) fn on_link(&self, prefix: &Cidr) -> Option<(&Cidr, &str)> {
        let covers = |range: &&Cidr| range.covers(prefix);
        let range = self.attached.keys().filter(covers).max_by_key(|range| range.length())?;
        Some((range, &self.attached[range]))
    }
}
