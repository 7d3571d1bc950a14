//! The packet filter: what may reach this host, and what it forwards as a gateway.
//!
//! **Invariants**: without a rule nothing passes; IPv4 and IPv6 go the same way; a later fragment passes only where every
//! service is allowed. What a gateway forwards needs no state, so that a standby forwards it too: a packet passes by a
//! rule, or because it is shaped like a reply to what a rule allows (PLANNING.md section 6).

use std::net::IpAddr;

use nanami_model::{AcceptRule, Cidr, ForwardRule, NetworkMap, PolicyId, Protocol, Services};

use super::packet::{FlowKey, FlowProtocol, Inner};
use super::prefixes::Prefixes;

/// The rules of one map, arranged for look-ups.
#[derive(Debug, Default)]
pub(crate) struct PacketFilter {
    accept: Prefixes<Vec<AcceptRule>>,
    forward: Prefixes<Vec<ForwardRule>>,
    /// The same rules by destination, for their mirrors.
    mirror: Prefixes<Vec<ForwardRule>>,
}

/// A rule applies; by this policy, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) policy: Option<PolicyId>,
    pub(crate) direction: Direction,
    /// The range of the rule that the packet goes to, and the one that it comes from.
    pub(crate) toward: Cidr,
    pub(crate) back: Cidr,
}

/// Whether a packet goes the way of a rule or answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Asks,
    Replies,
}

impl PacketFilter {
    pub(crate) fn of(map: &NetworkMap) -> Self {
        let mut filter = Self::default();
        for rule in map.filter().rules() {
            filter.accept.entry(rule.from).push(rule.clone());
        }
        for rule in map.forward() {
            filter.forward.entry(rule.from).push(rule.clone());
            filter.mirror.entry(rule.to).push(rule.clone());
        }
        filter
    }

    /// Whether a packet to this host itself passes.
    pub(crate) fn accepts(&self, packet: &Inner<'_>) -> Option<Allowed> {
        let allowed = self.accepts_service(packet.source, packet.service())?;
        Some(Allowed { toward: Cidr::host(packet.destination), ..allowed })
    }

    /// Whether the packets of a flow that came in pass.
    pub(crate) fn accepts_flow(&self, key: &FlowKey) -> Option<Allowed> {
        let protocol = match key.protocol {
            FlowProtocol::Tcp => Protocol::Tcp,
            FlowProtocol::Udp => Protocol::Udp,
            FlowProtocol::Echo => Protocol::Icmp,
        };
        self.accepts_service(key.other.0, Some((protocol, key.own.1)))
    }

    fn accepts_service(&self, source: IpAddr, service: Option<(Protocol, u16)>) -> Option<Allowed> {
        let mut rules = self.accept.covering(source).flatten();
        let rule = rules.find(|rule| covers(&rule.services, service))?;
        let policy = rule.policy;
        Some(Allowed { policy, direction: Direction::Asks, toward: Cidr::host(source), back: rule.from })
    }

    /// Whether a packet between two other hosts is forwarded: by a rule, or as a reply to what one allows. An ICMP error
    /// passes if what it is about would.
    pub(crate) fn forwards(&self, packet: &Inner<'_>) -> Option<Allowed> {
        if let Some(quoted) = packet.quoted() {
            // The quoted packet went the other way; routers between may speak for the destination.
            let allowed = self.forwards_plain(&quoted)?;
            let back = Allowed { toward: allowed.back, back: allowed.toward, ..allowed };
            return (quoted.source == packet.destination).then_some(back);
        }
        self.forwards_plain(packet)
    }

    fn forwards_plain(&self, packet: &Inner<'_>) -> Option<Allowed> {
        let asks = self.forward.covering(packet.source).flatten();
        let mut asks = asks.filter(|rule| rule.to.contains(packet.destination));
        if let Some(rule) = asks.find(|rule| covers(&rule.services, packet.service())) {
            let (policy, toward, back) = (rule.policy, rule.to, rule.from);
            return Some(Allowed { policy, direction: Direction::Asks, toward, back });
        }
        let service = packet.replied_service()?;
        let replies = self.mirror.covering(packet.source).flatten();
        let mut replies = replies.filter(|rule| rule.from.contains(packet.destination));
        let rule = replies.find(|rule| rule.services.covers(service.0, service.1))?;
        let (policy, toward, back) = (rule.policy, rule.from, rule.to);
        Some(Allowed { policy, direction: Direction::Replies, toward, back })
    }
}

