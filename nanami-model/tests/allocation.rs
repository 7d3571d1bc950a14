//! Addresses come back, and not too soon (SEC-23, PLANNING I29).

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use nanami_model::{
    Actor, Change, ChangeSet, Group, Intent, Name, Network, NetworkId, Object, Peer, PeerId, PrivateKey, User,
    Violation, name,
};

fn named(kind: &str, n: usize) -> Name {
    format!("{kind}{n}").parse().unwrap()
}

fn with_network(pool: &str) -> (Intent, NetworkId) {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let all = draft.add(Group::new(name!("all")));
    let network = draft.add(Network::new(name!("net"), all, [pool.parse().unwrap()]));
    (empty.apply(empty.owner(), &draft.into_changes()).unwrap(), network)
}

fn peer(n: usize, network: NetworkId) -> Peer {
    let key = PrivateKey::from_bytes(std::array::from_fn(|at| (n >> (8 * (at % 3))) as u8 ^ at as u8)).public();
    Peer::new(named("p", n)).with_networks([network]).with_key(key)
}

fn address(intent: &Intent, name: &str) -> IpAddr {
    intent.get(intent.id::<PeerId>(name).unwrap()).unwrap().addresses()[0]
}

fn with(intent: &Intent, peers: impl IntoIterator<Item = Peer>) -> ChangeSet {
    let mut draft = intent.draft();
    peers.into_iter().for_each(|peer| _ = draft.add(peer));
    draft.into_changes()
}

fn without(intent: &Intent, name: &str) -> ChangeSet {
    ChangeSet::from_iter([Change::Remove(intent.id::<PeerId>(name).unwrap().into())])
}

#[test]
fn sec_23_a_hundred_thousand_joins_and_leaves_in_a_small_network_all_succeed() {
    const AT_ONCE: usize = 100;
    let (mut intent, network) = with_network("10.0.0.0/24");
    // Pending peers keep this short: their keys would take most of the time, and quarantine has tests of its own.
    for round in 0..1_000 {
        let mut draft = intent.draft();
        intent.peers().for_each(|(id, _)| draft.remove(id));
        (0..AT_ONCE).for_each(|n| _ = draft.add(Peer::new(named("p", n)).with_networks([network])));
        let changes = draft.into_changes().danger_allow_mass_removal();
        intent = intent.apply(Actor::Control, &changes).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let held: BTreeSet<_> = intent.peers().flat_map(|(_, peer)| peer.addresses()).collect();
        assert_eq!(held.len(), AT_ONCE);
    }
}

#[test]
fn i29_peers_with_keys_come_and_go_as_long_as_their_leaving_is_acknowledged() {
    let (mut intent, network) = with_network("10.0.0.0/28");
    for n in 0..200 {
        let changes = with(&intent, [peer(n, network)]).acknowledging(intent.revision());
        intent = intent.apply(Actor::Control, &changes).unwrap_or_else(|error| panic!("{n}: {error}"));
        intent = intent.apply(Actor::Control, &without(&intent, named("p", n).as_str())).unwrap();
        assert_eq!(intent.waiting_addresses(), 1);
    }
}

#[test]
fn i29_a_released_address_waits_until_its_removal_was_acknowledged() {
    let (intent, network) = with_network("10.0.0.0/29");
    let full = intent.apply(Actor::Control, &with(&intent, (0..6).map(|n| peer(n, network)))).unwrap();
    let was = address(&full, "p3");
    let removal = without(&full, "p3");
    let less = full.apply(Actor::Control, &removal).unwrap();
    let one_more = with(&less, [peer(9, network)]);
    let refused = less.apply(Actor::Control, &one_more).unwrap_err();
    assert!(
        matches!(refused.violations(), [Violation::Exhausted { left: 0, size: 6, quarantined: 1, .. }]),
        "{refused}"
    );
    assert!(
        refused.to_string().ends_with("net has 0 of 6 left, and 1 wait until nobody names them any more"),
        "{refused}"
    );
    let asked = with(&less, [peer(9, network).with_addresses([was])]);
    assert_eq!(less.apply(Actor::Control, &asked).unwrap_err().code(), "change.quarantined");
    let at_once = [removal.iter().cloned().collect::<Vec<_>>(), asked.iter().cloned().collect()].concat();
    let at_once = full.apply(Actor::Control, &at_once.into_iter().collect());
    assert_eq!(at_once.unwrap_err().code(), "change.quarantined");

    let early = one_more.clone().acknowledging(full.revision());
    assert_eq!(less.apply(Actor::Control, &early).unwrap_err().code(), "change.exhausted");
    let heard = one_more.clone().acknowledging(less.revision());
    let more = less.apply(Actor::Control, &heard).unwrap();
    assert_eq!((address(&more, "p9"), more.waiting_addresses()), (was, 0));
    // Who was there before has it back at once: nobody else had it in between.
    let back = less.apply(Actor::Control, &removal.inverse(&full)).unwrap();
    assert_eq!((address(&back, "p3"), back.waiting_addresses()), (was, 0));
}

#[test]
fn i29_an_address_that_no_node_ever_heard_of_is_free_at_once() {
    let (intent, network) = with_network("10.0.0.0/29");
    let pending = (0..6).map(|n| Peer::new(named("p", n)).with_networks([network]));
    let full = intent.apply(Actor::Control, &with(&intent, pending)).unwrap();
    let less = full.apply(Actor::Control, &without(&full, "p3")).unwrap();
    let more = less.apply(Actor::Control, &with(&less, [peer(9, network)])).unwrap();
    assert_eq!(address(&more, "p9"), address(&full, "p3"));
}

#[test]
fn exhaustion_refuses_the_whole_change_and_says_what_was_left() {
    let (intent, network) = with_network("10.0.0.0/28");
    let some = intent.apply(Actor::Control, &with(&intent, (0..10).map(|n| peer(n, network)))).unwrap();
    let refused = some.apply(Actor::Control, &with(&some, (10..16).map(|n| peer(n, network)))).unwrap_err();
    assert_eq!(refused.violations().len(), 2, "{refused}");
    let all =
        |violation: &Violation| matches!(violation, Violation::Exhausted { left: 4, size: 14, quarantined: 0, .. });
    assert!(refused.violations().iter().all(all), "{refused}");
    assert!(some.apply(Actor::Control, &with(&some, (10..14).map(|n| peer(n, network)))).is_ok());
}

#[test]
fn only_who_may_change_everything_says_that_removals_were_acknowledged() {
    let (intent, _) = with_network("10.0.0.0/29");
    let mut draft = intent.draft();
    let viewer = draft.add(User::new(name!("viewer")).with_role(nanami_model::Role::Viewer));
    let intent = intent.apply(intent.owner(), &draft.into_changes()).unwrap();
    let heard = ChangeSet::default().acknowledging(intent.revision());
    let refused = intent.apply(Actor::User(viewer), &heard).unwrap_err();
    assert_eq!(refused.code(), "change.forbidden_acknowledgement");
    assert!(intent.apply(intent.owner(), &heard).is_ok());
}

#[test]
fn an_update_that_leaves_addresses_out_changes_none() {
    let (intent, network) = with_network("10.0.0.0/29");
    let intent = intent.apply(Actor::Control, &with(&intent, (0..3).map(|n| peer(n, network)))).unwrap();
    let bare = Change::Update(Object::Peer(intent.id("p1").unwrap(), peer(7, network)));
    let next = intent.apply(Actor::Control, &ChangeSet::from_iter([bare])).unwrap();
    assert_eq!(address(&next, "p7"), address(&intent, "p1"));
    assert_eq!(next.waiting_addresses(), 0);
}
