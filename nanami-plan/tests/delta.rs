//! What follows from a change is what a compilation from scratch says (PLANNING.md I2), and who is told is who has to know (I3).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;
#[path = "common/reversed.rs"]
mod reversed;
#[path = "../examples/scale/workload.rs"]
mod workload;

use common::world;
use edits::{edited, edits};
use nanami_model::{
    Destination, Intent, NetworkMap, Observed, PeerId, Policy, PrivateKey, ReturnPath, RouteId, Service, Timestamp,
};
use nanami_plan::{Base, Desired, Selection, Stage, Who, compile, plan};
use proptest::prelude::*;
use reversed::reversed;
use workload::{Kind, regrouped};

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

/// The policies of a world, with or without gateways on the way between peers.
fn draws(world: &common::World, via: bool) -> Vec<common::Draw> {
    world.policies.iter().map(|draw| common::Draw { via: if via { draw.via } else { 0 }, ..draw.clone() }).collect()
}

/// Everybody whose map differs, by making all of them.
fn recipients(before: &Desired, after: &Desired) -> Vec<PeerId> {
    let removed = before.intent().peers().map(|(id, _)| id).filter(|id| after.intent().get(*id).is_none());
    let all = after.intent().peers().map(|(id, _)| id).chain(removed);
    let digests = |desired: &Desired, id: PeerId| desired.map_for(id).map(|map| map.digests());
    all.filter(|id| digests(before, *id) != digests(after, *id)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn i2_i3_any_sequence_of_edits_leads_where_a_compilation_does_and_tells_exactly_who_has_to_know(
        world in world(),
        edits in edits(),
        via in any::<bool>(),
    ) {
        let mut intent = world.with_policies(&draws(&world, via));
        let mut now = desired(&intent);
        for (n, edit) in edits.into_iter().enumerate() {
            let next = edited(&intent, n, edit);
            let what_if = now.what_if(&next);
            let (derived, compiled) = (what_if.desired(), desired(&next));
            prop_assert!(derived.access().iter().eq(compiled.access().iter()), "edit {} {:?}", n, edit);
            for (id, _) in next.peers() {
                prop_assert_eq!(derived.map_for(id), compiled.map_for(id), "edit {} {:?}", n, edit);
            }
            let told: Vec<_> = what_if.recipients().collect();
            let wanted = recipients(&now, &compiled);
            let maps = |id: &PeerId| format!("{:#?}\n{:#?}", now.map_for(*id), compiled.map_for(*id));
            let wrong = told.iter().find(|id| !wanted.contains(id)).or(wanted.iter().find(|id| !told.contains(id)));
            prop_assert_eq!(&told, &wanted, "edit {} {:?} {}", n, edit, wrong.map(maps).unwrap_or_default());
            now = derived.clone();
            intent = next;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn i26_an_effect_that_is_counted_class_by_class_is_the_one_that_is_compared_pair_by_pair(
        world in world(),
        edits in edits(),
        via in any::<bool>(),
    ) {
        let mut intent = world.with_policies(&draws(&world, via));
        for (n, edit) in edits.into_iter().enumerate() {
            let next = edited(&intent, n, edit);
            let now = desired(&intent);
            let (by_class, by_pair) = (now.what_if(&next), now.what_if(&reversed(&next)));
            let (by_class, by_pair) = (by_class.effect(), by_pair.effect());
            prop_assert_eq!(format!("{by_class:#}"), format!("{by_pair:#}"), "edit {} {:?}", n, edit);
            prop_assert_eq!(by_class.approvals(), by_pair.approvals(), "edit {} {:?}", n, edit);
            prop_assert_eq!(by_class.users(), by_pair.users(), "edit {} {:?}", n, edit);
            for (a, b) in [
                (by_class.gained(), by_pair.gained()),
                (by_class.lost(), by_pair.lost()),
                (by_class.kept(), by_pair.kept()),
                (by_class.rerouted(), by_pair.rerouted()),
                (by_class.disturbed(), by_pair.disturbed()),
            ] {
                prop_assert_eq!(a.count(), b.count(), "edit {} {:?}", n, edit);
                prop_assert!(a.iter().eq(b.iter()), "edit {} {:?}", n, edit);
                prop_assert!(a.first(3).iter().eq(b.iter().take(3)), "edit {} {:?}", n, edit);
            }
            intent = next;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn reach_is_what_a_look_at_every_passage_finds(world in world(), edits in edits()) {
        let mut intent = world.intent();
        for (n, edit) in edits.into_iter().enumerate() {
            intent = edited(&intent, n, edit);
        }
        let desired = desired(&intent);
        let view = desired.beside(Observed::none(), Timestamp::from_millis(0));
        let all = view.passages();
        let routes = intent.routes().map(|(id, _)| Destination::Route(id));
        let targets: Vec<_> = intent.peers().map(|(id, _)| Destination::Peer(id)).chain(routes).collect();
        for (from, _) in intent.peers() {
            let reach = view.reach(&Who::From(from));
            let wanted: Vec<_> = all.iter().filter(|passage| passage.from == from).collect();
            prop_assert_eq!(reach.passages().map(|(passage, _)| passage).collect::<Vec<_>>(), wanted);
        }
        for to in targets {
            let reach = view.reach(&Who::To(to));
            let wanted: Vec<_> = all.iter().filter(|passage| passage.to == to).collect();
            prop_assert_eq!(reach.passages().map(|(passage, _)| passage).collect::<Vec<_>>(), wanted);
        }
    }
}

/// How many entries are in the maps of one of the two states alone, of those whose maps differ.
fn changed_entries(before: &Desired, after: &Desired, whose: impl Iterator<Item = PeerId>) -> usize {
    let only = |one: &NetworkMap, other: &NetworkMap| {
        let neighbors = one.neighbors().iter().filter(|own| other.neighbor(&own.key()) != Some(*own)).count();
        let rules = one.filter().rules().iter().filter(|own| other.filter().rules().binary_search(own).is_err());
        let forwards = one.forward().iter().filter(|own| other.forward().binary_search(own).is_err());
        neighbors + rules.count() + forwards.count()
    };
    let maps = whose.map(|id| [before, after].map(|desired| desired.map_for(id).unwrap_or_default()));
    maps.map(|[was, is]| only(&was, &is) + only(&is, &was)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn i4_the_work_of_a_change_is_what_it_changes_in_sides_and_maps(
        kind in prop_oneof![Just(Kind::W1), Just(Kind::W2), Just(Kind::W4)],
        size in 1usize..5,
        turns in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8), 1..4),
    ) {
        let (peers, groups) = (size * 60, size * 6);
        let mut now = desired(&workload::workload(kind, peers, groups));
        for (peer, group, turn) in turns {
            // All but the peer that is expired.
            let (peer, group) = (peer.index(peers - 2), 1 + group.index(groups - 1));
            let next = turned(now.intent(), peer, group, turn);
            let what_if = now.what_if(&next);
            let sides = |intent: &Intent| intent.get(workload::peer_id(peer)).map_or(0, |peer| peer.groups().len());
            let put_in = 1 + sides(now.intent()) + sides(&next);
            let put_out = changed_entries(&now, what_if.desired(), what_if.recipients());
            let bound = 12 * (put_in + put_out + peers.ilog2() as usize) as u64;
            // Who has that key already keeps the intent as it is.
            let nothing = now.intent().changes_to(&next).is_empty();
            prop_assert!((nothing || what_if.work() > 0) && what_if.work() <= bound, "{kind:?} {peers}: {turn} {} of {bound}", what_if.work());
            now = what_if.desired().clone();
        }
    }
}

#[test]
fn i4_the_work_of_a_change_does_not_grow_with_the_workspace() {
    let work = |kind, groups: usize, peer| {
        let intent = workload::workload(kind, 10 * groups, groups);
        desired(&intent).what_if(&regrouped(&intent, peer, 3)).work()
    };
    // The first peers are in a group that something is denied.
    for (kind, peer) in [(Kind::W1, 0), (Kind::W1, 55), (Kind::W2, 8)] {
        let (small, large) = (work(kind, 20, peer), work(kind, 800, peer));
        assert!(small > 0 && large <= small + 64, "{kind:?} {peer}: {small} elements for 200 peers, {large} for 8,000");
    }
}

/// A small change: a peer goes to another group, is renamed by its key, goes, or a group may begin something with another one.
fn turned(intent: &Intent, peer: usize, group: usize, turn: u8) -> Intent {
    let mut draft = intent.draft();
    let id = workload::peer_id(peer);
    match turn {
        0 if intent.get(id).is_some() => return regrouped(intent, peer, group),
        1 if intent.get(id).is_some() => {
            draft.update(id, |peer| peer.with_key(PrivateKey::from_bytes([group as u8; 32]).public()));
        }
        2 if intent.get(id).is_some() && intent.gateway_of(id).is_none() => draft.remove(id),
        _ => {
            let name = format!("extra-{peer}-{group}").parse().unwrap();
            let (from, to) = (workload::group_id(group), workload::group_id(group - 1));
            draft.add(Policy::allow(name, from, to, Service::tcp(443)));
        }
    }
    intent.apply(intent.owner(), &draft.into_changes()).unwrap_or_else(|_| intent.clone())
}

/// How answers come back concerns those who send them on, and nobody who asks.
#[test]
fn i3_another_return_path_tells_exactly_the_gateways_of_the_route() {
    let acme = common::joined(&common::acme());
    let back = |intent: &Intent, back: ReturnPath| {
        let mut draft = intent.draft();
        draft.update(acme.id::<RouteId>("vpc").unwrap(), |route| route.with_return_path(back));
        intent.apply(intent.owner(), &draft.into_changes()).unwrap()
    };
    let (before, next) = (desired(&acme), back(&acme, ReturnPath::Snat));
    let what_if = before.what_if(&next);
    let told: Vec<_> = what_if.recipients().map(|id| next.name_of(id).unwrap().to_string()).collect();
    assert_eq!(told, ["eu-west", "us-east"]);
    let steps = plan(&Base::settled(&before), what_if.desired(), Observed::none(), Timestamp::from_millis(0));
    let text = |stage| steps.steps(stage).map(|step| format!("{step} for {}", step.reason())).collect::<Vec<_>>();
    let masquerade = |at: &str| format!("{at}: masquerade towards vpc for route vpc");
    assert_eq!(text(Stage::Prepare), [masquerade("eu-west"), masquerade("us-east")]);
    let gateway: PeerId = acme.id("us-east").unwrap();
    let maps = [&before, what_if.desired()].map(|desired| desired.map_for(gateway).unwrap());
    assert_eq!(maps.iter().map(|map| map.masquerade().len()).collect::<Vec<_>>(), [0, 1]);
    let delta = maps[0].delta_to(&maps[1]);
    assert!(delta.forward().is_empty() && delta.neighbors().is_empty(), "{delta:?}");
    // And the other way round; a return path of the same effect tells nobody.
    let after = what_if.desired().clone();
    let steps = plan(&Base::settled(&after), &before, Observed::none(), Timestamp::from_millis(0));
    assert_eq!(steps.steps(Stage::Retire).count(), 2);
    assert_eq!(before.what_if(&back(&acme, ReturnPath::Unstated)).recipients().count(), 0);
}

#[test]
fn w1_counts_what_netbird_counts() {
    let intent = workload::workload(Kind::W1, 100, 5);
    let desired = desired(&intent);
    for peer in [workload::peer_id(0), workload::peer_id(1)] {
        // Everybody but itself and the one whose session has run out.
        assert_eq!(desired.map_for(peer).unwrap().neighbors().len(), 98);
    }
    assert!(desired.map_for(workload::peer_id(98)).unwrap().neighbors().is_empty());
}
