//! Roles, permissions and scopes: the whole table, and that nobody rises by any sequence of changes (SEC-15).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use nanami_model::{
    Actor, ChangeSet, Facts, Group, GroupId, Identity, Intent, JoinKey, Mode, Network, Os, Peer, PeerId, Permission,
    Policy, Refused, Region, Role, RoutingMode, RoutingPreference, Scope, Service, User, UserId, Violation, name,
};
use proptest::prelude::*;

const VIEWER: &[&str] = &[
    "workspace.read",
    "user.read",
    "group.read",
    "network.read",
    "region.read",
    "peer.read",
    "gateway.read",
    "route.read",
    "policy.read",
    "join_key.read",
    "assertion.read",
    "session.read",
];
const MEMBER: &[&str] = &["own_peer.write"];
const ADMIN: &[&str] = &[
    "workspace.write",
    "user.write",
    "group.write",
    "network.write",
    "region.write",
    "peer.write",
    "gateway.write",
    "route.write",
    "policy.write",
    "join_key.write",
    "assertion.write",
    "session.write",
    "role.grant",
    "plan.approve",
];
const OWNER: &[&str] = &["owner.grant"];

fn holds(role: Option<Role>, key: &str) -> bool {
    let lists: &[&[&str]] = match role {
        None => &[],
        Some(Role::Viewer) => &[VIEWER],
        Some(Role::Member) => &[VIEWER, MEMBER],
        Some(Role::Admin) => &[VIEWER, MEMBER, ADMIN],
        Some(Role::Owner) => &[VIEWER, MEMBER, ADMIN, OWNER],
    };
    lists.iter().any(|list| list.contains(&key))
}

#[test]
fn sec_15_every_role_permits_what_the_table_says_at_every_scope() {
    let (own, other) = (GroupId::from_bytes([1; 10]), GroupId::from_bytes([2; 10]));
    let roles = || std::iter::once(None).chain(Role::ALL.map(Some));
    let mut counted = 0;
    for (workspace, group) in roles().flat_map(|w| roles().map(move |g| (w, g))) {
        let user = workspace.into_iter().fold(User::new(name!("u")), User::with_role);
        let user = group.into_iter().fold(user, |user, role| user.with_group_role(own, role));
        for permission in Permission::ALL {
            let key = permission.as_str();
            let at = |scope: Scope| user.may(*permission, scope);
            assert_eq!(at(Scope::Workspace), holds(workspace, key), "{workspace:?} {key}");
            assert_eq!(at(own.into()), holds(workspace, key) || holds(group, key), "{workspace:?} {group:?} {key}");
            assert_eq!(at(other.into()), holds(workspace, key), "{workspace:?} {key}");
            counted += 3;
        }
    }
    assert_eq!(counted, 25 * 28 * 3, "a permission is new: put it into the table");
}

/// Two groups with a network and a peer each, a route and a policy; one user for each role on the workspace and on `data`.
struct World {
    acme: Intent,
    data: GroupId,
    other: GroupId,
    users: BTreeMap<String, UserId>,
}

fn world() -> World {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let [data, other] = [name!("data"), name!("other")].map(|n| draft.add(Group::new(n)));
    let mut users = BTreeMap::new();
    for role in Role::ALL {
        for (kind, scope) in [("all", Scope::Workspace), ("data", Scope::Group(data))] {
            let text = format!("{kind}-{role}");
            let id = draft.add(User::new(text.parse().unwrap()));
            draft.grant(id, role, scope);
            users.insert(text, id);
        }
    }
    for (n, group, pool) in [(name!("own"), data, "10.1.0.0/16"), (name!("far"), other, "10.2.0.0/16")] {
        let network = draft.add(Network::new(n.clone(), group, [pool.parse().unwrap()]));
        draft.add(Peer::new(n).with_groups([group]).with_networks([network]));
    }
    draft.add(Region::new(name!("here")));
    let acme = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    World { acme, data, other, users }
}

