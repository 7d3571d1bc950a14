//! Where policies are enforced, and that nothing goes round: PLANNING.md I8, I12 and I13, by walking the maps of all peers.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/everything.rs"]
mod everything;
#[path = "common/fabric.rs"]
mod fabric;
#[path = "common/reference.rs"]
mod reference;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::world;
use everything::{everything, strokes};
use fabric::Fabric;
use nanami_model::{Cidr, Destination, Intent, Mode, OnAllDown, PeerId, Policy, Protocol, RouteId, Service};
use nanami_plan::{Selection, compile};
use proptest::prelude::*;

const PROBES: [(Protocol, u16); 6] = [
    (Protocol::Tcp, 1),
    (Protocol::Tcp, 443),
    (Protocol::Tcp, 501),
    (Protocol::Udp, 53),
    (Protocol::Udp, 101),
    (Protocol::Icmp, 0),
];

fn fabric(intent: &Intent) -> Fabric {
    Fabric::new(&compile(intent, &Selection::default()))
}

/// Addresses worth a packet: every peer's, and some behind routes, nested and not.
fn targets(intent: &Intent) -> Vec<IpAddr> {
    let behind = ["10.60.0.1", "10.60.1.1", "10.60.1.129", "fd60::1", "192.0.2.1", "2001:db8::1", "10.42.99.99"];
    let peers = intent.peers().flat_map(|(_, p)| p.addresses().to_vec());
    peers.chain(behind.iter().map(|text| text.parse().unwrap())).collect()
}

/// The peer that an address is of.
fn owner(intent: &Intent, at: IpAddr) -> Option<PeerId> {
    intent.peers().find(|(_, peer)| peer.addresses().contains(&at)).map(|(id, _)| id)
}

