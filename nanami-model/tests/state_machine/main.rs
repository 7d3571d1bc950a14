//! Any sequence of changes, valid and invalid, of every kind, against a model that knows nothing of indexes and looks at
//! everything each time.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::BTreeMap;

use nanami_model::{Actor, Change, ChangeSet, Intent, Object, ObjectId, User, name};
use proptest::prelude::*;

mod naive;
mod steps;

use naive::Naive;
use steps::{Step, step, steps};

fn start() -> Intent {
    Intent::new(name!("acme"), User::new(name!("netops")))
}

fn objects(intent: &Intent) -> BTreeMap<ObjectId, Object> {
    let mut all = BTreeMap::new();
    macro_rules! add {
        ($($listing:ident),*) => { $(
            all.extend(intent.$listing().map(|(id, _)| (ObjectId::from(id), intent.object(id.into()).unwrap())));
        )* };
    }
    add!(users, groups, networks, regions, peers, gateways, routes, policies, join_keys, assertions);
    all
}

/// What differs, by a look at every object.
fn brute_difference(newer: &Intent, older: &Intent) -> [Vec<ObjectId>; 3] {
    let (new, old) = (objects(newer), objects(older));
    let added = new.keys().filter(|id| !old.contains_key(id)).copied().collect();
    let removed = old.keys().filter(|id| !new.contains_key(id)).copied().collect();
    let changed = new.iter().filter(|(id, object)| old.get(id).is_some_and(|was| was != *object));
    [added, removed, changed.map(|(id, _)| *id).collect()]
}

fn finds_by_every_way(intent: &Intent) {
    for (id, peer) in intent.peers() {
        let slot = intent.slot(id).unwrap();
        assert_eq!((intent.in_slot(slot), intent.get(id)), (Some((id, peer)), Some(peer)));
        let gateway = intent.gateways().find(|(_, gateway)| gateway.peer() == id);
        assert_eq!(intent.gateway_of(id).is_some(), gateway.is_some());
        for (network, _) in intent.networks() {
            let inside = intent.network_members(intent.slot(network).unwrap()).contains(slot);
            assert_eq!(inside, peer.networks().contains(&network));
        }
        for (group, _) in intent.groups() {
            let owner = peer.owner().and_then(|owner| intent.get(owner));
            let named = peer.groups().contains(&group) || owner.is_some_and(|owner| owner.groups().contains(&group));
            assert_eq!(intent.direct_members(intent.slot(group).unwrap()).contains(slot), named);
            let is_member = intent.is_member(id, group.into());
            assert_eq!(is_member, intent.members(group.into()).contains(&id));
            assert_eq!(is_member, intent.groups_of(id).contains(&group));
        }
    }
    let sets = intent.groups().map(|(id, _)| intent.direct_members(intent.slot(id).unwrap()));
    assert!(sets.flat_map(|set| set.iter()).all(|slot| intent.in_slot(slot).is_some()), "a set names an empty slot");
}

fn set(steps: &[Step]) -> ChangeSet {
    steps.iter().map(step).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_change_sets_has_the_verdicts_of_a_naive_model(sets in steps()) {
        let mut intent = start();
        let mut naive = Naive::of(&intent);
        let mut kept = vec![(intent.clone(), objects(&intent))];
        for steps in &sets {
            let changes = set(steps);
            let against = naive.against(&changes);
            let verdict = intent.apply(Actor::Control, &changes);
            prop_assert_eq!(verdict.is_ok(), against.is_empty(), "{:?}\nnaive: {:?}\n{:?}", changes, against, verdict);
            let Ok(next) = verdict else { continue };
            naive.accept(&changes, &next);
            finds_by_every_way(&next);
            prop_assert_eq!(next.violations(), [], "{:?} passes, and a look at everything finds it", changes);
            let replayed = intent.replay(&changes);
            prop_assert_eq!(replayed.as_ref().map(objects), Ok(objects(&next)), "{:?} replays otherwise", changes);
            let difference = next.difference(&intent);
            let lists = [difference.added(), difference.removed(), difference.changed()].map(<[_]>::to_vec);
            prop_assert_eq!(lists, brute_difference(&next, &intent));
            let back = next.apply(Actor::Control, &changes.inverse(&intent));
            let back = back.unwrap_or_else(|refused| panic!("{changes:?} is not undone: {refused}"));
            prop_assert_eq!(objects(&back), objects(&intent), "{:?} is not undone", changes);
            prop_assert!(back.difference(&intent).is_empty());
            kept.push((next.clone(), objects(&next)));
            intent = next;
        }
        for (old, was) in &kept {
            prop_assert_eq!(&objects(old), was, "an old revision changed");
        }
        for (one, two) in kept.iter().zip(kept.iter().skip(2)) {
            let difference = two.0.difference(&one.0);
            let lists = [difference.added(), difference.removed(), difference.changed()].map(<[_]>::to_vec);
            prop_assert_eq!(lists, brute_difference(&two.0, &one.0));
        }
    }

    #[test]
    fn sec_14_what_happens_in_one_workspace_is_nothing_to_another(own in steps(), others in steps()) {
        let alone = trace(start(), &own);
        let mut beside = Intent::new(name!("other"), User::new(name!("netops")));
        let (mut intent, mut seen) = (start(), Vec::new());
        for (n, steps) in own.iter().enumerate() {
            if let Some(Ok(next)) = others.get(n).map(|steps| beside.apply(Actor::Control, &set(steps))) {
                beside = next;
            }
            let verdict = intent.apply(Actor::Control, &set(steps));
            seen.push(verdict.as_ref().map(objects).map_err(ToString::to_string));
            intent = verdict.unwrap_or(intent);
        }
        prop_assert_eq!(seen, alone);
        // What bears the same name there is somebody else.
        let there = beside.users().map(|(id, _)| id).filter(|id| intent.get(*id).is_some());
        prop_assert!(there.count() <= own.len() * 8, "ids that tests chose may meet");
        prop_assert_ne!(intent.owner(), beside.owner());
        let foreign = ChangeSet::from_iter([Change::Remove(beside.id::<nanami_model::UserId>("netops").unwrap().into())]);
        let refused = intent.apply(Actor::Control, &foreign).unwrap_err();
        prop_assert_eq!(refused.code(), "change.missing");
    }
}

type Seen = Vec<Result<BTreeMap<ObjectId, Object>, String>>;

fn trace(mut intent: Intent, sets: &[Vec<Step>]) -> Seen {
    let mut seen = Vec::new();
    for steps in sets {
        let verdict = intent.apply(Actor::Control, &set(steps));
        seen.push(verdict.as_ref().map(objects).map_err(ToString::to_string));
        intent = verdict.unwrap_or(intent);
    }
    seen
}
