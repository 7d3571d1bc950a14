//! The effect is the difference of what two states allow, and nothing else (PLANNING.md I26).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/reference.rs"]
mod reference;

use std::net::IpAddr;

use common::{World, world};
use nanami_model::{
    Cidr, Destination, GatewayId, Intent, PeerId, Policy, PolicyId, Protocol, Route, RouteId, Service, name,
};
use nanami_plan::{Desired, Disturbance, Flows, Selection, compile};
use proptest::prelude::*;

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

/// The range that an address belongs to among the prefixes of both states.
fn range(before: &Intent, after: &Intent, at: IpAddr) -> Option<Cidr> {
    let all = before.routes().chain(after.routes()).flat_map(|(_, route)| route.prefixes().to_vec());
    all.filter(|prefix| prefix.contains(at)).max_by_key(Cidr::length)
}

fn covers(flows: Flows<'_>, of: &Intent, from: PeerId, at: IpAddr, range: Option<Cidr>, port: u16) -> bool {
    let to = reference::destination(of, at);
    flows.iter().any(|p| {
        let there = match p.to {
            Destination::Route(route) => match p.part {
                Some(part) => Some(part) == range,
                None => range.is_some_and(|r| of.get(route).is_some_and(|t| t.prefixes().contains(&r))),
            },
            to_peer => Some(to_peer) == to,
        };
        p.from == from && Some(p.to) == to && there && p.services.covers(Protocol::Tcp, port)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn i26_gained_lost_and_kept_are_what_the_reference_says(
        world in world(),
        policies in prop::collection::vec(any::<bool>(), 9),
        routes in prop::collection::vec(any::<bool>(), 4),
    ) {
        let pick = |keep: bool| {
            let mut n = 0;
            let mut chosen = |flags: &[bool]| { n += 1; !flags[n - 1] || keep };
            let some = world.policies.iter().filter(|_| chosen(&policies)).cloned().collect::<Vec<_>>();
            let mut n = 0;
            let mut chosen = |flags: &[bool]| { n += 1; !flags[n - 1] || !keep };
            let routes = world.routes.iter().filter(|_| chosen(&routes)).copied().collect::<Vec<_>>();
            World { policies: some, routes, ..world.clone() }.intent()
        };
        let (before, after) = (pick(true), pick(false));
        let what_if = desired(&before).what_if(&after);
        let effect = what_if.effect();
        let behind = ["10.60.0.1", "10.60.1.1", "10.60.1.129", "fd60::1", "192.0.2.1", "2001:db8::1"];
        for (from, peer) in after.peers() {
            let peers = after.peers().flat_map(|(_, p)| p.addresses().to_vec());
            for to in peers.chain(behind.iter().map(|text| text.parse::<IpAddr>().unwrap())) {
                let Some(source) = peer.addresses().iter().find(|a| a.is_ipv4() == to.is_ipv4()) else { continue };
                for port in [1, 399, 443, 501] {
                    let was = reference::allows(&before, from, *source, to, Protocol::Tcp, port);
                    let is = reference::allows(&after, from, *source, to, Protocol::Tcp, port);
                    let range = range(&before, &after, to);
                    let text = format!("{from} -> {to} tcp/{port}\n{effect:#}");
                    prop_assert_eq!(covers(effect.gained(), &after, from, to, range, port), is && !was, "gained {}", text);
                    prop_assert_eq!(covers(effect.lost(), &before, from, to, range, port), was && !is, "lost {}", text);
                    prop_assert_eq!(covers(effect.kept(), &after, from, to, range, port), was && is, "kept {}", text);
                }
            }
        }
    }

    #[test]
    fn a_state_and_itself_differ_in_nothing(world in world()) {
        let intent = world.intent();
        let what_if = desired(&intent).what_if(&intent);
        prop_assert!(what_if.effect().is_empty());
        prop_assert_eq!(what_if.recipients().count(), 0);
    }
}

#[test]
fn a_change_names_what_moves_who_approves_and_who_gets_a_new_map() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    let gateways = ["us-east", "eu-west"].map(|n| acme.id::<GatewayId>(n).unwrap());
    let (ci, db) = (acme.id::<PeerId>("ci-runner").unwrap(), acme.id::<PeerId>("db-cluster").unwrap());
    draft.remove(acme.id::<PolicyId>("ci-to-vpc").unwrap());
    draft.add(Policy::allow(name!("ci-reads-db"), ci, db, Service::tcp(5432)).with_via(gateways));
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let what_if = desired(&acme).what_if(&next);
    let expected = "\
Reachability
  gained   1   ci-runner -> db-cluster   tcp/5432   via us-east, standby eu-west
  lost     1   ci-runner -> vpc          tcp/443    via us-east, standby eu-west
  kept     4   none rerouted, none interrupted";
    assert_eq!(what_if.effect().to_string(), expected);
    let approvals: Vec<_> = what_if.effect().approvals().iter().map(|g| next.name_of(*g).unwrap().as_str()).collect();
    assert_eq!(approvals, ["platform"]);
    let recipients: Vec<_> = what_if.recipients().map(|id| next.name_of(id).unwrap().to_string()).collect();
    assert_eq!(recipients, ["ci-runner", "db-cluster", "eu-west", "us-east"]);
}

#[test]
fn draining_a_gateway_moves_its_flows_and_breaks_the_promise_of_a_standby() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    draft.update(acme.id::<GatewayId>("us-east").unwrap(), |gateway| gateway.draining());
    let what_if = desired(&acme).what_if(&acme.apply(acme.owner(), &draft.into_changes()).unwrap());
    let moved: Vec<_> = what_if.effect().rerouted().iter().collect();
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].disturbance, Some(Disturbance::Moves));
    assert!(what_if.effect().gained().is_empty() && what_if.effect().lost().is_empty());
    let error = what_if.check_assertions(&[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "assertion vpc-redundant: ci-runner reaches vpc by eu-west alone, so the loss of one gateway cuts it off"
    );
}

#[test]
fn a_route_inside_another_takes_its_part_away_from_those_who_may_not_use_it() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    let (prod, ap_south) = (acme.id("prod").unwrap(), acme.id::<GatewayId>("ap-south").unwrap());
    draft.add(Route::new(name!("vault"), prod, "10.60.9.0/24".parse().unwrap(), [ap_south]));
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let what_if = desired(&acme).what_if(&next);
    let lost: Vec<_> = what_if.effect().lost().iter().collect();
    // ci-runner loses it as a part of vpc, which it may use; edge-router never had it, for vpc was in the way.
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].to, Destination::Route(acme.id::<RouteId>("vpc").unwrap()));
    assert_eq!(lost[0].part, Some("10.60.9.0/24".parse().unwrap()));
    assert_eq!(what_if.effect().kept().count(), 5);
}
