//! Steps that are found class by class are those that comparing every share finds, one by one and in texts.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;
#[path = "common/reversed.rs"]
mod reversed;

use common::{World, world};
use edits::{edited, edits};
use nanami_model::{
    GatewayId, Intent, Mode, NetworkId, Observed, PeerId, Policy, ReturnPath, RouteId, RoutingMode, RoutingPreference,
    Service, Timestamp, TrafficMode, User, name,
};
use nanami_plan::{Base, Desired, Plan, Selection, Stage, Step, compile, plan};
use proptest::prelude::*;
use reversed::reversed;

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn planned(before: &Desired, after: &Desired) -> Plan {
    plan(&Base::settled(before), after, Observed::none(), Timestamp::from_millis(0))
}

fn steps(plan: &Plan) -> Vec<Step> {
    Stage::ALL.into_iter().flat_map(|stage| plan.steps(stage)).collect()
}

/// The lines of the rollout.
fn rollout(plan: &Plan) -> (String, String) {
    let section = |text: String| {
        let lines = text.lines().skip_while(|line| !line.starts_with("Rollout"));
        lines.take_while(|line| !line.starts_with("Guarantees")).collect::<Vec<_>>().join("\n")
    };
    (section(plan.to_string()), section(format!("{plan:#}")))
}

fn with_via(world: &World, via: bool) -> Intent {
    let draws = world.policies.iter().map(|draw| common::Draw { via: if via { draw.via } else { 0 }, ..draw.clone() });
    world.with_policies(&draws.collect::<Vec<_>>())
}

