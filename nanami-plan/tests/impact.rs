//! What follows from a failure is what a compilation without the dead gateways says; sweep and single points agree with it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/golden.rs"]
mod golden;

use std::collections::{BTreeMap, BTreeSet};

use common::{World, world};
use golden::{assert_page, golden};
use nanami_model::{
    Activity, Destination, GatewayId, Intent, Observed, OnAllDown, PeerId, RouteId, RouteMode, Timestamp,
};
use nanami_plan::{Desired, Domain, Failure, Fate, Loss, Selection, compile, select};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_545_275_000);
const MODES: [RouteMode; 4] = [RouteMode::Primary, RouteMode::Pinned, RouteMode::Balanced, RouteMode::Nearest];

/// The workspace with modes and behaviours by the bits of a number, and its gateways chosen.
fn chosen(world: &World, bits: usize) -> Desired {
    let intent = world.intent();
    let mut draft = intent.draft();
    for (n, (id, _)) in intent.routes().enumerate() {
        let behaviour = [OnAllDown::Hold, OnAllDown::FallBack, OnAllDown::Drop][(bits >> (8 + n)) % 3];
        let mode = MODES[(bits >> (2 * n)) % 4];
        let stated = nanami_model::ReturnPath::Declared;
        draft.update(id, |route| {
            let redundancy = if mode == RouteMode::Pinned { 1 } else { route.redundancy() };
            let route = route.with_mode(mode).with_redundancy(redundancy);
            route.with_on_all_down(behaviour).with_return_path(stated)
        });
    }
    let intent = intent.apply(intent.owner(), &draft.into_changes()).unwrap();
    let mut draft = intent.draft();
    let [.., a, b, c] = bits.to_le_bytes();
    if c % 2 == 0 {
        common::chain(&intent, &mut draft, 0, (a, b, c / 2));
    }
    let intent = intent.apply(intent.owner(), &draft.into_changes()).unwrap_or(intent);
    let selection = select(&intent, Observed::none(), &Selection::default(), NOW);
    compile(&intent, &selection)
}

/// The same workspace with these gateways out of use.
fn without(desired: &Desired, dead: &BTreeSet<GatewayId>) -> Desired {
    let mut draft = desired.intent().draft();
    dead.iter().for_each(|id| draft.update(*id, |gateway| gateway.disabled()));
    let intent = desired.intent().apply(desired.intent().owner(), &draft.into_changes()).unwrap();
    compile(&intent, desired.selection())
}