impl World {
    fn tries(&self, who: &str, change: impl FnOnce(&mut nanami_model::Draft)) -> Result<Intent, Refused> {
        let mut draft = self.acme.draft();
        change(&mut draft);
        let changes: ChangeSet = draft.into_changes();
        assert!(!changes.is_empty(), "nothing was tried");
        self.acme.apply(Actor::User(self.users[who]), &changes)
    }

    fn permission(&self, who: &str, change: impl FnOnce(&mut nanami_model::Draft)) -> Option<Permission> {
        let refused = self.tries(who, change).err()?;
        refused.violations().iter().find_map(|violation| match violation {
            Violation::Forbidden { permission, .. } => Some(*permission),
            _ => None,
        })
    }

    fn peer(&self, name: &str) -> PeerId {
        self.acme.id(name).unwrap()
    }
}

#[test]
fn sec_15_a_group_has_a_say_in_what_it_owns_and_in_nothing_else() {
    let w = world();
    let (own, far) = (w.peer("own"), w.peer("far"));
    let [own_net, far_net] = ["own", "far"].map(|n| w.acme.id::<nanami_model::NetworkId>(n).unwrap());
    type Try<'a> = (&'a str, Permission, Box<dyn Fn(&mut nanami_model::Draft) + 'a>);
    let allowed: Vec<Try<'_>> = vec![
        ("group", Permission::GroupWrite, Box::new(|d| d.update(w.data, |g| g.with_groups([w.other])))),
        (
            "network",
            Permission::NetworkWrite,
            Box::new(|d| {
                d.update(own_net, |n| n.with_lifecycle(nanami_model::Lifecycle::Suspended));
            }),
        ),
        (
            "peer",
            Permission::PeerWrite,
            Box::new(|d| d.update(own, |p| p.with_lifetime(nanami_model::Lifetime::Ephemeral))),
        ),
        (
            "policy",
            Permission::PolicyWrite,
            Box::new(|d| {
                d.add(Policy::allow(name!("in"), far, own, Service::ANY));
            }),
        ),
        (
            "join key",
            Permission::JoinKeyWrite,
            Box::new(|d| {
                d.add(JoinKey::one_off(name!("k")).with_groups([w.data]).with_networks([own_net]));
            }),
        ),
    ];
    for (what, permission, change) in &allowed {
        for who in ["all-owner", "all-admin", "data-owner", "data-admin"] {
            assert!(w.tries(who, |draft| change(draft)).is_ok(), "{who} changes the {what}");
        }
        for who in ["all-member", "all-viewer", "data-member", "data-viewer"] {
            assert_eq!(w.permission(who, |draft| change(draft)), Some(*permission), "{who} changes the {what}");
        }
    }
    let refused: Vec<Try<'_>> = vec![
        ("group", Permission::GroupWrite, Box::new(|d| d.update(w.other, |g| g.with_groups([w.data])))),
        ("a new group", Permission::GroupWrite, Box::new(|d| _ = d.add(Group::new(name!("new"))))),
        ("network", Permission::NetworkWrite, Box::new(|d| d.update(own_net, |n| n.with_owner(w.other)))),
        ("peer", Permission::PeerWrite, Box::new(|d| d.update(own, |p| p.with_groups([w.data, w.other])))),
        (
            "network of a peer",
            Permission::PeerWrite,
            Box::new(|d| d.update(own, |p| p.with_networks([own_net, far_net]))),
        ),
        (
            "facts",
            Permission::PeerWrite,
            Box::new(|d| d.update(own, |p| p.with_facts(Facts::unknown().with_os(Os::Linux)))),
        ),
        (
            "policy",
            Permission::PolicyWrite,
            Box::new(|d| _ = d.add(Policy::allow(name!("out"), own, far, Service::ANY))),
        ),
        (
            "both ways",
            Permission::PolicyWrite,
            Box::new(|d| {
                _ = d.add(Policy::allow(name!("both"), far, own, Service::ANY).both_ways());
            }),
        ),
        (
            "join key",
            Permission::JoinKeyWrite,
            Box::new(|d| {
                _ = d.add(JoinKey::one_off(name!("k")).with_groups([w.data]).with_networks([far_net]));
            }),
        ),
        ("a key to nothing", Permission::JoinKeyWrite, Box::new(|d| _ = d.add(JoinKey::one_off(name!("k"))))),
        ("region", Permission::RegionWrite, Box::new(|d| _ = d.add(Region::new(name!("there"))))),
        (
            "workspace",
            Permission::WorkspaceWrite,
            Box::new(|d| {
                let everything = RoutingPreference::none().with_traffic(nanami_model::TrafficMode::FullTunnel);
                d.update(w.acme.workspace(), |workspace| workspace.with_preference(everything));
            }),
        ),
    ];
    for (what, permission, change) in &refused {
        assert_eq!(w.permission("data-owner", |draft| change(draft)), Some(*permission), "{what}");
        assert!(w.tries("all-admin", |draft| change(draft)).is_ok(), "{what}");
    }
}