/// An edit of what ways stand on: gateways, routes, addresses, pools, preferences, plain devices.
fn twisted(intent: &Intent, (what, a, b, c): edits::Edit) -> Intent {
    let mut draft = intent.draft();
    let peers: Vec<PeerId> = intent.peers().map(|(id, _)| id).collect();
    let gateways: Vec<GatewayId> = intent.gateways().map(|(id, _)| id).collect();
    let routes: Vec<RouteId> = intent.routes().map(|(id, _)| id).collect();
    let networks: Vec<NetworkId> = intent.networks().map(|(id, _)| id).collect();
    let gateway = gateways[usize::from(b) % gateways.len()];
    let peer = peers[usize::from(a) % peers.len().max(1)];
    let route = routes.get(usize::from(a).checked_rem(routes.len()).unwrap_or(0)).copied();
    let preference = match c % 3 {
        0 => RoutingPreference::default().with_traffic(TrafficMode::FullTunnel),
        1 => RoutingPreference::default().with_traffic(TrafficMode::VpnOnly),
        _ => RoutingPreference::default()
            .with_routing(RoutingMode::Manual { ingress: Some(gateway), egress: (c > 128).then_some(gateway) }),
    };
    match (what % 9, route) {
        (0, _) => draft.update(gateway, |gateway| gateway.draining()),
        (1, _) => draft.update(gateway, |gateway| gateway.disabled()),
        (2, Some(route)) => draft.update(route, |route| {
            let back = if c & 2 == 2 { ReturnPath::Snat } else { ReturnPath::Declared };
            route.with_redundancy(1 + c % 2).with_return_path(back)
        }),
        (3, Some(route)) => draft.update(route, |route| route.with_gateways([gateway])),
        (4, Some(route)) => draft.remove(route),
        (5, _) => draft.update(peer, |peer| {
            let at = format!("10.42.7.{c}").parse::<std::net::IpAddr>().unwrap();
            peer.with_addresses([at])
        }),
        (6, _) => draft.update(peer, |peer| peer.with_preference(preference)),
        (7, _) => draft.update(peer, |peer| peer.with_mode(Mode::Limited { gateway })),
        _ => draft.update(networks[usize::from(a) % networks.len()], |network| {
            let own = network.pools().to_vec();
            network.with_pools(own.into_iter().chain(["10.77.0.0/16".parse().unwrap()]))
        }),
    }
    intent.apply(intent.owner(), &draft.into_changes()).unwrap_or_else(|_| intent.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A state whose peers are in other slots is compared share by share.
    #[test]
    fn i20_steps_by_class_are_the_steps_of_every_share(world in world(), edits in edits(), via in any::<bool>(), ways in any::<u16>()) {
        let mut intent = with_via(&world, via);
        for (n, edit) in edits.into_iter().enumerate() {
            let next = if ways >> n & 1 == 1 { twisted(&intent, edit) } else { edited(&intent, n, edit) };
            let now = desired(&intent);
            let (by_class, by_share) = (planned(&now, &desired(&next)), planned(&now, &desired(&reversed(&next))));
            let (found, wanted) = (steps(&by_class), steps(&by_share));
            let wrong = found.iter().find(|s| !wanted.contains(s)).or(wanted.iter().find(|s| !found.contains(s)));
            prop_assert_eq!(&found, &wanted, "edit {} {:?}, above all {:#?}", n, edit, wrong);
            prop_assert_eq!(rollout(&by_class), rollout(&by_share), "edit {} {:?}", n, edit);
            prop_assert!(by_class.peers().eq(by_share.peers()));
            intent = next;
        }
    }

    /// Before the first revision nobody is anywhere, which an empty workspace says too.
    #[test]
    fn the_first_steps_by_class_are_those_of_every_share(world in world(), edits in edits(), via in any::<bool>(), ways in any::<u16>()) {
        let mut intent = with_via(&world, via);
        for (n, edit) in edits.into_iter().enumerate() {
            intent = if ways >> n & 1 == 1 { twisted(&intent, edit) } else { edited(&intent, n, edit) };
        }
        let after = desired(&intent);
        let first = plan(&Base::nothing(), &after, Observed::none(), Timestamp::from_millis(0));
        let empty = desired(&Intent::new(name!("other"), User::new(name!("owner"))));
        let by_share = planned(&empty, &after);
        let (found, wanted) = (steps(&first), steps(&by_share));
        let wrong = found.iter().find(|s| !wanted.contains(s)).or(wanted.iter().find(|s| !found.contains(s)));
        prop_assert_eq!(&found, &wanted, "above all {:#?}", wrong);
    }
}

/// Where a gateway hands on to another one, the client moves nothing when that is replaced: the gateway does, and is waited for.
#[test]
fn a_gateway_stops_once_the_one_that_hands_on_to_it_has_moved_to_another() {
    let acme = common::joined(&common::acme());
    let [us_east, eu_west, ap_south] =
        ["us-east", "eu-west", "ap-south"].map(|name| acme.id::<GatewayId>(name).unwrap());
    let [edge, db] = ["edge-router", "db-cluster"].map(|name| acme.id::<PeerId>(name).unwrap());
    let vpc: RouteId = acme.id("vpc").unwrap();
    let by = |gateway: GatewayId| {
        let mut draft = acme.draft();
        draft.update(edge, |peer| peer.with_mode(Mode::Limited { gateway: ap_south }));
        draft.update(vpc, |route| route.with_gateways([gateway]).with_redundancy(1));
        // Something else goes by the same two, so that the tunnel between them stays and no end of it is waited for.
        draft.update(db, |peer| peer.with_mode(Mode::Limited { gateway: us_east }));
        draft.add(Policy::allow(name!("db-to-edge"), db, edge, Service::tcp(22)));
        draft.add(Policy::allow(name!("edge-to-vpc"), edge, vpc, Service::tcp(443)));
        acme.apply(acme.owner(), &draft.into_changes()).unwrap()
    };
    let (before, after) = (desired(&by(us_east)), desired(&by(eu_west)));
    let peer = |gateway: GatewayId| acme.get(gateway).unwrap().peer();
    let all = steps(&planned(&before, &after));
    let gates = |gateway: GatewayId, stage: Stage| -> Vec<(PeerId, Stage)> {
        let own = all.iter().filter(|step| step.peer() == peer(gateway) && step.stage() == stage);
        own.flat_map(|step| step.gates()).map(|gate| (gate.peer, gate.stage)).collect()
    };
    assert!(gates(ap_south, Stage::Move).contains(&(peer(eu_west), Stage::Prepare)));
    assert!(gates(us_east, Stage::Retire).contains(&(peer(ap_south), Stage::Move)));
}
