//! Our values as messages of the kernel, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nanami_model::Cidr;
use netlink_packet_core::DefaultNla;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::PROTOCOL;
use super::rule::{HostRoute, HostRule, MAIN, RouteTo};

fn family(is_ipv4: bool) -> AddressFamily {
    if is_ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

/// The interface with another MTU, another group, or up or down.
pub(super) fn link(index: u32, attributes: Vec<LinkAttribute>, up: Option<bool>) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    if let Some(up) = up {
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
    }
    message.attributes = attributes;
    RouteNetlinkMessage::SetLink(message)
}

/// The address as one of the interface, alone: no range comes with it.
pub(super) fn address(index: u32, address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address.is_ipv4());
    message.header.prefix_len = Cidr::host(address).length();
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    if address.is_ipv6() {
        // Nobody else is on this link who could have it, and a second of waiting helps nobody.
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    message
}

/// The address of an interface, and that interface.
pub(super) fn read_address(message: &AddressMessage) -> Option<(u32, IpAddr)> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })?;
    Some((message.header.index, address))
}

pub(super) fn route(index: u32, table: u32, route: &HostRoute) -> RouteMessage {
    let is_ipv4 = route.prefix.is_ipv4();
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(is_ipv4),
        destination_prefix_length: route.prefix.length(),
        protocol: RouteProtocol::Other(PROTOCOL),
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    let destination = match route.prefix.address() {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    };
    message.attributes = vec![RouteAttribute::Table(table), RouteAttribute::Destination(destination)];
    match route.to {
        RouteTo::Tunnel => {
            if is_ipv4 {
                message.header.scope = RouteScope::Link;
            }
            message.attributes.push(RouteAttribute::Oif(index));
        }
        RouteTo::Nowhere => {
            message.header.kind = RouteType::Unreachable;
            // Any other route to the same destinations comes first.
            message.attributes.push(RouteAttribute::Priority(u32::MAX));
        }
    }
    message
}

/// What of a route matters here.
pub(super) struct ReadRoute {
    pub(super) table: u32,
    pub(super) prefix: Cidr,
    pub(super) out: Option<u32>,
    pub(super) is_ours: bool,
    /// The hosts are on the link itself: nobody stands in between.
    pub(super) is_on_link: bool,
    pub(super) to: RouteTo,
}

pub(super) fn read_route(message: &RouteMessage) -> Option<ReadRoute> {
    let header = &message.header;
    let mut address = match header.address_family {
        AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let (mut table, mut out, mut has_gateway) = (u32::from(header.table), None, false);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Oif(index) => out = Some(*index),
            RouteAttribute::Destination(RouteAddress::Inet(to)) => address = IpAddr::V4(*to),
            RouteAttribute::Destination(RouteAddress::Inet6(to)) => address = IpAddr::V6(*to),
            RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::MultiPath(_) => has_gateway = true,
            _ => {}
        }
    }
    let to = if header.kind == RouteType::Unreachable { RouteTo::Nowhere } else { RouteTo::Tunnel };
    Some(ReadRoute {
        table,
        prefix: Cidr::new(address, header.destination_prefix_length).ok()?,
        out,
        is_ours: header.protocol == RouteProtocol::Other(PROTOCOL),
        is_on_link: header.kind == RouteType::Unicast && header.protocol == RouteProtocol::Kernel && !has_gateway,
        to,
    })
}

pub(super) fn rule(rule: &HostRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(rule.is_ipv4);
    message.header.action = RuleAction::ToTable;
    if rule.is_inverted {
        message.header.flags = RuleFlags::Invert;
    }
    let mut attributes = vec![
        RuleAttribute::Priority(rule.priority),
        RuleAttribute::Table(rule.table),
        RuleAttribute::FwMark(rule.mark),
        RuleAttribute::FwMask(rule.mask),
        RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)),
    ];
    attributes.extend(rule.suppressed.map(|length| RuleAttribute::SuppressPrefixLen(length.into())));
    if let Some(to) = rule.to {
        message.header.dst_len = Cidr::host(to.ip()).length();
        attributes.push(RuleAttribute::Destination(to.ip()));
        attributes.push(RuleAttribute::Other(DefaultNla::new(FRA_IP_PROTO, vec![TCP])));
        attributes.push(RuleAttribute::DestinationPortRange(RulePortRange { start: to.port(), end: to.port() }));
    }
    message.attributes = attributes;
    message
}

/// A rule that bears our protocol number.
pub(super) fn read_rule(message: &RuleMessage) -> Option<HostRule> {
    let is_ipv4 = match message.header.family {
        AddressFamily::Inet => true,
        AddressFamily::Inet6 => false,
        _ => return None,
    };
    let (mut to, mut port, mut is_ours) = (None, 0, false);
    let mut rule = HostRule {
        is_ipv4,
        priority: 0,
        mark: 0,
        mask: 0,
        is_inverted: message.header.flags.contains(RuleFlags::Invert),
        to: None,
        table: message.header.table.into(),
        suppressed: None,
    };
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = *priority,
            RuleAttribute::Table(table) => rule.table = *table,
            RuleAttribute::FwMark(mark) => rule.mark = *mark,
            RuleAttribute::FwMask(mask) => rule.mask = *mask,
            // The kernel says -1 when it means none.
            RuleAttribute::SuppressPrefixLen(length) => rule.suppressed = u8::try_from(*length).ok(),
            RuleAttribute::Destination(address) => to = Some(*address),
            RuleAttribute::DestinationPortRange(range) => port = range.start,
            RuleAttribute::Protocol(protocol) => is_ours = *protocol == RouteProtocol::Other(PROTOCOL),
            _ => {}
        }
    }
    rule.to = to.map(|address| (address, port).into());
    is_ours.then_some(rule)
}

/// Whether a route of the main table.
pub(super) fn is_main(table: u32) -> bool {
    table == MAIN
}

/// Of linux/fib_rules.h; the crate keeps the type of its value to itself.
const FRA_IP_PROTO: u16 = 22;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