#[test]
fn sec_15_whoever_may_not_change_an_owner_may_not_become_one_either() {
    let w = world();
    let Actor::User(netops) = w.acme.owner() else { panic!("an owner is a user") };
    let admin = w.users["all-admin"];
    let mine = Identity::new("https://login.example.com", "admin").unwrap();
    assert!(w.tries("all-admin", |d| d.update(netops, |u| u.with_identities([mine.clone()]))).is_err());
    assert!(w.tries("all-admin", |d| d.update(admin, |u| u.with_identities([mine.clone()]))).is_ok());
    assert!(w.tries("all-owner", |d| d.update(netops, |u| u.with_identities([mine.clone()]))).is_ok());
    assert_eq!(w.permission("all-admin", |d| d.remove(netops)), Some(Permission::OwnerGrant));
    assert!(
        w.tries("all-admin", |d| d.remove(w.users["data-owner"])).is_err(),
        "an owner of a group is above an admin"
    );
    assert!(w.tries("data-admin", |d| d.grant(w.users["all-viewer"], Role::Admin, w.data)).is_ok());
    assert!(w.tries("data-admin", |d| d.grant(w.users["all-viewer"], Role::Owner, w.data)).is_err());
    assert!(w.tries("data-admin", |d| d.revoke(w.users["data-owner"], w.data)).is_err());
    assert!(w.tries("data-owner", |d| d.revoke(w.users["data-owner"], w.data)).is_ok());
    assert!(w.tries("data-admin", |d| d.grant(w.users["all-viewer"], Role::Viewer, w.other)).is_err());
    assert!(w.tries("data-admin", |d| d.grant(w.users["all-viewer"], Role::Member, Scope::Workspace)).is_err());
}

#[test]
fn a_user_says_what_an_own_peer_prefers_and_removes_it_and_no_more() {
    let w = world();
    let member = w.users["data-member"];
    let own = w.peer("own");
    let mut draft = w.acme.draft();
    draft.update(own, |peer| peer.with_owner(member));
    let acme = w.acme.apply(w.acme.owner(), &draft.into_changes()).unwrap();
    let w = World { acme, ..w };
    let everything = RoutingPreference::none().with_traffic(nanami_model::TrafficMode::FullTunnel);
    assert!(w.tries("data-member", |d| d.update(own, |p| p.with_preference(everything))).is_ok());
    assert!(w.tries("data-member", |d| d.remove(own)).is_ok());
    assert!(w.tries("data-member", |d| d.update(own, |p| p.with_groups([]))).is_err());
    assert!(w.tries("data-viewer", |d| d.update(own, |p| p.with_preference(everything))).is_err());
}

