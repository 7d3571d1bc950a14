//! What goes takes nothing along that nobody named, and much goes on purpose only (SEC-33).

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use nanami_model::{
    Actor, Gateway, GatewayId, Group, GroupId, Intent, Name, Network, NetworkId, ObjectId, Peer, PeerId, Policy,
    PolicyId, Region, Route, RouteId, Service, User, name,
};

fn world() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let [inner, outer, owner] = [name!("inner"), name!("outer"), name!("owner")].map(|n| draft.add(Group::new(n)));
    draft.update(outer, |group| group.with_groups([inner]));
    let net = draft.add(Network::new(name!("net"), owner, ["10.0.0.0/24".parse().unwrap()]));
    let region = draft.add(Region::new(name!("here")));
    let peers: Vec<_> = (0..12)
        .map(|n| format!("p{n}").parse::<Name>().unwrap())
        .map(|n| draft.add(Peer::new(n).with_groups([inner, outer]).with_networks([net])))
        .collect();
    let [one, two] = [0, 1].map(|n| draft.add(Gateway::new(["one", "two"][n].parse().unwrap(), peers[n], region)));
    draft.add(Route::new(name!("both"), net, "10.9.0.0/16".parse().unwrap(), [one, two]).with_redundancy(2));
    draft.add(Route::new(name!("only"), net, "10.8.0.0/16".parse().unwrap(), [one]));
    draft.add(Policy::allow(name!("direct"), peers[2], inner, Service::ANY));
    draft.add(Policy::allow(name!("by-one"), peers[2], peers[3], Service::ANY).with_via([one]));
    draft.add(Policy::allow(name!("by-both"), peers[2], peers[3], Service::ANY).with_via([one, two]));
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}

#[test]
fn what_others_need_goes_only_with_them_and_the_change_set_spells_it_out() {
    let acme = world();
    let one = acme.id::<GatewayId>("one").unwrap();
    let mut draft = acme.draft();
    draft.remove(one);
    let refused = acme.apply(acme.owner(), &draft.into_changes()).unwrap_err();
    assert_eq!(refused.to_string(), "gateway one is needed by route both, route only, policy by-both, policy by-one");

    let mut draft = acme.draft();
    let gone = draft.remove_with_dependents(one);
    let [only, by_one] =
        [ObjectId::from(acme.id::<RouteId>("only").unwrap()), acme.id::<PolicyId>("by-one").unwrap().into()];
    assert_eq!(gone, [only, by_one], "a policy by a gateway does not become a direct one");
    let changes = draft.into_changes();
    assert_eq!(changes.iter().len(), 5);
    let next = acme.apply(acme.owner(), &changes).unwrap();
    let both = next.get(next.id::<RouteId>("both").unwrap()).unwrap();
    assert_eq!((next.gateways_of(next.id("both").unwrap()).len(), both.redundancy()), (1, 1));
    assert_eq!(next.get(next.id::<PolicyId>("by-both").unwrap()).unwrap().via().len(), 1);
    let back = next.apply(next.owner(), &changes.inverse(&acme)).unwrap();
    assert!(back.difference(&acme).is_empty());
}

#[test]
fn a_group_leaves_its_members_and_its_network_goes_with_what_needs_it() {
    let acme = world();
    let mut draft = acme.draft();
    let gone = draft.remove_with_dependents(acme.id::<GroupId>("inner").unwrap());
    assert_eq!(gone, [ObjectId::from(acme.id::<PolicyId>("direct").unwrap())]);
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let outer = next.id::<GroupId>("outer").unwrap();
    assert_eq!((next.peers().len(), next.members(outer.into()).len()), (12, 12));

    let mut draft = acme.draft();
    draft.remove_with_dependents(acme.id::<NetworkId>("net").unwrap());
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert_eq!((next.networks().len(), next.routes().len(), next.peers().len()), (0, 0, 12));
    assert!(next.peers().all(|(_, peer)| peer.addresses().is_empty()));
}

#[test]
fn sec_33_more_than_half_of_the_peers_goes_on_purpose_only() {
    let acme = world();
    let without = |peers: std::ops::Range<usize>| {
        let mut draft = acme.draft();
        peers.for_each(|n| _ = draft.remove_with_dependents(acme.id::<PeerId>(&format!("p{n}")).unwrap()));
        draft.into_changes()
    };
    assert!(acme.apply(Actor::Control, &without(6..12)).is_ok(), "six objects are few");
    let refused = acme.apply(Actor::Control, &without(0..12)).unwrap_err();
    assert_eq!(refused.code(), "change.mass_removal");
    assert!(acme.apply(Actor::Control, &without(0..12).danger_allow_mass_removal()).is_ok());

    // A document that was cut short, or read from the wrong place.
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let cut = acme.changes_to(&empty);
    let refused = acme.apply(acme.owner(), &cut).unwrap_err();
    assert_eq!(refused.code(), "change.mass_removal", "{refused}");
    assert!(acme.apply(acme.owner(), &cut.danger_allow_mass_removal()).is_ok());
}
