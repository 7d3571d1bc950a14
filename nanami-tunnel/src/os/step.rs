//! One change of a host.

use std::fmt;
use std::net::IpAddr;

use nanami_model::Cidr;

use super::nft::{HostTable, script};
use super::rule::{HostRoute, HostRule};
use super::sysctl::Sysctl;

/// One change of a host, which can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStep {
    pub(super) change: Change,
    pub(super) interface: String,
    /// The interface's own table.
    pub(super) table: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Mtu {
        before: u16,
        after: u16,
    },
    Group {
        before: u32,
        after: u32,
    },
    Up(Presence),
    Address(Presence, IpAddr),
    Route(Presence, HostRoute),
    Rule(Presence, HostRule),
    /// Both are there before the step, and after it, or not: `None`.
    Table {
        name: String,
        before: Option<HostTable>,
        after: Option<HostTable>,
    },
    Sysctl {
        sysctl: Sysctl,
        before: u8,
        after: u8,
    },
}

/// Whether something is there after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Added,
    Removed,
}

impl HostStep {
    /// Whether it is about our nft table.
    pub(super) fn is_of_table(&self) -> bool {
        matches!(self.change, Change::Table { .. })
    }

    /// The step that takes this one back.
    pub(super) fn inverse(&self) -> Self {
        let change = match self.change.clone() {
            Change::Mtu { before, after } => Change::Mtu { before: after, after: before },
            Change::Group { before, after } => Change::Group { before: after, after: before },
            Change::Up(presence) => Change::Up(presence.inverse()),
            Change::Address(presence, address) => Change::Address(presence.inverse(), address),
            Change::Route(presence, route) => Change::Route(presence.inverse(), route),
            Change::Rule(presence, rule) => Change::Rule(presence.inverse(), rule),
            Change::Table { name, before, after } => Change::Table { name, before: after, after: before },
            Change::Sysctl { sysctl, before, after } => Change::Sysctl { sysctl, before: after, after: before },
        };
        Self { change, ..self.clone() }
    }
}

impl Presence {
    pub(super) fn is_added(self) -> bool {
        self == Self::Added
    }

    fn inverse(self) -> Self {
        if self.is_added() { Self::Removed } else { Self::Added }
    }

    fn verb(self) -> &'static str {
        if self.is_added() { "add" } else { "del" }
    }
}

/// The command that does the same.
impl fmt::Display for HostStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interface, table) = (&self.interface, self.table);
        match &self.change {
            Change::Mtu { after, .. } => write!(f, "ip link set {interface} mtu {after}"),
            Change::Group { after, .. } => write!(f, "ip link set {interface} group {after}"),
            Change::Up(up) => write!(f, "ip link set {interface} {}", if up.is_added() { "up" } else { "down" }),
            Change::Address(presence, address) => {
                write!(f, "ip address {} {} dev {interface}", presence.verb(), Cidr::host(*address))
            }
            Change::Route(presence, route) => {
                write!(f, "ip route {} {route}", presence.verb())?;
                match route.to {
                    super::rule::RouteTo::Tunnel => write!(f, " dev {interface} table {table}"),
                    super::rule::RouteTo::Nowhere => write!(f, " table {table}"),
                }
            }
            Change::Rule(presence, rule) => {
                let family = if rule.is_ipv4 { "-4" } else { "-6" };
                write!(f, "ip {family} rule {} {rule}", presence.verb())
            }
            Change::Table { name, after, .. } => {
                let script = script(name, after.as_ref());
                write!(f, "nft -f - <<end\n{script}end")
            }
            Change::Sysctl { sysctl, before, after } => write!(f, "sysctl {sysctl}={after}  # was {before}"),
        }
    }
}
