//! Plans: their texts, their promises, and that a settled system plans nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/golden.rs"]
mod golden;

use std::collections::BTreeSet;

use common::{World, world};
use golden::{assert_columns, assert_page, golden};
use nanami_model::{
    Actor, GatewayId, Generation, Group, Intent, Name, Network, Observed, Peer, PeerId, Policy, PolicyId, Report,
    RouteId, Selector, Service, Timestamp, Usage, User, UserId, name,
};
use nanami_plan::{Base, Desired, Disruption, Exposure, Guarantee, Plan, Selection, Stage, compile, plan};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_545_275_000);

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn planned(before: Option<&Intent>, after: &Intent) -> Plan {
    let base = before.map_or_else(Base::nothing, |intent| Base::settled(&desired(intent)));
    let plan = plan(&base, &desired(after), Observed::none(), NOW);
    match after.owner() {
        Actor::User(owner) => plan.by(owner),
        _ => plan,
    }
}

/// The story of OUTPUT.md: ci-runner may read the database by a gateway, and the way into the VPC is closed.
fn story(acme: &Intent) -> Intent {
    let mut draft = acme.draft();
    let gateways = ["us-east", "eu-west"].map(|n| acme.id::<GatewayId>(n).unwrap());
    let (ci, db) = (acme.id::<PeerId>("ci-runner").unwrap(), acme.id::<PeerId>("db-cluster").unwrap());
    draft.remove(acme.id::<PolicyId>("ci-to-vpc").unwrap());
    draft.add(Policy::allow(name!("ci-reads-db"), ci, db, Service::tcp(5432)).with_via(gateways));
    acme.apply(acme.owner(), &draft.into_changes()).unwrap()
}

#[test]
fn the_first_plan_of_acme_reads_well_from_the_file_alone() {
    let plan = planned(None, &common::acme());
    assert_page(&plan.to_string());
    assert_columns(&format!("{plan:#}"));
    golden("plan_acme", &plan.to_string());
    golden("plan_acme_all", &format!("{plan:#}"));
    assert_eq!(plan.guarantees(), [Guarantee::NoOverGrant, Guarantee::KeptContinue]);
}

#[test]
fn a_small_change_is_shown_whole_with_the_use_of_what_it_takes_away() {
    let acme = common::joined(&common::acme());
    let next = story(&acme);
    let mut observed = Observed::none().clone();
    for (n, gateway) in ["us-east", "eu-west"].into_iter().enumerate() {
        let usage = Usage {
            policy: acme.id("ci-to-vpc").unwrap(),
            from: Some(acme.id("ci-runner").unwrap()),
            open: 0,
            opened: 4,
            last_use_age: std::time::Duration::from_secs(86_400 * (21 + n as u64)),
        };
        let report = Report { generation: Generation::new(1), usage: vec![usage], ..Report::default() };
        observed.record(acme.id(gateway).unwrap(), report, NOW).unwrap();
    }
    let plan = plan(&Base::settled(&desired(&acme)), &desired(&next), &observed, NOW);
    let plan = plan.by(acme.id::<UserId>("netops").unwrap());
    assert_page(&plan.to_string());
    golden("plan_story", &plan.to_string());
    assert!(plan.residual().is_empty(), "both gateways are heard of");
}

#[test]
fn a_gateway_that_drains_moves_a_flow_and_the_plan_says_what_it_does_not_promise() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    draft.update(acme.id::<GatewayId>("us-east").unwrap(), |gateway| gateway.draining());
    let plan = planned(Some(&acme), &acme.apply(acme.owner(), &draft.into_changes()).unwrap());
    assert_page(&plan.to_string());
    golden("plan_drain", &plan.to_string());
    assert_eq!(plan.guarantees(), [Guarantee::NoOverGrant]);
    let moves: Vec<_> = plan.steps(Stage::Move).collect();
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].disruption(), Disruption::Stall);
}

