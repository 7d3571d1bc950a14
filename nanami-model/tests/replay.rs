//! A log that an older release wrote is read, whatever rules came later; what they find is said.
#![allow(clippy::unwrap_used, reason = "tests")]

use nanami_model::{
    Actor, Change, ChangeSet, Draft, Gateway, GatewayId, Group, GroupId, Intent, Network, NetworkId, Object, Peer,
    PeerId, PrivateKey, Region, ReturnPath, Route, RouteMode, User, UserId, Violation, cidr, name,
};

fn empty() -> Intent {
    Intent::new(name!("acme"), User::new(name!("netops")))
}

/// A workspace as a release without today's rules let it pass: one host in two regions, a pinned route that promises
/// redundancy, a balanced one that says nothing of its way back.
fn of_an_older_release() -> ChangeSet {
    let empty = empty();
    let mut draft = empty.draft();
    let group = draft.add(Group::new(name!("all")));
    let prod = draft.add(Network::new(name!("prod"), group, [cidr!("10.42.0.0/16")]));
    let gateways = [name!("east"), name!("west")].map(|n| {
        let region = draft.add(Region::new(n.clone()));
        let peer = draft.add(Peer::new(n.clone()).with_networks([prod]));
        draft.add(Gateway::new(n, peer, region).with_host(name!("rack")))
    });
    let route = |name, prefix, mode| Route::new(name, prod, prefix, gateways).with_mode(mode);
    draft.add(route(name!("pinned"), cidr!("10.60.0.0/16"), RouteMode::Pinned).with_redundancy(2));
    draft.add(route(name!("spread"), cidr!("10.61.0.0/16"), RouteMode::Balanced));
    draft.into_changes()
}

fn fields(violations: &[Violation]) -> Vec<Option<&'static str>> {
    violations.iter().map(Violation::field).collect()
}

fn drafted(intent: &Intent, change: impl FnOnce(&mut Draft)) -> ChangeSet {
    let mut draft = intent.draft();
    change(&mut draft);
    draft.into_changes()
}

#[test]
fn what_was_acknowledged_is_read_again_and_newer_rules_only_say_what_they_find() {
    let (empty, changes) = (empty(), of_an_older_release());
    let refused = empty.apply(Actor::Control, &changes).unwrap_err();
    let old = empty.replay(&changes).unwrap();
    assert_eq!((old.revision().value(), old.gateways().len(), old.routes().len()), (1, 2, 2));
    assert_eq!(old.violations(), refused.violations());
    assert_eq!(fields(&old.violations()), [Some("host"), Some("redundancy"), Some("mode")]);
    assert!(old.violations().iter().all(|violation| !violation.remedy().is_empty()));
}

#[test]
fn what_was_wrong_before_is_not_held_against_a_change_and_goes_when_it_is_put_right() {
    let old = empty().replay(&of_an_older_release()).unwrap();
    let west: GatewayId = old.id("west").unwrap();
    // A gateway is drained at night, with its host still in two regions and its routes as they were.
    let drained = old.apply(old.owner(), &drafted(&old, |d| d.update(west, Gateway::draining))).unwrap();
    assert_eq!(drained.violations().len(), 3);
    // What gets worse, or other than it was, is refused.
    let spread = old.id::<nanami_model::RouteId>("spread").unwrap();
    let pinned = old.id::<nanami_model::RouteId>("pinned").unwrap();
    let worse = drafted(&old, |d| d.update(spread, |route| route.with_mode(RouteMode::Pinned).with_redundancy(2)));
    assert_eq!(fields(old.apply(old.owner(), &worse).unwrap_err().violations()), [Some("redundancy")]);

    let right = drafted(&drained, |d| {
        let region = old.id("east").unwrap();
        d.update(west, |gateway| gateway.with_region(region));
        d.update(pinned, |route| route.with_redundancy(1));
        d.update(spread, |route| route.with_return_path(ReturnPath::Declared));
    });
    let right = drained.apply(drained.owner(), &right).unwrap();
    assert_eq!(right.violations(), []);
}

#[test]
fn nobody_is_asked_for_permission_again_and_no_removal_is_too_large() {
    let mut intent = empty();
    let ids: Vec<UserId> = (0..30).map(|n| UserId::from_bytes([n; 10])).collect();
    let add = ids
        .iter()
        .map(|id| Change::Add(Object::User(*id, User::new(format!("u{id}").replace('_', "-").parse().unwrap()))));
    intent = intent.replay(&add.collect()).unwrap();
    let gone: ChangeSet = ids.iter().map(|id| Change::Remove((*id).into())).collect();
    assert_eq!(intent.apply(Actor::Control, &gone).unwrap_err().code(), "change.mass_removal");
    assert_eq!(intent.replay(&gone).unwrap().users().len(), 1);
}

/// What no release ever acknowledged is no log.
#[test]
fn what_an_intent_cannot_stand_with_is_refused_in_a_replay_too() {
    let empty = empty();
    let id = [7; 10];
    let (group, network, peer) = (GroupId::from_bytes(id), NetworkId::from_bytes(id), PeerId::from_bytes(id));
    let in_group = |name, pool| Network::new(name, group, [pool]);
    let add_group = Change::Add(Object::Group(group, Group::new(name!("g"))));
    let key = PrivateKey::from_bytes([1; 32]).public();
    let owner: UserId = empty.id("netops").unwrap();
    for (changes, code) in [
        (vec![Change::Remove(peer.into())], "change.missing"),
        (vec![Change::Update(Object::Peer(peer, Peer::new(name!("p"))))], "change.missing"),
        (vec![Change::Add(Object::Network(network, in_group(name!("n"), cidr!("10.0.0.0/24"))))], "change.dangling"),
        (vec![Change::Add(Object::Group(group, Group::new(name!("g")).with_groups([group])))], "change.contradiction"),
        (vec![Change::Add(Object::User(UserId::from_bytes(id), User::new(name!("netops"))))], "change.duplicate_name"),
        (
            [[1; 10], [2; 10]]
                .map(|id| {
                    Change::Add(Object::Peer(
                        PeerId::from_bytes(id),
                        Peer::new(format!("p{}", id[0]).parse().unwrap()).with_key(key),
                    ))
                })
                .into(),
            "change.duplicate_key",
        ),
        (
            vec![
                add_group.clone(),
                Change::Add(Object::Network(network, in_group(name!("a"), cidr!("10.0.0.0/24")))),
                Change::Add(Object::Network(
                    NetworkId::from_bytes([8; 10]),
                    in_group(name!("b"), cidr!("10.0.0.0/25")),
                )),
            ],
            "change.overlap",
        ),
        (vec![Change::Update(Object::User(owner, User::new(name!("netops"))))], "change.last_owner"),
    ] {
        let changes: ChangeSet = changes.into_iter().collect();
        assert_eq!(empty.replay(&changes).map(|_| ()).unwrap_err().code(), code, "{changes:?}");
    }
}
