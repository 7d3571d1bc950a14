//! What holds for every workspace: PLANNING.md I1, I5 to I7, I9 and I10.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;
#[path = "common/fabric.rs"]
mod fabric;
#[path = "common/reference.rs"]
mod reference;

use std::collections::BTreeSet;
use std::net::IpAddr;

use common::{World, world};
use edits::{edited, edits};
use fabric::Fabric;
use nanami_model::{Cidr, Destination, Intent, Protocol};
use nanami_plan::{Desired, Entry, Expansion, Selection, compile};
use proptest::prelude::*;

const PROBES: [(Protocol, u16); 8] = [
    (Protocol::Tcp, 1),
    (Protocol::Tcp, 399),
    (Protocol::Tcp, 443),
    (Protocol::Tcp, 501),
    (Protocol::Udp, 53),
    (Protocol::Udp, 101),
    (Protocol::Udp, 65535),
    (Protocol::Icmp, 0),
];

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

/// Addresses worth a packet: every peer's, and some behind routes, nested and not.
fn targets(intent: &Intent) -> Vec<IpAddr> {
    let behind = ["10.60.0.1", "10.60.1.1", "10.60.1.129", "fd60::1", "192.0.2.1", "2001:db8::1", "10.42.99.99"];
    let peers = intent.peers().flat_map(|(_, p)| p.addresses().to_vec());
    peers.chain(behind.iter().map(|text| text.parse().unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i5_i6_i8_i9_i13_the_check_finds_nothing(world in world()) {
        let desired = desired(&world.intent());
        prop_assert!(desired.check().is_ok(), "{}", desired.check().unwrap_err());
    }

    #[test]
    fn i1_the_same_intent_gives_the_same_bytes(world in world()) {
        let maps = |d: Desired| -> Vec<_> { d.intent().peers().filter_map(|(id, _)| d.map_for(id)).map(|m| m.encode()).collect() };
        prop_assert_eq!(maps(desired(&world.intent())), maps(desired(&world.intent())));
    }

    #[test]
    fn a_node_walked_entry_by_entry_is_its_map(world in world()) {
        let intent = world.intent();
        let desired = desired(&intent);
        for (id, _) in intent.peers() {
            let Some(map) = desired.map_for(id) else { continue };
            let (mut neighbors, mut accepts, mut routes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            desired.node(id).unwrap().expand(&mut Expansion::default(), |entry| match entry {
                Entry::Neighbor { peer, key } => {
                    let (id, peer) = intent.in_slot(peer).unwrap();
                    assert_eq!(peer.key().as_ref(), Some(key));
                    assert!(neighbors.insert(Some(id)));
                }
                Entry::Accept { from, services, policy } => {
                    for address in intent.in_slot(from).unwrap().1.addresses() {
                        if map.addresses().iter().any(|own| own.is_ipv4() == address.is_ipv4()) {
                            accepts.insert((Cidr::host(*address), services.clone(), Some(policy)));
                        }
                    }
                }
                Entry::Route(prefix) => _ = routes.insert(prefix),
                _ => {}
            });
            prop_assert_eq!(neighbors, map.neighbors().iter().map(|n| n.peer()).collect());
            prop_assert_eq!(routes, map.routes().iter().copied().collect());
            let rules = map.filter().rules().iter().map(|rule| (rule.from, rule.services.clone(), rule.policy));
            prop_assert_eq!(accepts, rules.collect());
        }
    }

    #[test]
    fn i7_access_is_what_the_reference_says(world in world()) {
        let intent = world.intent();
        let desired = desired(&intent);
        for (from, peer) in intent.peers() {
            for to in targets(&intent) {
                let Some(source) = peer.addresses().iter().find(|a| a.is_ipv4() == to.is_ipv4()) else { continue };
                for (protocol, port) in PROBES {
                    let said = match reference::destination(&intent, to) {
                        Some(destination) => desired.access().allows(from, destination, protocol, port).is_some(),
                        None => false,
                    };
                    let expected = reference::allows(&intent, from, *source, to, protocol, port);
                    prop_assert_eq!(said, expected, "{} -> {} {}/{}", from, to, protocol, port);
                }
            }
        }
    }

    /// The same of workspaces with everything in them that edits bring: owners, conditions, peers and networks out of use.
    #[test]
    fn i7_access_is_what_the_reference_says_whatever_is_edited(world in world(), edits in edits()) {
        let mut intent = world.intent();
        for (n, edit) in edits.into_iter().enumerate() {
            intent = edited(&intent, n, edit);
        }
        let desired = desired(&intent);
        for (from, peer) in intent.peers() {
            for to in targets(&intent) {
                let Some(destination) = reference::destination(&intent, to) else { continue };
                for (protocol, port) in PROBES {
                    let reaches = |source: &IpAddr| reference::allows(&intent, from, *source, to, protocol, port);
                    // To another peer any of its addresses will do; a route has this one.
                    let others = match destination {
                        Destination::Peer(id) => intent.get(id).unwrap().addresses().to_vec(),
                        _ => vec![to],
                    };
                    let expected = match destination {
                        Destination::Peer(_) => others.iter().any(|to| {
                            peer.addresses().iter().any(|s| reference::allows(&intent, from, *s, *to, protocol, port))
                        }),
                        _ => peer.addresses().iter().any(reaches),
                    };
                    let said = desired.access().allows(from, destination, protocol, port).is_some();
                    if matches!(destination, Destination::Peer(_)) || expected {
                        prop_assert_eq!(said, expected, "{} -> {} {}/{}", from, to, protocol, port);
                    }
                }
            }
        }
    }

    #[test]
    fn i7_maps_carry_what_the_reference_allows_and_nothing_else(world in world()) {
        let intent = common::joined(&world.intent());
        let fabric = Fabric::new(&desired(&intent));
        for (from, peer) in intent.peers() {
            for to in targets(&intent) {
                for source in peer.addresses() {
                    for (protocol, port) in PROBES {
                        let packet = (*source, to, protocol, port);
                        let expected = reference::allows(&intent, from, *source, to, protocol, port);
                        prop_assert_eq!(fabric.passes(from, None, packet), expected, "{} -> {} {}/{}", source, to, protocol, port);
                    }
                }
            }
        }
    }

    /// A peer that does as it likes with its own map, and with the sources that it writes, gets nowhere that it may not be,
    /// while some of the others have not joined.
    #[test]
    fn i6_i7_no_first_hop_lets_a_tampered_peer_further_than_policy(world in world()) {
        let intent = world.intent();
        let fabric = Fabric::new(&desired(&intent));
        for (from, _) in intent.peers() {
            for (owner, forged) in intent.peers() {
                for source in forged.addresses() {
                    for to in targets(&intent) {
                        for (first, _) in intent.peers().filter(|(id, _)| *id != from) {
                            let packet = (*source, to, Protocol::Tcp, 443);
                            // A gateway may carry for those it stands in for; it is trusted with that, and with nothing more.
                            if fabric.passes(from, Some(first), packet) {
                                prop_assert!(reference::allows(&intent, owner, *source, to, Protocol::Tcp, 443));
                                prop_assert!(owner == from || intent.gateway_of(from).is_some());
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn i10_one_deny_more_or_one_allow_less_never_adds_anything(world in world(), drop in any::<prop::sample::Index>()) {
        let at = drop.index(world.policies.len());
        let mut fewer = world.policies.clone();
        let dropped = fewer.remove(at);
        let without = World { policies: fewer, ..world.clone() };
        let (more, less) = if dropped.deny { (without.intent(), world.intent()) } else { (world.intent(), without.intent()) };
        let more = desired(&more);
        let less = desired(&less);
        for (from, to, grants) in less.access().iter() {
            for (protocol, port) in PROBES {
                if grants.iter().any(|g| g.services.covers(protocol, port)) {
                    prop_assert!(more.access().allows(from, to, protocol, port).is_some());
                }
            }
        }
    }

    #[test]
    fn i9_what_is_only_denied_is_not_visible(world in world()) {
        let denies: Vec<_> = world.policies.iter().map(|d| common::Draw { deny: true, ..d.clone() }).collect();
        let intent = common::joined(&world.with_policies(&denies));
        let desired = desired(&intent);
        prop_assert!(desired.access().iter().next().is_none());
        for (id, _) in intent.peers() {
            prop_assert!(desired.map_for(id).unwrap().neighbors().is_empty());
        }
    }
}

#[test]
fn acme_allows_its_five_policies_and_nothing_else() {
    let intent = common::acme();
    let desired = desired(&intent);
    let mut pairs: Vec<String> = desired
        .access()
        .iter()
        .map(|(from, to, grants)| {
            let to = match to {
                Destination::Peer(id) => intent.name_of(id),
                Destination::Route(id) => intent.name_of(id),
                Destination::Address(_) => None,
            };
            format!("{} {} {}", intent.name_of(from).unwrap(), to.unwrap(), grants[0].services)
        })
        .collect();
    pairs.sort();
    assert_eq!(
        pairs,
        [
            "api-gateway db-cluster tcp/5432",
            "ci-runner k8s-ingress tcp/6443",
            "ci-runner vpc tcp/443",
            "edge-router api-gateway tcp/443",
            "edge-router exit any",
        ]
    );
    assert!(intent.peers().all(|(id, _)| desired.map_for(id).is_none()), "nobody has joined");
}
