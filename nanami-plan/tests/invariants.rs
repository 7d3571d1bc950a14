//! Promises of PLANNING.md section 5 that the other suites leave out: I11 to I13, re-derived from maps and nothing else.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use common::world;
use edits::{edited, edits};
use nanami_model::{Cidr, Intent, NetworkMap, PeerId, PublicKey};
use nanami_plan::{Desired, Selection, compile};
use proptest::prelude::*;

type Maps = BTreeMap<PublicKey, NetworkMap>;

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

/// The maps of those who have joined, by key.
fn maps(desired: &Desired) -> Maps {
    let joined = desired.intent().peers().filter_map(|(id, peer)| Some((id, peer.key()?)));
    joined.filter_map(|(id, key): (PeerId, _)| Some((key, desired.map_for(id)?))).collect()
}

/// Whom a map sends an address to: the neighbor with the longest prefix around it, and that prefix.
fn egress(map: &NetworkMap, to: IpAddr) -> Option<(Cidr, PublicKey)> {
    let owners = map.neighbors().iter().flat_map(|n| n.allowed_ips().iter().map(move |prefix| (*prefix, n.key())));
    let around = owners.filter(|(prefix, _)| prefix.contains(to));
    around.max_by_key(|(prefix, _)| prefix.length())
}

/// How many tunnels a packet goes through, if nobody filters: it ends with who has the address, or with a gateway that stands
/// before it and has no tunnel that leads to just what it forwards.
fn tunnels(maps: &Maps, from: PublicKey, to: IpAddr) -> usize {
    let (mut at, mut tunnels) = (from, 0);
    while let Some(map) = maps.get(&at) {
        let onward = egress(map, to);
        let mut rules = map.forward().iter().filter(|rule| !rule.to.is_host() && rule.to.contains(to)).peekable();
        let stands_before =
            rules.peek().is_some() && !rules.any(|rule| onward.is_some_and(|(prefix, _)| rule.to.covers(&prefix)));
        let ends = map.addresses().contains(&to) || (tunnels > 0 && stands_before);
        let Some((_, next)) = onward.filter(|_| !ends) else { break };
        (at, tunnels) = (next, tunnels + 1);
        assert!(tunnels <= maps.len(), "a packet to {to} goes round in a circle");
    }
    tunnels
}

fn everything(world: &common::World, edits: Vec<edits::Edit>) -> Intent {
    let edits = (0..).zip(edits);
    edits.fold(common::joined(&world.intent()), |intent, (n, edit)| edited(&intent, n, edit))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i11_what_follows_from_one_workspace_says_nothing_of_another(one in world(), other in world(), edits in edits()) {
        let (one, other) = (everything(&one, Vec::new()), everything(&other, edits));
        let alone = maps(&desired(&one));
        // Led from one to the other and back, as a process that serves both might.
        let there = desired(&one).what_if(&other).desired().clone();
        prop_assert_eq!(&maps(&there), &maps(&desired(&other)));
        prop_assert_eq!(&maps(there.what_if(&one).desired()), &alone);
        let keys: BTreeSet<_> = one.peers().filter_map(|(_, peer)| peer.key()).collect();
        for neighbor in alone.values().flat_map(NetworkMap::neighbors) {
            prop_assert!(keys.contains(&neighbor.key()));
        }
    }

    #[test]
    fn i12_nothing_goes_round_in_a_circle(world in world(), edits in edits()) {
        let intent = everything(&world, edits);
        let maps = maps(&desired(&intent));
        let behind = ["10.60.0.1", "10.60.1.1", "10.60.1.129", "10.61.0.1", "fd60::1", "192.0.2.1", "2001:db8::1"];
        let peers = intent.peers().flat_map(|(_, peer)| peer.addresses().to_vec());
        for to in peers.chain(behind.iter().map(|text| text.parse().unwrap())) {
            for from in maps.keys() {
                // To a gateway, from there to another one, and from that to the end; nobody hands on further.
                prop_assert!(tunnels(&maps, *from, to) <= 3, "{}", to);
            }
        }
    }

    #[test]
    fn i13_a_host_that_sends_one_family_into_the_tunnel_sends_both(world in world(), edits in edits()) {
        for map in maps(&desired(&everything(&world, edits))).values() {
            let [v4, v6] = [Cidr::ALL_V4, Cidr::ALL_V6].map(|default| map.routes().contains(&default));
            prop_assert_eq!(v4, v6);
        }
    }
}
