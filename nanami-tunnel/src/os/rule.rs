//! Routes and rules of policy routing, as values.
//!
//! **Invariant**: an interface's routes stand in a table of its own. Its rules make the kernel choose among that table and
//! the main one as if both were one table: the longest prefix wins, the interface's own among equals. Datagrams of the
//! tunnel itself bear a mark, and never see the table.

use std::fmt;
use std::net::SocketAddr;

use nanami_model::Cidr;

use super::{HostOptions, MARK};

/// A route in the interface's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostRoute {
    /// The destinations.
    pub prefix: Cidr,
    /// Where they are sent.
    pub to: RouteTo,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteTo {
    /// Into the tunnel.
    Tunnel,
    /// Nowhere: whoever sends is told so at once.
    Nowhere,
}

/// A rule that says when a table is asked. Rules are asked in the order of their priorities, the lowest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostRule {
    pub(super) is_ipv4: bool,
    pub(super) priority: u32,
    /// What has this mark, compared in the bits of the mask.
    pub(super) mark: u32,
    pub(super) mask: u32,
    /// Whether it is meant for everything but what is marked.
    pub(super) is_inverted: bool,
    pub(super) to: Option<SocketAddr>,
    pub(super) table: u32,
    /// An answer with a prefix of this length, or a shorter one, does not count.
    pub(super) suppressed: Option<u8>,
}

impl HostRule {
    /// The main table first, for what it knows more exactly than by a prefix of this length. The mark that is compared in no
    /// bit says whose rule it is: else two interfaces could not have the same rule each.
    fn nearer(options: &HostOptions, is_ipv4: bool, length: u8) -> Self {
        Self { suppressed: Some(length), ..Self::of_main(options, is_ipv4, priority(length)) }
    }

    /// The interface's table, for what it knows by a prefix of this length at least.
    fn tunnel(options: &HostOptions, is_ipv4: bool, length: u8) -> Self {
        let marked = Self {
            is_inverted: true,
            mark: MARK,
            mask: u32::MAX,
            table: options.table,
            ..Self::of_main(options, is_ipv4, 0)
        };
        Self { priority: priority(length) + 1, suppressed: length.checked_sub(1), ..marked }
    }

    /// Past the tunnel.
    fn direct(options: &HostOptions, to: SocketAddr) -> Self {
        Self { to: Some(to), ..Self::of_main(options, to.is_ipv4(), FIRST - 1) }
    }

    fn of_main(options: &HostOptions, is_ipv4: bool, priority: u32) -> Self {
        let (mark, mask) = (options.table, 0);
        Self { is_ipv4, priority, mark, mask, is_inverted: false, to: None, table: MAIN, suppressed: None }
    }

    /// Whether it was made for the interface with this table.
    pub(super) fn belongs_to(&self, table: u32) -> bool {
        self.table == table || (self.mark, self.mask) == (table, 0)
    }
}

/// The rules that a table with these routes needs.
pub(super) fn rules(options: &HostOptions, routes: &[HostRoute]) -> impl Iterator<Item = HostRule> {
    let direct = options.direct.iter().filter(|to| routes.iter().any(|route| route.prefix.contains(to.ip())));
    let direct = direct.map(|to| HostRule::direct(options, *to));
    let lengths = routes.iter().flat_map(|route| {
        let (is_ipv4, length) = (route.prefix.is_ipv4(), route.prefix.length());
        // Nothing is more exact than a host.
        let nearer = (!route.prefix.is_host()).then(|| HostRule::nearer(options, is_ipv4, length));
        nearer.into_iter().chain([HostRule::tunnel(options, is_ipv4, length)])
    });
    direct.chain(lengths)
}

/// Longer prefixes are asked first; a length has the same priority in every set of routes, so that another route does not
/// change the rules of those that stay.
fn priority(length: u8) -> u32 {
    FIRST + 2 * u32::from(128 - length)
}

impl fmt::Display for HostRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            RouteTo::Tunnel => write!(f, "{}", self.prefix),
            RouteTo::Nowhere => write!(f, "unreachable {}", self.prefix),
        }
    }
}

/// As `ip rule` would be told it.
impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "priority {}", self.priority)?;
        if let Some(to) = self.to {
            write!(f, " to {} ipproto tcp dport {}", Cidr::host(to.ip()), to.port())?;
        }
        match self.is_inverted {
            true => write!(f, " not fwmark {:#x}", self.mark)?,
            false => write!(f, " fwmark {:#x}/{:#x}", self.mark, self.mask)?,
        }
        match self.table {
            MAIN => f.write_str(" lookup main")?,
            table => write!(f, " lookup {table}")?,
        }
        self.suppressed.map_or(Ok(()), |length| write!(f, " suppress_prefixlength {length}"))
    }
}

/// Chosen: after those of virtual routers (1000), long before the main table's (32766), and where nobody known to us is.
pub(super) const FIRST: u32 = 20_000;
/// `RT_TABLE_MAIN`.
pub(super) const MAIN: u32 = 254;

#[cfg(test)]
mod tests;