#[test]
fn a_flow_that_moves_waits_for_its_new_hop_and_the_old_hop_for_its_client() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    let vpc = acme.id::<RouteId>("vpc").unwrap();
    let ap_south = acme.id::<GatewayId>("ap-south").unwrap();
    let gone = acme.id::<GatewayId>("us-east").unwrap();
    draft.update(vpc, |route| {
        let others = route.gateways().listed().iter().copied().filter(|g| *g != gone).collect::<Vec<_>>();
        let new = nanami_model::Route::new(
            name!("vpc"),
            route.network(),
            route.prefixes()[0],
            [vec![ap_south], others].concat(),
        );
        new.with_redundancy(2)
    });
    let plan = planned(Some(&acme), &acme.apply(acme.owner(), &draft.into_changes()).unwrap());
    let name = |id: PeerId| acme.name_of(id).unwrap().to_string();
    let gates: Vec<String> = Stage::ALL
        .into_iter()
        .flat_map(|stage| plan.steps(stage))
        .flat_map(|step| {
            let gates = step
                .gates()
                .iter()
                .map(|gate| format!("{} {} after {} {}", name(step.peer()), step.stage(), name(gate.peer), gate.stage));
            gates.collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(gates, ["ci-runner move after ap-south prepare", "us-east retire after ci-runner move"], "{plan:#}");
}

#[test]
fn who_enforced_what_is_lost_and_is_not_heard_of_is_named() {
    let acme = common::joined(&common::acme());
    let plan = planned(Some(&acme), &story(&acme));
    let unheard: Vec<_> = plan.residual().iter().map(ToString::to_string).collect();
    assert_eq!(
        unheard,
        [
            "peer eu-west is not heard of, and lets 1 lost flow through until it is",
            "peer us-east is not heard of, and lets 1 lost flow through until it is",
        ]
    );
}

#[test]
fn an_address_that_means_somebody_else_breaks_the_first_guarantee_and_is_named() {
    let empty = Intent::new(name!("small"), User::new(name!("owner")));
    let mut draft = empty.draft();
    let all = draft.add(Group::new(name!("all")));
    let net = draft.add(Network::new(name!("net"), all, ["10.0.0.0/24".parse().unwrap()]));
    let [a, b] = [name!("a"), name!("b")].map(|n| draft.add(Peer::new(n).with_networks([net])));
    let before = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    let at = |id: PeerId| before.get(id).unwrap().addresses()[0];
    // One peer goes, and another one asks for its address.
    let mut swap = before.draft();
    swap.remove(b);
    swap.update(a, |peer| peer.with_addresses([at(b)]));
    let after = before.apply(before.owner(), &swap.into_changes()).unwrap();
    let plan = planned(Some(&before), &after);
    assert_eq!(plan.guarantees(), [Guarantee::KeptContinue]);
    assert!(matches!(plan.residual(), [Exposure::Rebound { address, .. }] if *address == at(b)), "{plan}");
}

#[test]
fn a_broken_assertion_stands_in_the_plan() {
    let acme = common::acme();
    let (ci, db) = (acme.id::<PeerId>("ci-runner").unwrap(), acme.id::<PeerId>("db-cluster").unwrap());
    let next = common::with_policy(&acme, Policy::allow(name!("shortcut"), ci, db, Service::tcp(5432)));
    let plan = planned(Some(&acme), &next);
    assert_page(&plan.to_string());
    golden("plan_broken", &plan.to_string());
}

#[test]
fn at_a_thousand_peers_the_text_is_a_page_and_counts_what_it_leaves_out() {
    let empty = Intent::new(name!("large"), User::new(name!("owner")));
    let mut draft = empty.draft();
    let named = |kind: &str, n: usize| -> Name { format!("{kind}-{n:04}").parse().unwrap() };
    let groups: Vec<_> = (0..50).map(|n| draft.add(Group::new(named("group", n)))).collect();
    let net = draft.add(Network::new(name!("net"), groups[0], ["10.0.0.0/16".parse().unwrap()]));
    for n in 0..1000 {
        draft.add(Peer::new(named("peer", n)).with_groups([groups[n / 20]]).with_networks([net]));
    }
    for n in 0..50 {
        draft.add(Policy::allow(named("next", n), groups[n], groups[(n + 1) % 50], Service::tcp(8080)));
    }
    let large = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    let first = planned(None, &large);
    assert_page(&first.to_string());
    golden("plan_thousand", &first.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i21_between_a_state_and_itself_there_is_nothing_to_do(world in world()) {
        let intent = world.intent();
        let plan = planned(Some(&intent), &intent);
        prop_assert!(plan.is_empty(), "{plan:#}");
        prop_assert_eq!(Stage::ALL.into_iter().flat_map(|s| plan.steps(s)).count(), 0);
    }

    #[test]
    fn i1_the_same_input_gives_the_same_text_and_id(world in world()) {
        let (a, b) = (planned(None, &world.intent()), planned(None, &world.intent()));
        prop_assert_eq!(a.id(), b.id());
        prop_assert_eq!(format!("{a:#}"), format!("{b:#}"));
    }

    /// Who has a step gets another map, and the other way round; gates point downwards.
    #[test]
    fn steps_name_exactly_the_peers_whose_map_changes(world in world(), keep in prop::collection::vec(any::<bool>(), 9)) {
        let fewer: Vec<_> = world.policies.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(p, _)| p.clone()).collect();
        let before = common::joined(&world.intent());
        let after = common::joined(&World { policies: fewer, ..world.clone() }.intent());
        let plan = planned(Some(&before), &after);
        let stepping: BTreeSet<_> = plan.peers().collect();
        let desired = (desired(&before), desired(&after));
        let changing: BTreeSet<_> = desired.0.what_if(&after).recipients().collect();
        prop_assert_eq!(&stepping, &changing, "{:#}", plan);
        for step in Stage::ALL.into_iter().flat_map(|stage| plan.steps(stage)) {
            prop_assert!(step.gates().iter().all(|gate| gate.stage < step.stage() && gate.peer != step.peer()));
        }
        let text = plan.to_string();
        prop_assert!(text.lines().count() <= 24 && text.lines().all(|line| line.chars().count() <= 100), "{}", text);
        let maps: BTreeSet<_> = plan.check().unwrap().maps().map(|(id, _)| id).collect();
        prop_assert_eq!(maps, changing);
    }
}

proptest! {
    // More of them, for few workspaces have a range that two routes claim and somebody who may use one of them only.
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The same where routes come and go, which moves ranges from one to another though no policy changes.
    #[test]
    fn steps_name_exactly_the_peers_whose_map_changes_when_routes_come_and_go(world in world(), pick in any::<prop::sample::Index>(), grow in any::<bool>()) {
        let with = common::joined(&world.intent());
        let routes: Vec<RouteId> = with.routes().map(|(id, _)| id).collect();
        prop_assume!(!routes.is_empty());
        let route = routes[pick.index(routes.len())];
        let mut draft = with.draft();
        let naming = with.policies().filter(|(_, policy)| policy.to() == Selector::Route(route)).map(|(id, _)| id);
        naming.for_each(|id| draft.remove(id));
        draft.remove(route);
        let without = with.apply(with.owner(), &draft.into_changes()).unwrap();
        let (before, after) = if grow { (without, with) } else { (with, without) };
        let plan = planned(Some(&before), &after);
        let stepping: BTreeSet<_> = plan.peers().collect();
        let states = [desired(&before), desired(&after)];
        let changing: BTreeSet<_> = after.peers().map(|(id, _)| id).filter(|id| states[0].map_for(*id) != states[1].map_for(*id)).collect();
        prop_assert_eq!(&stepping, &changing, "{:#}", plan);
    }
}

#[test]
fn a_plan_says_what_its_change_makes_suspicious() {
    let acme = common::joined(&common::acme());
    let ci = acme.id::<PeerId>("ci-runner").unwrap();
    let odd = |acme: &Intent, policies: &[&str]| {
        let mut draft = acme.draft();
        let nobody = match acme.id::<nanami_model::GroupId>("nobody") {
            Ok(group) => group,
            Err(_) => draft.add(Group::new(name!("nobody"))),
        };
        for policy in policies {
            draft.add(Policy::allow(policy.parse().unwrap(), ci, nobody, Service::tcp(22)));
        }
        acme.apply(acme.owner(), &draft.into_changes()).unwrap()
    };
    let one = odd(&acme, &["lonely"]);
    let plan = planned(Some(&acme), &one);
    let notices = plan.notices();
    assert_eq!((notices.len(), notices[0].code(), notices[0].field()), (1, "notice.empty_side", "to"));
    assert_page(&plan.to_string());
    golden("plan_notice", &plan.to_string());
    // What stood there before is no news of this change; the state itself still says it.
    let next = odd(&one, &["alone", "bereft", "deserted", "empty"]);
    let plan = planned(Some(&one), &next);
    let about: Vec<_> = plan.notices().iter().map(|notice| notice.subject().to_string()).collect();
    assert_eq!(about, ["policy alone", "policy bereft", "policy deserted", "policy empty"]);
    assert_eq!(plan.desired().notices().len(), 5);
    let text = plan.to_string();
    assert!(
        text.lines().count() <= 24
            && text.contains("Notice        policy alone, to: ")
            && text.contains("… and 2 more")
    );
    assert!(format!("{plan:#}").contains("policy empty, to: "), "nothing is left out of the whole text");
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(
        (&json["notices"]["count"], &json["notices"]["first"][3]["subject"]),
        (&4.into(), &"policy empty".into())
    );
    assert!(planned(Some(&next), &next).notices().is_empty());
}

#[test]
fn steps_name_whoever_comes_into_a_routed_range_and_leaves_it() {
    let acme = common::joined(&common::acme());
    let ci = acme.id::<PeerId>("ci-runner").unwrap();
    let mut observed = Observed::none().clone();
    let report = Report { on_link: vec!["10.60.0.0/15".parse().unwrap()], ..Report::default() };
    observed.record(ci, report, NOW).unwrap();
    let inside = compile(&acme, &nanami_plan::select(&acme, &observed, &Selection::default(), NOW));
    let outside = compile(&acme, &nanami_plan::select(&acme, Observed::none(), &Selection::default(), NOW));
    for (from, to, stage, other) in
        [(&outside, &inside, Stage::Retire, Stage::Prepare), (&inside, &outside, Stage::Prepare, Stage::Retire)]
    {
        let plan = plan(&Base::settled(from), to, Observed::none(), NOW);
        assert_eq!(plan.peers().collect::<Vec<_>>(), [ci]);
        assert_eq!((plan.steps(stage).count(), plan.steps(other).count()), (1, 0));
        assert!(plan.effect().is_empty(), "who may reach what is as it was");
        plan.check().unwrap();
    }
}
