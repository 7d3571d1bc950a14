//! What a host should be like, from the map of its peer: a function, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::{Cidr, NetworkMap};

use super::nft::{HostTable, Ruleset};
use super::rule::{HostRoute, HostRule, RouteTo, rules};
use super::sysctl::{Before, Sysctl};
use super::{HostError, HostObserved, HostOptions};

/// What a host should be like around one interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostDesired {
    /// `None` when nothing of the interface should be there.
    pub(super) mtu: Option<u16>,
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) routes: BTreeSet<HostRoute>,
    pub(super) rules: BTreeSet<HostRule>,
    pub(super) table: Option<HostTable>,
    pub(super) sysctls: BTreeMap<Sysctl, u8>,
    /// What the table says of settings; those that are not changed any more are put back to this.
    pub(super) before: Before,
    /// What of the map is not there, and why.
    pub(super) notes: Vec<String>,
}

impl HostDesired {
    /// What the host of this map's peer should be like, whose tunnel carries packets of `mtu` bytes.
    ///
    /// # Errors
    /// [`HostError`] when something of somebody else's stands in the way.
    pub fn of(map: &NetworkMap, mtu: u16, options: &HostOptions, found: &HostObserved) -> Result<Self, HostError> {
        let name = &options.name;
        for address in map.addresses() {
            if let Some(by) = found.elsewhere.get(address) {
                return Err(HostError::AddressTaken { name: name.clone(), address: *address, by: by.clone() });
            }
        }
        if let Some(prefix) = found.foreign_routes.first() {
            return Err(HostError::TableTaken { name: name.clone(), table: options.table, prefix: *prefix });
        }
        let (routes, mut notes) = routes(map, found);
        let rules: BTreeSet<_> = rules(options, &routes).collect();
        let mut ruleset = Ruleset {
            forwards: !map.forward().is_empty(),
            masqueraded: masqueraded(map),
            marks_answers: found.checks_sources && routes.iter().any(|route| may_cover_an_endpoint(route, map)),
            ..Ruleset::default()
        };
        let sysctls = sysctls(map, &ruleset);
        ruleset.before = before(&sysctls, found);
        let was_closed = |sysctl| ruleset.before.get(&sysctl) == Some(&0);
        ruleset.closes_others = was_closed(Sysctl::ForwardIpv4) || was_closed(Sysctl::ForwardIpv6);
        let table = (!ruleset.is_empty()).then(|| ruleset.table(options));
        let is_possible = |address: &&IpAddr| address.is_ipv4() || found.has_ipv6;
        let addresses: BTreeSet<_> = map.addresses().iter().filter(is_possible).copied().collect();
        if addresses.len() < map.addresses().len() {
            notes.push("nothing of IPv6: it is switched off on this host".to_owned());
        }
        let is_forwarded = |is_ipv4| map.forward().iter().any(|rule| rule.to.is_ipv4() == is_ipv4);
        let families: Vec<_> = [true, false].into_iter().filter(|family| is_forwarded(*family)).collect();
        let closed = found.closed.iter().filter(|closed| families.iter().any(|family| closed.concerns(*family)));
        notes.extend(closed.map(ToString::to_string));
        let (routes, before) = (routes.into_iter().collect(), ruleset.before);
        Ok(Self { mtu: Some(mtu), addresses, routes, rules, table, sysctls, before, notes })
    }

    /// Nothing of the interface is there any more.
    pub fn nothing() -> Self {
        Self::default()
    }
}

/// The map's routes, but for those whose range the host is attached to (PLANNING.md, case 19); with a note on each of these.
fn routes(map: &NetworkMap, found: &HostObserved) -> (Vec<HostRoute>, Vec<String>) {
    let (mut routes, mut notes) = (Vec::new(), Vec::new());
    for prefix in map.routes().iter().filter(|prefix| prefix.is_ipv4() || found.has_ipv6) {
        match found.on_link(prefix) {
            Some((range, link)) => notes.push(format!("no route to {prefix}: {link} is attached to {range}")),
            None => routes.push(HostRoute { prefix: *prefix, to: RouteTo::Tunnel }),
        }
    }
    let has = |prefix| routes.iter().any(|route| route.prefix == prefix);
    // Whoever sends everything through an exit does not send IPv6 past it (PLANNING.md, I13).
    if found.has_ipv6 && has(Cidr::ALL_V4) && !has(Cidr::ALL_V6) {
        routes.push(HostRoute { prefix: Cidr::ALL_V6, to: RouteTo::Nowhere });
    }
    (routes, notes)
}

/// Whether datagrams may come from where this route leads. They do not come from inside the overlay, where we are ourselves.
fn may_cover_an_endpoint(route: &HostRoute, map: &NetworkMap) -> bool {
    route.prefix == Cidr::ALL_V4
        || route.prefix.is_ipv4() && !map.addresses().iter().any(|own| route.prefix.contains(*own))
}

/// What of that which the map forwards to sees this host's own address.
fn masqueraded(map: &NetworkMap) -> Vec<Cidr> {
    if map.forward().is_empty() { Vec::new() } else { map.masquerade().to_vec() }
}

fn sysctls(map: &NetworkMap, ruleset: &Ruleset) -> BTreeMap<Sysctl, u8> {
    let forwards = |is_ipv4| map.forward().iter().any(|rule| rule.to.is_ipv4() == is_ipv4);
    let needed = |sysctl: &Sysctl| match sysctl {
        Sysctl::ForwardIpv4 => forwards(true),
        Sysctl::ForwardIpv6 => forwards(false),
        Sysctl::MarkedSources => ruleset.marks_answers,
    };
    Sysctl::ALL.into_iter().filter(needed).map(|sysctl| (sysctl, 1)).collect()
}

/// What was before: as it is written down, by us or by another interface of ours; else as it is, where it has to change.
fn before(sysctls: &BTreeMap<Sysctl, u8>, found: &HostObserved) -> Before {
    let written = found.written();
    let of = |(sysctl, value): (&Sysctl, &u8)| {
        let known = written.get(sysctl).or_else(|| found.siblings.get(sysctl));
        let now = found.sysctls.get(sysctl).filter(|now| *now != value);
        Some((*sysctl, *known.or(now)?))
    };
    sysctls.iter().filter_map(of).collect()
}
