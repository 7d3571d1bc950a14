//! What belongs to a route and to no other: its prefixes without those of routes that are more specific, and without the
//! pools, whose addresses are peers'.
//!
//! **Invariant**: the territories of the routes and the pools are disjoint, so that a packet's destination is one thing. A gateway
//! forwards to its routes' territories only; otherwise who may use an exit could reach every route behind the same gateway.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nanami_model::{Cidr, Intent, Route, RouteId};

/// The ranges of addresses that belong to this route, disjoint.
pub(crate) fn of(intent: &Intent, route: &Route) -> Vec<Cidr> {
    let pools = intent.networks().flat_map(|(_, network)| network.pools());
    let others = intent.routes().flat_map(|(_, other)| other.prefixes()).filter(|p| !route.prefixes().contains(p));
    let holes: Vec<_> = pools.chain(others).copied().collect();
    let mut ranges = Vec::new();
    for prefix in route.prefixes() {
        let inside: Vec<_> = holes.iter().filter(|hole| prefix.covers(hole)).copied().collect();
        cut(*prefix, &inside, &mut ranges);
    }
    ranges
}

/// The route that a prefix belongs to: the one with the longest prefix that covers it.
pub(crate) fn owner(intent: &Intent, prefix: &Cidr) -> Option<RouteId> {
    let longest = |route: &Route| route.prefixes().iter().filter(|p| p.covers(prefix)).map(Cidr::length).max();
    let covering = intent.routes().filter_map(|(id, route)| Some((longest(route)?, id)));
    covering.max_by_key(|(length, _)| *length).map(|(_, id)| id)
}

/// The next wider route: of those that cover every prefix of a route, the one that does so most narrowly.
pub(crate) fn wider(intent: &Intent, route: RouteId) -> Option<RouteId> {
    let inner = intent.get(route)?;
    let widths = |other: &Route| -> Option<u8> {
        let covering = |prefix: &Cidr| {
            other.prefixes().iter().filter(|p| p.covers(prefix) && *p != prefix).map(Cidr::length).max()
        };
        inner.prefixes().iter().map(covering).try_fold(u8::MAX, |least, length| Some(least.min(length?)))
    };
    let others = intent.routes().filter(|(id, _)| *id != route);
    others.filter_map(|(id, other)| Some((widths(other)?, id))).max().map(|(_, id)| id)
}

/// Collects `prefix` without the holes: halves it until a piece holds none, or is one.
fn cut(prefix: Cidr, holes: &[Cidr], into: &mut Vec<Cidr>) {
    let inside: Vec<_> = holes.iter().filter(|hole| hole.overlaps(&prefix)).copied().collect();
    if inside.is_empty() {
        into.push(prefix);
    } else if !inside.iter().any(|hole| hole.covers(&prefix)) {
        for half in halves(prefix) {
            cut(half, &inside, into);
        }
    }
}

fn halves(prefix: Cidr) -> [Cidr; 2] {
    let length = prefix.length() + 1;
    let second = match prefix.address() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() | 1 << (32 - length))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() | 1 << (128 - length))),
    };
    [prefix.address(), second].map(|at| Cidr::new(at, length).expect("a hole is inside, so the prefix is no host"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_out_is_gone_and_nothing_else_is() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        let mut pieces = Vec::new();
        cut(cidr("10.0.0.0/29"), &[cidr("10.0.0.3/32"), cidr("10.0.0.4/31")], &mut pieces);
        let texts: Vec<_> = pieces.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/31", "10.0.0.2/32", "10.0.0.6/31"]);
        let mut none = Vec::new();
        cut(cidr("10.0.0.0/29"), &[cidr("10.0.0.0/8")], &mut none);
        assert!(none.is_empty());
    }
}