/// Each pair with what becomes of it.
fn fates(desired: &Desired, failure: &Failure) -> BTreeMap<(PeerId, Destination), Fate> {
    let impact = desired.beside(Observed::none(), NOW).impact(failure);
    let each = impact.outcomes().iter().flat_map(|o| o.from().iter().map(|from| ((*from, o.to()), o.fate().clone())));
    let fates: BTreeMap<_, _> = each.collect();
    assert_eq!(fates.len(), impact.outcomes().iter().map(|o| o.from().len()).sum::<usize>(), "each pair once");
    fates
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn i27_an_impact_is_what_a_compilation_without_the_dead_says(world in world(), bits in any::<usize>(), dies in 1u8..8) {
        let desired = chosen(&world, bits);
        let intent = desired.intent();
        // Plain devices that stand behind it keep a gateway from being switched off; what becomes of them has a test of its own.
        let has_devices = |id| intent.peers().any(|(_, peer)| peer.mode().gateway() == Some(id));
        let dies = intent.gateways().enumerate().filter(|(n, _)| dies >> n & 1 == 1).map(|(_, (id, _))| id);
        let dead: BTreeSet<_> = dies.filter(|id| !has_devices(*id)).collect();
        let failure = dead.iter().fold(Failure::default(), |all, id| all.and(Failure::gateway(*id)));
        let after = without(&desired, &dead);
        let fates = fates(&desired, &failure);
        let gone: BTreeSet<PeerId> = dead.iter().map(|id| intent.get(*id).unwrap().peer()).collect();
        for (from, to, _) in desired.access().iter() {
            let (was, is) = (desired.way(from, to), after.way(from, to));
            let fate = fates.get(&(from, to));
            if was.is_nowhere() {
                prop_assert_eq!(fate, None);
            } else if gone.contains(&from) || matches!(to, Destination::Peer(to) if gone.contains(&to)) {
                prop_assert!(matches!(fate, Some(Fate::Lost(Loss::End(_)))), "{:?}", fate);
            } else if was.is_direct() {
                prop_assert_eq!(fate, None);
            } else if is.is_nowhere() {
                prop_assert_eq!(fate, Some(&Fate::Lost(Loss::NoGateway)));
            } else if !is.is_direct() {
                // Control would send it directly only where another tunnel comes into being; that is better than what is said.
                let first = is.gateways()[0];
                match fate {
                    Some(Fate::Unaffected) => prop_assert_eq!(first, was.gateways()[0]),
                    Some(Fate::LocalFailover { to, .. }) => {
                        prop_assert_eq!(first, *to);
                        prop_assert!(was.standbys().contains(to) && dead.contains(&was.gateways()[0]));
                    }
                    Some(Fate::NeedsControl { to, .. }) => {
                        prop_assert_eq!(first, *to);
                        prop_assert!(!was.gateways().contains(to));
                    }
                    // Between peers nobody looks for a draining gateway that would be the last one: what is said is the worse.
                    Some(Fate::Lost(Loss::NoGateway)) if matches!(to, Destination::Peer(_)) => {
                        prop_assert_eq!(intent.get(first).unwrap().activity(), Activity::Draining);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    /// A gateway that dies takes the plain devices behind it along, and nobody else who has another way.
    #[test]
    fn i27_of_two_gateways_that_follow_each_other_either_one_stops_what_goes_by_both(world in world(), bits in any::<usize>()) {
        let desired = chosen(&world, bits & !(1 << 56));
        for (from, to, _) in desired.access().iter() {
            let way = desired.way(from, to);
            let Some(near) = way.near() else { continue };
            let fate = |dead: GatewayId| fates(&desired, &Failure::gateway(dead)).remove(&(from, to));
            prop_assert!(matches!(fate(near), Some(Fate::Lost(Loss::OnlyTunnel(_)))), "{:?}", fate(near));
            let far = way.gateways()[0];
            let expected = match (way.standbys().first(), to) {
                (Some(standby), _) => matches!(fate(far), Some(Fate::LocalFailover { to, .. }) if to == *standby),
                (None, Destination::Peer(_)) => matches!(fate(far), Some(Fate::Lost(Loss::OnlyTunnel(_)))),
                (None, _) => matches!(fate(far), Some(Fate::Lost(_) | Fate::NeedsControl { .. })),
            };
            prop_assert!(expected, "{:?} {:?}", way, fate(far));
        }
    }

    #[test]
    fn the_sweep_counts_what_impacts_list(world in world(), bits in any::<usize>()) {
        let desired = chosen(&world, bits);
        let sweep = desired.beside(Observed::none(), NOW).sweep();
        prop_assert_eq!(sweep.tolls().len(), desired.intent().gateways().len());
        for toll in sweep.tolls() {
            let fates = fates(&desired, &Failure::gateway(toll.gateway));
            let count = |with: fn(&Fate) -> bool| fates.values().filter(|fate| with(fate)).count();
            prop_assert_eq!(toll.lost, count(|fate| matches!(fate, Fate::Lost(_))));
            prop_assert_eq!(toll.fails_over, count(|fate| matches!(fate, Fate::LocalFailover { .. })));
            prop_assert_eq!(toll.needs_control, count(|fate| matches!(fate, Fate::NeedsControl { .. })));
            prop_assert_eq!(toll.unaffected, count(|fate| *fate == Fate::Unaffected));
        }
    }

    #[test]
    fn a_single_point_stops_what_it_names_and_nothing_else_is_one(world in world(), bits in any::<usize>()) {
        let desired = chosen(&world, bits);
        let points = desired.beside(Observed::none(), NOW).single_points();
        for (id, _) in desired.intent().gateways() {
            let fates = fates(&desired, &Failure::gateway(id));
            let stopped: BTreeSet<Destination> =
                fates.iter().filter(|(_, fate)| **fate == Fate::Lost(Loss::NoGateway)).map(|((_, to), _)| *to).collect();
            let named: BTreeSet<Destination> =
                points.iter().filter(|point| *point.domain() == Domain::Gateway(id)).map(|point| point.to()).collect();
            prop_assert!(stopped.is_subset(&named), "{:?} {:?}", stopped, named);
        }
    }
}

fn acme() -> Desired {
    compile(&common::joined(&common::acme()), &Selection::default())
}

fn gateway(intent: &Intent, name: &str) -> GatewayId {
    intent.id(name).unwrap()
}

#[test]
fn the_loss_of_us_east_reads_well() {
    let desired = acme();
    let view = desired.beside(Observed::none(), NOW);
    let us_east = gateway(desired.intent(), "us-east");
    let impact = view.impact(&Failure::gateway(us_east));
    let texts: Vec<_> = impact.outcomes().iter().map(|o| format!("{o}: {}", o.fate())).collect();
    assert_eq!(texts, ["ci-runner -> vpc: goes to eu-west by itself", "edge-router -> exit: unaffected"]);
    assert!(impact.outcomes()[0].lost_its_last_standby());
    let exit = view.impact(&Failure::gateway(gateway(desired.intent(), "ap-south")).and(Failure::control()));
    for (name, text) in [
        ("impact_us_east", &impact.to_string()),
        ("impact_ap_south", &exit.to_string()),
        ("sweep", &view.sweep().to_string()),
    ] {
        assert_page(text);
        golden(name, text);
    }
    let points: Vec<_> = view.single_points().iter().map(ToString::to_string).collect();
    assert_eq!(points, ["exit hangs on ap-south alone, for 1 peer"]);
}

#[test]
fn gateways_on_one_host_die_together() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    let (region, rack) = (acme.id("us-east").unwrap(), "rack7".parse::<nanami_model::Name>().unwrap());
    for name in ["us-east", "eu-west"] {
        draft.update(gateway(&acme, name), |gateway| gateway.with_region(region).with_host(rack.clone()));
    }
    let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let desired = compile(&acme, &Selection::default());
    let view = desired.beside(Observed::none(), NOW);
    let points: Vec<_> = view.single_points().iter().map(ToString::to_string).collect();
    assert_eq!(points, ["exit hangs on ap-south alone, for 1 peer", "vpc hangs on host rack7 alone, for 1 peer"]);
    let impact = view.impact(&Failure::host("rack7".parse().unwrap()));
    let vpc = acme.id::<RouteId>("vpc").unwrap();
    let outcome = impact.outcomes().iter().find(|o| o.to() == Destination::Route(vpc)).unwrap();
    assert_eq!(*outcome.fate(), Fate::Lost(Loss::NoGateway));
}

#[test]
fn a_gateway_that_gets_more_clients_than_it_is_made_for_is_named() {
    let acme = common::joined(&common::acme());
    let mut draft = acme.draft();
    let few = std::num::NonZeroU32::new(1).unwrap();
    draft.update(gateway(&acme, "eu-west"), |gateway| gateway.with_capacity(few));
    let vpc: RouteId = acme.id("vpc").unwrap();
    let edge: PeerId = acme.id("edge-router").unwrap();
    draft.add(nanami_model::Policy::allow("edge-to-vpc".parse().unwrap(), edge, vpc, nanami_model::Service::ANY));
    let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let desired = compile(&acme, &Selection::default());
    let view = desired.beside(Observed::none(), NOW);
    let impact = view.impact(&Failure::gateway(gateway(&acme, "us-east")));
    assert_eq!(
        impact.crowded().iter().map(|c| (c.name.as_str(), c.before, c.after, c.capacity)).collect::<Vec<_>>(),
        [("eu-west", 0, 2, 1)]
    );
    let sweep = view.sweep();
    let toll = sweep.tolls().iter().find(|toll| toll.name.as_str() == "us-east").unwrap();
    assert_eq!(toll.crowded, [("eu-west".parse().unwrap(), 2)]);
}