#[test]
fn a_gateway_that_somebody_may_not_see_is_not_pinned() {
    let w = world();
    let (own, far) = (w.peer("own"), w.peer("far"));
    let region = w.acme.id("here").unwrap();
    let mut draft = w.acme.draft();
    let gateway = draft.add(nanami_model::Gateway::new(name!("far"), far, region));
    let acme = w.acme.apply(w.acme.owner(), &draft.into_changes()).unwrap();
    let w = World { acme, ..w };
    let manual = RoutingPreference::none().with_routing(RoutingMode::Manual { ingress: None, egress: Some(gateway) });
    let pin = |d: &mut nanami_model::Draft| d.update(own, |p| p.with_preference(manual));
    assert_eq!(w.permission("data-admin", pin), Some(Permission::GatewayRead));
    let stand = |d: &mut nanami_model::Draft| d.update(own, |p| p.with_mode(Mode::Limited { gateway }));
    assert_eq!(w.permission("data-admin", stand), Some(Permission::GatewayRead));
}

fn role(n: u8) -> Option<Role> {
    [None, Some(Role::Viewer), Some(Role::Member), Some(Role::Admin), Some(Role::Owner)][usize::from(n) % 5]
}

proptest! {
    /// Some users who work together, and whatever they try.
    #[test]
    fn sec_15_no_sequence_of_changes_lifts_anybody_above_those_who_made_them(
        starts in prop::collection::vec((0u8..4, 0u8..5), 2..4),
        tries in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()), 1..24),
    ) {
        let w = world();
        let mut draft = w.acme.draft();
        let together: Vec<UserId> = starts.iter().enumerate().map(|(n, (all, data))| {
            let user = role(*all).into_iter().fold(User::new(format!("u{n}").parse().unwrap()), User::with_role);
            draft.add(role(*data).into_iter().fold(user, |user, role| user.with_group_role(w.data, role)))
        }).collect();
        let mut acme = w.acme.apply(w.acme.owner(), &draft.into_changes()).unwrap();
        let everybody: Vec<UserId> = acme.users().map(|(id, _)| id).collect();
        let scopes = [Scope::Workspace, w.data.into(), w.other.into()];
        let at = |intent: &Intent, user: UserId, scope| intent.get(user).and_then(|user| user.role_at(scope));
        let first = acme.clone();
        let most = scopes.map(|scope| together.iter().map(|user| at(&first, *user, scope)).max().flatten());
        for (n, (who, whom, what, which)) in tries.into_iter().enumerate() {
            let by = Actor::User(together[usize::from(who) % together.len()]);
            let target = everybody[usize::from(whom) % everybody.len()];
            let scope = scopes[usize::from(which) % 3];
            let mut draft = acme.draft();
            match what % 5 {
                0 => draft.grant(target, role(which / 3 % 4 + 1).unwrap(), scope),
                1 => draft.revoke(target, scope),
                2 => draft.remove(target),
                3 => {
                    let identity = Identity::new("https://login.example.com", &format!("s{n}")).unwrap();
                    draft.update(target, |user| user.with_identities([identity]));
                }
                _ => {
                    let user = User::new(format!("n{n}").parse().unwrap());
                    draft.add(role(which).into_iter().fold(user, User::with_role).with_group_role(w.data, Role::Owner));
                }
            }
            let Ok(next) = acme.apply(by, &draft.into_changes()) else { continue };
            for (id, user) in next.users() {
                let recognised = first.get(id).is_some_and(|was| was.identities() == user.identities());
                for (scope, most) in scopes.into_iter().zip(most) {
                    let now = user.role_at(scope);
                    prop_assert!(now <= most || (recognised && now <= at(&first, id, scope)), "{id} has {now:?}");
                }
            }
            for (id, was) in first.users() {
                let above = scopes.into_iter().zip(most).any(|(scope, most)| was.role_at(scope) > most);
                prop_assert!(!above || next.get(id).is_some(), "somebody above them is gone");
            }
            acme = next;
        }
    }
}