/// A packet of this service.
fn probe(service: &Service) -> (Protocol, u16) {
    (service.protocol().unwrap_or(Protocol::Tcp), service.ports().0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each hop of what is allowed, the first one that knows the source by its key and the last one too, lets pass from there to
    /// there exactly what is allowed: none leaves it to another one.
    #[test]
    fn i8_every_hop_lets_exactly_that_pass_which_is_allowed(world in world(), strokes in strokes()) {
        let intent = everything(&common::joined(&world.intent()), &strokes);
        let fabric = fabric(&intent);
        for (from, peer) in intent.peers() {
            for (to, source) in targets(&intent).into_iter().flat_map(|to| peer.addresses().iter().map(move |source| (to, *source))) {
                let allowed = |(protocol, port)| reference::allows(&intent, from, source, to, protocol, port);
                let Some(hops) = PROBES.into_iter().find_map(|(protocol, port)| fabric.hops(from, None, (source, to, protocol, port))) else { continue };
                for hop in hops {
                    for (protocol, port) in PROBES {
                        let passes = fabric.lets(hop, source, to, protocol, port);
                        prop_assert_eq!(passes, allowed((protocol, port)), "{} -> {} {}/{} at {}", source, to, protocol, port, intent.label(hop));
                    }
                }
            }
        }
    }

    /// No rule is there for nothing: each has a packet that may pass.
    #[test]
    fn i8_every_rule_is_there_for_something_that_is_allowed(world in world(), strokes in strokes()) {
        let intent = everything(&common::joined(&world.intent()), &strokes);
        let fabric = fabric(&intent);
        for (at, map) in fabric.maps() {
            let own = map.addresses();
            let accepts = map.filter().rules().iter().flat_map(|rule| own.iter().map(move |to| (rule.from, Cidr::host(*to), &rule.services)));
            let accepts = accepts.filter(|(from, to, _)| from.is_ipv4() == to.is_ipv4());
            let forwards = map.forward().iter().map(|rule| (rule.from, rule.to, &rule.services));
            let witnesses: Vec<_> = forwards.chain(accepts).collect();
            for (source, to, services) in witnesses {
                let sender = owner(&intent, source.address());
                prop_assert!(source.is_host() && sender.is_some(), "{} lets in {}, who is nobody", at, source);
                for service in services.iter() {
                    let (protocol, port) = probe(service);
                    let allowed = reference::allows(&intent, sender.unwrap(), source.address(), to.address(), protocol, port);
                    // Of several own addresses of one family the rules do not say which.
                    let other = own.iter().filter(|other| own.contains(&to.address()) && other.is_ipv4() == to.is_ipv4());
                    let mut other = other.filter(|other| reference::allows(&intent, sender.unwrap(), source.address(), **other, protocol, port));
                    prop_assert!(allowed || other.next().is_some(), "{} lets {} -> {} {} pass for nothing", at, source, to, service);
                }
            }
        }
    }

    /// A packet leaves the last gateway under the sender's address or under that gateway's, as the route there says; and nothing is
    /// masqueraded that is not forwarded.
    #[test]
    fn a_gateway_masquerades_exactly_what_the_routes_behind_it_ask_for(world in world(), strokes in strokes()) {
        let intent = everything(&common::joined(&world.intent()), &strokes);
        let fabric = fabric(&intent);
        for (from, peer) in intent.peers() {
            for (to, source) in targets(&intent).into_iter().flat_map(|to| peer.addresses().iter().map(move |source| (to, *source))) {
                let Some(hops) = PROBES.into_iter().find_map(|(protocol, port)| fabric.hops(from, None, (source, to, protocol, port))) else { continue };
                let last = hops[hops.len() - 1];
                let (_, map) = fabric.maps().find(|(id, _)| *id == last).unwrap();
                let behind = !map.addresses().contains(&to) && matches!(reference::destination(&intent, to), Some(Destination::Route(_)));
                let wanted = behind && reference::masquerades(&intent, last, to);
                let masquerades = map.masquerade().iter().any(|range| range.contains(to));
                prop_assert_eq!(masquerades, wanted, "{} -> {} at {}\n{}", source, to, intent.label(last), intent.to_toml());
            }
        }
        for (at, map) in fabric.maps() {
            for range in map.masquerade() {
                prop_assert!(map.forward().iter().any(|rule| rule.to == *range), "{} at {}", range, intent.label(at));
            }
        }
    }

    /// Wherever a packet is put into a tunnel, and whatever rule takes it on, it visits no hop twice, and three at most.
    #[test]
    fn i12_no_address_is_handed_on_in_a_circle(world in world(), strokes in strokes()) {
        let intent = everything(&common::joined(&world.intent()), &strokes);
        let fabric = fabric(&intent);
        for to in targets(&intent) {
            // What is for a host itself goes into no tunnel.
            for (from, _) in intent.peers().filter(|(_, peer)| !peer.addresses().contains(&to)) {
                let (mut visited, mut next) = (vec![from], fabric.egress(from, to));
                while let Some(hop) = next {
                    prop_assert!(!visited.contains(&hop), "{} goes round: {:?} then {}", to, visited, hop);
                    visited.push(hop);
                    next = fabric.hands_on(hop, to);
                }
                prop_assert!(visited.len() <= 1 + 3, "{} takes {} hops", to, visited.len() - 1);
            }
        }
    }

    /// While a change is made every hop has its old map or its new one. Whichever of them have which, no packet goes round: who sends
    /// it on is on a way of its flow, and takes it only from whom that way comes.
    #[test]
    fn t4_nothing_goes_round_by_old_ways_and_new_ones_together(
        world in world(),
        strokes in [strokes(), strokes()],
        chains in any::<[(u8, u8, u8); 2]>(),
        swaps in any::<bool>(),
    ) {
        // Two devices that change places are what could go round: each gateway handed on to the other one.
        let (a, b, c) = chains[0];
        let chains = if swaps { [chains[0], (a.wrapping_add(1), b, c)] } else { chains };
        let chained = |intent: Intent, n: usize| {
            let mut draft = intent.draft();
            common::chain(&intent, &mut draft, 90 + n, chains[n]);
            common::joined(&intent.apply(intent.owner(), &draft.into_changes()).unwrap_or(intent))
        };
        let before = chained(common::joined(&everything(&common::joined(&world.intent()), &strokes[0])), 0);
        let after = chained(common::joined(&everything(&before, &strokes[1])), 1);
        let states = [fabric(&before), fabric(&after)];
        let bearers = [&before, &after].into_iter().flat_map(|intent| intent.gateways().map(|(_, gateway)| gateway.peer()));
        let hops: BTreeSet<PeerId> = bearers.collect();
        let to: BTreeSet<IpAddr> = [&before, &after].into_iter().flat_map(targets).collect();
        for newer in 0..1u32 << hops.len() {
            let has_new: BTreeSet<_> = hops.iter().enumerate().filter(|(n, _)| newer >> n & 1 == 1).map(|(_, id)| *id).collect();
            for sender_too in [false, true] {
                // Of ends it does not matter which map they have: they send nothing on.
                let fabric = Fabric::between(&states[0], &states[1], |id| if hops.contains(&id) { has_new.contains(&id) } else { sender_too });
                for (from, map) in fabric.maps() {
                    for (to, source) in to.iter().flat_map(|to| map.addresses().iter().map(move |source| (*to, *source))) {
                        for (protocol, port) in [(Protocol::Tcp, 443), (Protocol::Icmp, 0)] {
                            prop_assert!(!fabric.goes_round(from, (source, to, protocol, port)), "{} -> {}", source, to);
                        }
                    }
                }
            }
        }
    }

    /// Of two plain devices behind different gateways each sends to its own gateway, that to the other one, and that to the device:
    /// three hops. To a route that its gateway does not stand before a device goes by that gateway and by one that does.
    #[test]
    fn i12_two_gateways_at_most_follow_each_other_and_each_hands_on_to_its_own_end(
        world in world(),
        strokes in strokes(),
        chain in any::<(u8, u8, u8)>(),
    ) {
        let intent = common::joined(&everything(&common::joined(&world.intent()), &strokes));
        let mut draft = intent.draft();
        common::chain(&intent, &mut draft, 99, chain);
        let intent = intent.apply(intent.owner(), &draft.into_changes()).unwrap_or(intent);
        let desired = compile(&intent, &Selection::default());
        prop_assert!(desired.check().is_ok(), "{}", desired.check().unwrap_err());
        let fabric = Fabric::new(&desired);
        for (from, peer) in intent.peers() {
            let Some(near) = peer.mode().gateway() else { continue };
            let bearer = intent.get(near).unwrap().peer();
            for (to, source) in targets(&intent).into_iter().flat_map(|to| peer.addresses().iter().map(move |source| (to, *source))) {
                let allowed = PROBES.into_iter().filter(|(protocol, port)| reference::allows(&intent, from, source, to, *protocol, *port));
                for (protocol, port) in allowed {
                    let hops = fabric.hops(from, None, (source, to, protocol, port));
                    match reference::destination(&intent, to) {
                        Some(Destination::Peer(end)) if !reference::asks_for_via(&intent, from, end) => {
                            if let Some([near, far]) = reference::chain(&intent, from, end) {
                                // Two that reach each other by a third one do not follow each other.
                                let expected = desired.way(near, far.into()).is_direct().then(|| vec![near, far, end]);
                                prop_assert_eq!(hops, expected, "{} -> {}\n{}", source, to, intent.to_toml());
                            }
                        }
                        Some(Destination::Route(route)) => {
                            let entity = intent.get(route).unwrap();
                            let by: Vec<_> = intent.gateways_of(route);
                            let last = |hop: &PeerId| by.iter().any(|id| intent.get(*id).unwrap().peer() == *hop);
                            let Some(hops) = hops.filter(|_| entity.on_all_down() != OnAllDown::FallBack) else { continue };
                            prop_assert_eq!(hops[0], bearer);
                            prop_assert!(hops.len() == if by.contains(&near) { 1 } else { 2 } && last(&hops[hops.len() - 1]), "{:?}", hops);
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Whoever sends everything of one family into the tunnels does so with the other one too.
    #[test]
    fn i13_a_default_route_of_one_family_has_one_of_the_other_beside_it(world in world(), strokes in strokes()) {
        let intent = everything(&common::joined(&world.intent()), &strokes);
        for (at, map) in fabric(&intent).maps() {
            let has = |prefix| map.routes().contains(&prefix);
            prop_assert_eq!(has(Cidr::ALL_V4), has(Cidr::ALL_V6), "at {}", at);
        }
    }
}

/// What is to be handed on to a gateway that has not joined would otherwise leave at the one before it.
#[test]
fn a_gateway_forwards_nothing_that_nobody_is_there_to_take_from_it() {
    let acme = common::acme();
    let vpc: IpAddr = "10.60.0.1".parse().unwrap();
    let forwards = |joined: &[&str]| {
        let mut draft = acme.draft();
        for (n, name) in joined.iter().enumerate() {
            draft.update(acme.id::<PeerId>(name).unwrap(), |peer| peer.with_key(common::key(n)));
        }
        let gateway = acme.id("ap-south").unwrap();
        let edge: PeerId = acme.id("edge-router").unwrap();
        draft.update(edge, |peer| peer.with_mode(Mode::Limited { gateway }));
        let route: RouteId = acme.id("vpc").unwrap();
        draft.add(Policy::allow("edge-to-vpc".parse().unwrap(), edge, route, Service::tcp(443)));
        let intent = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
        let map = compile(&intent, &Selection::default()).map_for(acme.id("ap-south").unwrap()).unwrap();
        map.forward().iter().any(|rule| rule.to.contains(vpc))
    };
    assert!(!forwards(&["edge-router", "ap-south"]));
    assert!(forwards(&["edge-router", "ap-south", "eu-west"]), "a standby is enough");
}
