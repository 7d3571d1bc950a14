use super::*;
use crate::{Change, Cidr, Permission, PrivateKey, ReturnPath, name};

fn base() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let platform = draft.add(Group::new(name!("platform")));
    let prod = draft.add(Network::new(name!("prod"), platform, [cidr("10.42.0.0/16"), cidr("fd42::/48")]));
    for n in [name!("api"), name!("db"), name!("us-east")] {
        draft.add(Peer::new(n).with_groups([platform]).with_networks([prod]));
    }
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

fn codes(result: Result<Intent, Refused>) -> Vec<&'static str> {
    result.unwrap_err().violations().iter().map(Violation::code).collect()
}

#[test]
fn peers_get_the_same_place_in_every_pool_and_keep_it() {
    let acme = base();
    let at = |intent: &Intent, n: &str| intent.get(intent.id::<PeerId>(n).unwrap()).unwrap().addresses().to_vec();
    let api = at(&acme, "api");
    assert_eq!(api.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.42.0.1", "fd42::1"]);
    let mut draft = acme.draft();
    let platform = acme.id("platform").unwrap();
    let prod = acme.id("prod").unwrap();
    draft.remove(acme.id::<PeerId>("db").unwrap());
    draft.add(Peer::new(name!("cache")).with_groups([platform]).with_networks([prod]));
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert_eq!(at(&next, "api"), api);
    assert!(
        !acme.peers().any(|(_, p)| p.addresses() == at(&next, "cache")),
        "a released address is given again at once"
    );
}

#[test]
fn sec_23_a_small_pool_is_exhausted_with_an_error_and_released_addresses_come_back() {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let owner = draft.add(Group::new(name!("all")));
    let tiny = draft.add(Network::new(name!("tiny"), owner, [cidr("10.0.0.0/29")]));
    for i in 0..6 {
        draft.add(Peer::new(format!("p{i}").parse().unwrap()).with_networks([tiny]));
    }
    let full = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    let mut draft = full.draft();
    draft.add(Peer::new(name!("one-more")).with_networks([tiny]));
    let changes = draft.into_changes();
    assert_eq!(codes(full.apply(full.owner(), &changes)), ["change.exhausted"]);
    let mut draft = full.draft();
    draft.remove(full.id::<PeerId>("p3").unwrap());
    let less = full.apply(full.owner(), &draft.into_changes()).unwrap();
    let more = less.apply(less.owner(), &changes).unwrap();
    let address = |intent: &Intent, n: &str| intent.get(intent.id::<PeerId>(n).unwrap()).unwrap().addresses()[0];
    assert_eq!(address(&more, "one-more"), address(&full, "p3"));
}

#[test]
fn all_reasons_come_at_once_and_nothing_happens() {
    let acme = base();
    let [prod, platform] =
        [acme.id::<NetworkId>("prod").map(ObjectId::from), acme.id::<GroupId>("platform").map(ObjectId::from)];
    let (prod, platform) = (NetworkId::try_from(prod.unwrap()).unwrap(), GroupId::try_from(platform.unwrap()).unwrap());
    let key = PrivateKey::from_bytes([1; 32]).public();
    let mut draft = acme.draft();
    draft.add(Network::new(name!("other"), platform, [cidr("10.42.7.0/24")]));
    draft.update(acme.id::<PeerId>("api").unwrap(), |p| p.with_key(key));
    draft.update(acme.id::<PeerId>("db").unwrap(), |p| p.with_key(key));
    draft.add(Peer::new(name!("ghost")).with_groups([GroupId::from_bytes([9; 10])]));
    draft.add(Peer::new(name!("far")).with_networks([prod]).with_addresses(["10.9.9.9".parse().unwrap()]));
    draft.remove(platform);
    let found = codes(acme.apply(acme.owner(), &draft.into_changes()));
    for code in ["change.overlap", "change.duplicate_key", "change.dangling", "change.contradiction", "change.in_use"] {
        assert!(found.contains(&code), "{code} is missing from {found:?}");
    }
}

#[test]
fn what_comes_and_goes_within_a_change_is_not_there_to_be_named() {
    let acme = base();
    let guest = UserId::from_bytes([9; 10]);
    let changes = ChangeSet::from_iter([
        Change::Add(Object::User(guest, User::new(name!("guest")))),
        Change::Remove(guest.into()),
        Change::Add(Object::Peer(PeerId::from_bytes([9; 10]), Peer::new(name!("laptop")).with_owner(guest))),
    ]);
    assert_eq!(codes(acme.apply(acme.owner(), &changes)), ["change.dangling"]);
    assert_eq!(codes(acme.replay(&changes)), ["change.dangling"]);
}

#[test]
fn sec_15_nobody_rises_above_themselves_and_the_last_owner_stays() {
    let acme = base();
    let mut draft = acme.draft();
    let platform = acme.id::<GroupId>("platform").unwrap();
    let admin = draft.add(User::new(name!("admin")).with_role(Role::Admin));
    let viewer = draft.add(User::new(name!("viewer")).with_role(Role::Viewer));
    let lead = draft.add(User::new(name!("lead")).with_group_role(platform, Role::Admin));
    let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let update = |id: UserId, role: Role| {
        let mut draft = acme.draft();
        draft.update(id, |user| user.with_role(role));
        draft.into_changes()
    };
    for (by, who, role) in [
        (admin, admin, Role::Owner),
        (admin, viewer, Role::Owner),
        (viewer, viewer, Role::Admin),
        (lead, lead, Role::Admin),
    ] {
        assert_eq!(codes(acme.apply(Actor::User(by), &update(who, role))), ["change.forbidden"], "{role}");
    }
    assert!(acme.apply(Actor::User(admin), &update(viewer, Role::Admin)).is_ok());
    let Actor::User(owner) = acme.owner() else { panic!("an owner is a user") };
    assert_eq!(codes(acme.apply(acme.owner(), &update(owner, Role::Viewer))), ["change.last_owner"]);
    assert!(!Role::Viewer.permits(Permission::WorkspaceWrite) && Role::Admin.permits(Permission::PlanApprove));
}

#[test]
fn an_admin_of_a_group_changes_what_the_group_owns_and_nothing_else() {
    let acme = base();
    let (platform, prod) = (acme.id::<GroupId>("platform").unwrap(), acme.id::<NetworkId>("prod").unwrap());
    let mut draft = acme.draft();
    let lead = draft.add(User::new(name!("lead")).with_group_role(platform, Role::Admin));
    let data = draft.add(Group::new(name!("data")));
    let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let peer = |groups: &[GroupId]| {
        let mut draft = acme.draft();
        draft.add(Peer::new(name!("new")).with_groups(groups.to_vec()).with_networks([prod]));
        draft.into_changes()
    };
    assert!(acme.apply(Actor::User(lead), &peer(&[platform])).is_ok());
    assert_eq!(codes(acme.apply(Actor::User(lead), &peer(&[platform, data]))), ["change.forbidden"]);
    assert_eq!(codes(acme.apply(Actor::User(lead), &peer(&[]))), ["change.forbidden"]);
}

#[test]
fn an_inverse_takes_a_change_set_back() {
    let acme = base();
    let mut draft = acme.draft();
    let api = acme.id::<PeerId>("api").unwrap();
    draft.update(api, |p| p.with_key(PrivateKey::from_bytes([1; 32]).public()));
    draft.add(Policy::allow(name!("api-to-db"), api, acme.id::<PeerId>("db").unwrap(), Service::tcp(5432)));
    draft.remove(acme.id::<PeerId>("us-east").unwrap());
    let changes = draft.into_changes();
    let next = acme.apply(acme.owner(), &changes).unwrap();
    let back = next.apply(next.owner(), &changes.inverse(&acme)).unwrap();
    assert_eq!(back.tables().objects().collect::<Vec<_>>(), acme.tables().objects().collect::<Vec<_>>());
}

#[test]
fn a_difference_goes_by_names_and_keeps_keys_and_addresses() {
    let acme = base();
    let api = acme.id::<PeerId>("api").unwrap();
    let mut draft = acme.draft();
    draft.update(api, |p| p.with_key(PrivateKey::from_bytes([1; 32]).public()));
    let live = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert!(live.changes_to(&acme).is_empty(), "{:?}", live.changes_to(&acme));

    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let platform = draft.add(Group::new(name!("platform")));
    let prod = draft.add(Network::new(name!("prod"), platform, [cidr("10.42.0.0/16"), cidr("fd42::/48")]));
    let peers = [name!("aaa"), name!("api"), name!("us-east")]
        .map(|n| draft.add(Peer::new(n).with_groups([platform]).with_networks([prod])));
    draft.add(Policy::allow(name!("in"), peers[0], peers[1], Service::ANY));
    let wanted = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    let next = live.apply(live.owner(), &live.changes_to(&wanted)).unwrap();
    assert_eq!(next.id::<PeerId>("api").unwrap(), api);
    assert_eq!(next.get(api), live.get(api));
    assert!(next.id::<PeerId>("db").is_err() && next.id::<PolicyId>("in").is_ok());
    assert!(next.changes_to(&wanted).is_empty());
}

#[test]
fn routes_name_gateways_of_their_network_and_stay_off_the_pools() {
    let acme = base();
    let [prod, peer] =
        [acme.id::<NetworkId>("prod").unwrap().to_bytes(), acme.id::<PeerId>("us-east").unwrap().to_bytes()];
    let (prod, peer) = (NetworkId::from_bytes(prod), PeerId::from_bytes(peer));
    let mut draft = acme.draft();
    let region = draft.add(Region::new(name!("us-east")));
    let gateway = draft.add(Gateway::new(name!("us-east"), peer, region));
    let route = Route::new(name!("vpc"), prod, cidr("10.42.9.0/24"), [gateway, gateway]);
    draft.add(route.with_redundancy(3).with_return_path(ReturnPath::Declared));
    let refused = acme.apply(acme.owner(), &draft.into_changes()).unwrap_err();
    let fields: Vec<_> = refused.violations().iter().filter_map(Violation::field).collect();
    assert_eq!(fields, ["gateways", "redundancy", "prefix"]);
}

#[test]
fn nested_groups_share_members_and_never_contain_themselves() {
    let acme = base();
    let mut draft = acme.draft();
    let platform = acme.id::<GroupId>("platform").unwrap();
    let outer = draft.add(Group::new(name!("engineering")).with_groups([platform]));
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    assert_eq!(next.members(outer.into()), next.members(platform.into()));
    assert_eq!(next.members(outer.into()).len(), 3);
    let mut draft = next.draft();
    draft.update(platform, |g| g.with_groups([outer]));
    assert_eq!(
        codes(next.apply(next.owner(), &draft.into_changes())),
        ["change.contradiction", "change.contradiction"]
    );
}

#[test]
fn an_unknown_name_offers_the_near_ones() {
    let error = base().id::<PeerId>("us-eats").unwrap_err();
    assert_eq!(error.to_string(), "there is no peer \"us-eats\"; did you mean us-east?");
}

#[test]
fn a_destination_is_meant_by_a_name_or_by_an_address() {
    let acme = Intent::from_toml(include_str!("../sample/acme.toml")).unwrap();
    let (db, vpc) = (acme.id::<PeerId>("db-cluster").unwrap(), acme.id::<RouteId>("vpc").unwrap());
    let at = acme.get(db).unwrap().addresses()[0].to_string();
    for name in ["db-cluster", "peer:db-cluster", &at] {
        assert_eq!(acme.destination(name), Ok(Destination::Peer(db)), "{name}");
    }
    for name in ["vpc", "route:vpc", "10.60.1.2"] {
        assert_eq!(acme.destination(name), Ok(Destination::Route(vpc)), "{name}");
    }
    // In prod's pool and nobody's: the exit does not lead there.
    let nobody: std::net::IpAddr = "10.42.255.9".parse().unwrap();
    assert_eq!(acme.destination("10.42.255.9"), Ok(Destination::Address(nobody)));
    for (name, kind) in [("db-clster", "peer or route"), ("route:db-cluster", "route"), ("peer:vpc", "peer")] {
        assert_eq!(acme.destination(name).unwrap_err().kind, kind, "{name}");
    }
}