fn covers(services: &Services, service: Option<(Protocol, u16)>) -> bool {
    match service {
        Some((protocol, port)) => services.covers(protocol, port),
        None => services.iter().any(|service| service.protocol().is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::icmp::{Unreachable, unreachable};
    use super::super::packet::tests::{ACK, SYN, tcp, udp};
    use super::*;
    use nanami_model::{Filter, Service};

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    fn gateway() -> PacketFilter {
        let rule = |from: &str, to: &str, service| ForwardRule {
            from: cidr(from),
            to: cidr(to),
            services: Services::from(service),
            policy: None,
        };
        PacketFilter::of(
            &NetworkMap::default()
                .with_forward(rule("10.43.0.0/16", "10.60.0.0/16", Service::tcp(443)))
                .with_forward(rule("fd43::/48", "fd60::/48", Service::tcp(443))),
        )
    }

    fn forwards(filter: &PacketFilter, packet: &[u8]) -> Option<Direction> {
        filter.forwards(&Inner::parse(packet).unwrap()).map(|allowed| allowed.direction)
    }

    #[test]
    fn without_rules_nothing_passes() {
        let filter = PacketFilter::of(&NetworkMap::default());
        for packet in [tcp("10.0.0.1:1", "10.0.0.2:2", SYN), udp("[fd00::1]:1", "[fd00::2]:2", b"")] {
            let packet = Inner::parse(&packet).unwrap();
            assert!(filter.accepts(&packet).is_none() && filter.forwards(&packet).is_none());
        }
    }

    #[test]
    fn a_rule_admits_its_services_from_its_sources_only() {
        let rules = Filter::deny_all().accept(cidr("10.42.0.7/32"), Service::tcp(443));
        let filter = PacketFilter::of(&NetworkMap::default().with_filter(rules));
        let accepts = |packet: &[u8]| filter.accepts(&Inner::parse(packet).unwrap()).is_some();
        assert!(accepts(&tcp("10.42.0.7:9", "10.42.0.1:443", SYN)));
        assert!(!accepts(&tcp("10.42.0.8:9", "10.42.0.1:443", SYN)));
        assert!(!accepts(&tcp("10.42.0.7:9", "10.42.0.1:22", SYN)));
        assert!(!accepts(&udp("10.42.0.7:9", "10.42.0.1:443", b"")));
    }

    #[test]
    fn a_gateway_passes_what_asks_and_what_is_shaped_like_the_reply() {
        let filter = gateway();
        for (client, service) in [("10.43.0.5", "10.60.0.10"), ("[fd43::5]", "[fd60::10]")] {
            let at = |host: &str, port: u16| format!("{host}:{port}");
            let (asks, replies) = (Some(Direction::Asks), Some(Direction::Replies));
            assert_eq!(forwards(&filter, &tcp(&at(client, 4000), &at(service, 443), SYN)), asks);
            assert_eq!(forwards(&filter, &tcp(&at(service, 443), &at(client, 4000), SYN | ACK)), replies);
            assert_eq!(forwards(&filter, &tcp(&at(service, 443), &at(client, 4000), SYN)), None, "a bare SYN asks");
            assert_eq!(forwards(&filter, &tcp(&at(service, 22), &at(client, 4000), ACK)), None);
            assert_eq!(forwards(&filter, &tcp(&at(client, 4000), &at(service, 22), SYN)), None);
        }
    }

    #[test]
    fn an_icmp_error_passes_a_gateway_only_about_what_it_forwarded() {
        let filter = gateway();
        let about = |packet: &[u8]| {
            let packet = Inner::parse(packet).unwrap();
            unreachable("10.60.0.1".parse().unwrap(), &packet, Unreachable::NoRoute).unwrap()
        };
        let allowed = about(&tcp("10.43.0.5:4000", "10.60.0.10:443", SYN));
        assert!(forwards(&filter, &allowed).is_some());
        let other = about(&tcp("10.43.0.5:4000", "10.60.0.10:22", SYN));
        assert!(forwards(&filter, &other).is_none());
    }
}
