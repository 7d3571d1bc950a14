//! Every workspace that can be written down has a state, a plan and answers, and nothing in it hides anybody; what one workspace
//! is does not depend on another one (PLANNING.md I11).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/everything.rs"]
mod everything;
#[path = "common/fabric.rs"]
mod fabric;
#[path = "common/reference.rs"]
mod reference;

use std::collections::BTreeSet;

use common::world;
use everything::{everything, strokes};
use nanami_model::{Destination, Flow, Intent, Observed, PeerId, Protocol, Service, Timestamp};
use nanami_plan::{Base, Desired, Failure, Selection, Who, compile, plan, select};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn destinations(intent: &Intent) -> Vec<Destination> {
    let peers = intent.peers().map(|(id, _)| Destination::Peer(id));
    peers.chain(intent.routes().map(|(id, _)| Destination::Route(id))).collect()
}

/// Asks everything that can be asked; whatever is wrong panics.
fn ask(before: &Desired, after: &Desired) {
    let intent = after.intent();
    let view = after.beside(Observed::none(), NOW);
    let flows = intent.peers().take(2).flat_map(|(from, _)| destinations(intent).into_iter().map(move |to| (from, to)));
    for (from, to) in flows.take(6) {
        let service = Service::tcp(443);
        assert!(!view.explain(&Flow { from, to, service }).to_string().is_empty());
    }
    for to in destinations(intent) {
        assert!(!view.reach(&Who::To(to)).to_string().is_empty());
    }
    for (user, _) in intent.users() {
        assert!(!view.reach(&Who::User(user)).to_string().is_empty());
    }
    for (gateway, _) in intent.gateways() {
        assert!(!view.impact(&Failure::gateway(gateway)).to_string().is_empty());
    }
    assert!(!view.sweep().to_string().is_empty());
    view.single_points();
    _ = after.check_assertions(&[]);
    for base in [Base::nothing(), Base::settled(before)] {
        let plan = plan(&base, after, Observed::none(), NOW);
        assert!(!format!("{plan}{plan:#}").is_empty());
    }
    for (peer, _) in intent.peers() {
        after.wg_quick_for(peer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_intent_that_parsed_can_be_compiled_and_asked_anything(world in world(), strokes in strokes()) {
        let plain = world.intent();
        let intent = everything(&plain, &strokes);
        let read = Intent::from_toml(&intent.to_toml()).unwrap_or_else(|errors| panic!("{errors}\n{}", intent.to_toml()));
        for intent in [&intent, &read, &common::joined(&read)] {
            let desired = desired(intent);
            prop_assert!(desired.check().is_ok(), "{}\n{}", desired.check().unwrap_err(), intent.to_toml());
            let chosen = select(intent, Observed::none(), &Selection::default(), NOW);
            let chosen = compile(intent, &chosen);
            prop_assert!(chosen.check().is_ok(), "{}\n{}", chosen.check().unwrap_err(), intent.to_toml());
        }
        ask(&desired(&plain), &desired(&intent));
    }

    /// Whoever takes part and has a key has a map, and is in the map of everybody whom they may speak with.
    #[test]
    fn nobody_who_takes_part_is_hidden(world in world(), strokes in strokes()) {
        let intent = everything(&common::joined(&world.intent()), &strokes);
        let desired = desired(&intent);
        for (id, peer) in intent.peers() {
            prop_assert_eq!(desired.map_for(id).is_some(), peer.key().is_some(), "{} has no map", peer.status());
        }
        let fabric = fabric::Fabric::new(&desired);
        for (from, source) in intent.peers() {
            for (to, target) in intent.peers().filter(|(to, _)| !desired.way(from, Destination::Peer(*to)).is_nowhere()) {
                for (source, target) in source.addresses().iter().flat_map(|a| target.addresses().iter().map(move |b| (*a, *b))) {
                    let packet = (source, target, Protocol::Tcp, 443);
                    let expected = reference::allows(&intent, from, source, target, Protocol::Tcp, 443);
                    prop_assert_eq!(fabric.passes(from, None, packet), expected, "{} -> {}\n{}", intent.label(from), intent.label(to), intent.to_toml());
                }
            }
        }
    }

    /// Two workspaces that use the same ranges and share a gateway's key: neither shows anything of the other one, and a change of
    /// one changes nothing of the other.
    #[test]
    fn i11_a_workspace_does_not_depend_on_another_one(one in world(), other in world(), strokes in strokes()) {
        let (one, other) = (common::joined(&one.intent()), everything(&renamed(&common::joined(&other.intent())), &strokes));
        let alone: Vec<_> = one.peers().map(|(id, _)| desired(&one).map_for(id)).collect();
        let own: BTreeSet<PeerId> = one.peers().map(|(id, _)| id).collect();
        let (mine, theirs) = (desired(&one), desired(&other));
        let beside: Vec<_> = one.peers().map(|(id, _)| mine.map_for(id)).collect();
        prop_assert_eq!(&alone, &beside);
        for map in beside.into_iter().flatten() {
            for neighbor in map.neighbors() {
                prop_assert!(neighbor.peer().is_some_and(|id| own.contains(&id)));
            }
        }
        for (id, _) in other.peers() {
            prop_assert!(!own.contains(&id) && mine.map_for(id).is_none());
            prop_assert!(mine.access().from(id).next().is_none() && mine.access().to(id.into()).next().is_none());
        }
        // Between the two there is no change, only another workspace: everything of the one goes, everything of the other comes.
        let passages: usize = theirs.access().iter().filter(|(from, to, _)| !theirs.way(*from, *to).is_nowhere()).count();
        prop_assert!(mine.what_if(&other).effect().kept().is_empty());
        prop_assert!(passages == 0 || !mine.what_if(&other).effect().gained().is_empty());
    }
}

/// The same in a workspace of another name, with ids of its own.
fn renamed(intent: &Intent) -> Intent {
    let text = intent.to_toml().replacen("\"small\"", "\"other\"", 1);
    common::joined(&Intent::from_toml(&text).unwrap())
}
