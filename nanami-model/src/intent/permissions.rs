//! Who may make a change.
//!
//! **Invariant** (SEC-15): what somebody may do to an object is what their role permits on the workspace, or on every group that
//! has a say in the object, before the change and after it. Nobody gives or takes a role above their own where it counts, nor
//! changes how somebody above them is recognised; so no sequence of changes lifts anybody above those who made them.
//!
//! | object | groups that have a say; where there is none, only the workspace's role counts |
//! |---|---|
//! | group | itself |
//! | network | its owner |
//! | peer | its groups, and those of a user who becomes its owner or ceases to be; the owners of networks that it enters or leaves |
//! | gateway | the groups of its peer, and the owners of its peer's networks, whose traffic it may carry |
//! | route | the owner of its network |
//! | policy | who owns the destination: the group, the owner of the network, the owner of the route's network, the groups of the peer; both sides if both may begin |
//! | join key | the groups and the owners of the networks that it grants, and those of the peer that it fills |
//! | session | the groups of its peer |
//! | user | the groups in which its roles or memberships change, if nothing else of it does |
//!
//! What agents report is control's to say, or a workspace admin's: conditions of policies believe it. Gateways that a preference
//! pins, or that a limited peer stands behind, are such as the actor may see.

use std::collections::BTreeSet;

use super::Intent;
use crate::change::{Actor, Change};
use crate::entity::{Direction, Peer, Permission, Role, RoutingPreference, Selector, User};
use crate::id::{GatewayId, GroupId, NetworkId, PeerId, UserId};
use crate::object::{Label, Object, ObjectId};
use crate::refused::Violation;

/// What stands against this actor making this change, as far as permissions go.
pub(super) fn forbidden(before: &Intent, by: Actor, change: &Change) -> Option<Violation> {
    let Actor::User(actor) = by else { return None };
    let what = match change {
        Change::Add(object) | Change::Update(object) => Label::named(object.id(), object.name().clone()),
        Change::Remove(id) => before.label(*id),
    };
    let old = change.id().object_in(before.tables());
    let new = match change {
        Change::Add(object) | Change::Update(object) => Some(object.clone()),
        Change::Remove(_) => None,
    };
    let permission = writing(change.id());
    let forbidden = |permission| Violation::Forbidden { by: before.label(actor), what: what.clone(), permission };
    let Some(user) = before.get(actor) else { return Some(forbidden(permission)) };
    let asking = Asking { before, actor, user, old: old.as_ref(), new: new.as_ref() };
    if !asking.may_write(permission) {
        return Some(forbidden(permission));
    }
    if asking.moves_owner() {
        return Some(forbidden(Permission::OwnerGrant));
    }
    if asking.rises() {
        return Some(Violation::Escalation { by: before.label(actor), to: what });
    }
    asking.unseen().map(|_| forbidden(Permission::GatewayRead))
}

/// The permission to change objects of a kind.
fn writing(id: ObjectId) -> Permission {
    match id {
        ObjectId::User(_) => Permission::UserWrite,
        ObjectId::Group(_) => Permission::GroupWrite,
        ObjectId::Network(_) => Permission::NetworkWrite,
        ObjectId::Region(_) => Permission::RegionWrite,
        ObjectId::Peer(_) => Permission::PeerWrite,
        ObjectId::Gateway(_) => Permission::GatewayWrite,
        ObjectId::Route(_) => Permission::RouteWrite,
        ObjectId::Policy(_) => Permission::PolicyWrite,
        ObjectId::JoinKey(_) => Permission::JoinKeyWrite,
        ObjectId::Assertion(_) => Permission::AssertionWrite,
        ObjectId::Session(_) => Permission::SessionWrite,
        ObjectId::Workspace(_) => Permission::WorkspaceWrite,
    }
}

/// A user who wants to make one thing of another.
struct Asking<'a> {
    before: &'a Intent,
    actor: UserId,
    user: &'a User,
    old: Option<&'a Object>,
    new: Option<&'a Object>,
}

impl Asking<'_> {
    fn may_write(&self, permission: Permission) -> bool {
        if self.user.role().is_some_and(|role| role.permits(permission)) {
            return true;
        }
        let groups = match (self.old, self.new) {
            (Some(Object::User(_, old)), Some(Object::User(_, new))) => bindings_that_differ(old, new),
            (Some(Object::User(..)), _) | (_, Some(Object::User(..))) => None,
            (Some(Object::Peer(_, old)), Some(Object::Peer(_, new))) if old.facts() != new.facts() => None,
            (None, Some(Object::Peer(_, new))) if *new.facts() != crate::entity::Facts::unknown() => None,
            (old, new) => self.having_a_say(old, new),
        };
        let permits = |group: &GroupId| self.user.role_on(*group).is_some_and(|role| role.permits(permission));
        groups.is_some_and(|groups| !groups.is_empty() && groups.iter().all(permits)) || self.is_own_peer()
    }

    /// The groups that have a say in the object as it is and as it would be; `None` if only the workspace has.
    fn having_a_say(&self, old: Option<&Object>, new: Option<&Object>) -> Option<BTreeSet<GroupId>> {
        let mut groups = BTreeSet::new();
        for object in [old, new].into_iter().flatten() {
            let own = self.owners(object)?;
            if own.is_empty() {
                return None;
            }
            groups.extend(own);
        }
        let peer = |object: Option<&Object>| match object {
            Some(Object::Peer(_, peer)) => Some(peer.clone()),
            _ => None,
        };
        groups.extend(self.entered(peer(old).as_ref(), peer(new).as_ref())?);
        Some(groups)
    }

    fn owners(&self, object: &Object) -> Option<Vec<GroupId>> {
        match object {
            Object::Group(id, _) => Some(vec![*id]),
            Object::Network(_, network) => Some(vec![network.owner()]),
            Object::Peer(_, peer) => Some(peer.groups().to_vec()),
            Object::Gateway(_, gateway) => {
                let peer = self.before.get(gateway.peer())?;
                if peer.groups().is_empty() {
                    return None;
                }
                Some([peer.groups().to_vec(), self.network_owners(peer.networks())?].concat())
            }
            Object::Route(_, route) => self.network_owners(&[route.network()]),
            Object::Policy(_, policy) => {
                let mut all = self.destination_owners(policy.to())?;
                if policy.direction() == Direction::BothWays {
                    all.extend(self.destination_owners(policy.from())?);
                }
                Some(all)
            }
            Object::JoinKey(_, key) => {
                let peer = key.peer().map_or(Some(Vec::new()), |peer| self.peer_groups(peer))?;
                Some([peer, key.groups().to_vec(), self.network_owners(key.networks())?].concat())
            }
            Object::Session(_, session) => self.peer_groups(session.peer()),
            Object::User(..) | Object::Region(..) | Object::Assertion(..) | Object::Workspace(..) => None,
        }
    }

    /// The groups that have a say in what a peer enters or leaves.
    fn entered(&self, old: Option<&Peer>, new: Option<&Peer>) -> Option<Vec<GroupId>> {
        let networks = |peer: Option<&Peer>| -> BTreeSet<NetworkId> {
            peer.map(|peer| peer.networks().iter().copied().collect()).unwrap_or_default()
        };
        let moved: Vec<_> = networks(old).symmetric_difference(&networks(new)).copied().collect();
        let owner = |peer: Option<&Peer>| peer.and_then(Peer::owner);
        let owners = [owner(old), owner(new)].into_iter().flatten().filter(|_| owner(old) != owner(new));
        let mut groups = self.network_owners(&moved)?;
        for user in owners {
            groups.extend(self.before.get(user)?.groups());
        }
        Some(groups)
    }

    fn network_owners(&self, networks: &[NetworkId]) -> Option<Vec<GroupId>> {
        networks.iter().map(|id| self.before.get(*id).map(|network| network.owner())).collect()
    }

    /// The groups of a peer; `None` if it has none, so that only the workspace has a say.
    fn peer_groups(&self, peer: PeerId) -> Option<Vec<GroupId>> {
        self.before.get(peer).map(|peer| peer.groups().to_vec()).filter(|groups| !groups.is_empty())
    }

    fn destination_owners(&self, to: Selector) -> Option<Vec<GroupId>> {
        match to {
            Selector::Group(group) => Some(vec![group]),
            Selector::Network(network) => self.network_owners(&[network]),
            Selector::Route(route) => self.network_owners(&[self.before.get(route)?.network()]),
            Selector::Peer(peer) => self.peer_groups(peer),
        }
    }

    /// Whether somebody removes a peer of their own, or says what it prefers, and nothing else.
    fn is_own_peer(&self) -> bool {
        let Some(Object::Peer(_, old)) = self.old else { return false };
        let scopes = old.groups().iter().map(|group| self.user.role_on(*group)).chain([self.user.role()]);
        let permitted = scopes.flatten().any(|role| role.permits(Permission::OwnPeerWrite));
        let alike = match self.new {
            Some(Object::Peer(_, new)) => old.clone().with_preference(new.preference()) == *new,
            _ => self.new.is_none(),
        };
        permitted && old.owner() == Some(self.actor) && alike
    }

    /// Whether an owner of the workspace is made or unmade by somebody who is none.
    fn moves_owner(&self) -> bool {
        let owns = |object| as_user(object).is_some_and(|user| user.role() == Some(Role::Owner));
        owns(self.old) != owns(self.new) && !self.user.role().is_some_and(|role| role.permits(Permission::OwnerGrant))
    }

    /// Whether a role changes, at any scope, that is or would be above the actor's own there; or whether somebody above the
    /// actor would be recognised by other means.
    fn rises(&self) -> bool {
        let (old, new) = (as_user(self.old), as_user(self.new));
        let recognised = |user: Option<&User>| user.map(|user| user.identities().to_vec()).unwrap_or_default();
        let everything = recognised(old) != recognised(new) || (old.is_some() && new.is_none());
        let workspace = |user: Option<&User>| user.and_then(User::role);
        let above =
            |one: Option<Role>, two: Option<Role>, own: Option<Role>| (everything || one != two) && one.max(two) > own;
        let groups: BTreeSet<GroupId> =
            [old, new].into_iter().flatten().flat_map(|user| user.roles().map(|(group, _)| group)).collect();
        let there = |user: Option<&User>, group: GroupId| user.and_then(|user| user.group_role(group));
        above(workspace(old), workspace(new), self.user.role())
            || groups.iter().any(|g| above(there(old, *g), there(new, *g), self.user.role_on(*g)))
    }

    /// A gateway that the object newly pins a peer to and that the actor may not see.
    fn unseen(&self) -> Option<GatewayId> {
        let known: Vec<_> = self.old.map(pinned).unwrap_or_default();
        let newly = self.new.map(pinned).unwrap_or_default().into_iter().filter(|id| !known.contains(id));
        newly.into_iter().find(|id| !self.sees(*id))
    }

    fn sees(&self, gateway: GatewayId) -> bool {
        if self.user.role().is_some_and(|role| role.permits(Permission::GatewayRead)) {
            return true;
        }
        let peer = self.before.get(gateway).and_then(|gateway| self.before.get(gateway.peer()));
        // One that is not there is another rule's to name.
        let Some(peer) = peer else { return true };
        let owners = self.network_owners(peer.networks()).unwrap_or_default();
        let mut groups = peer.groups().iter().chain(&owners);
        groups.any(|group| self.user.role_on(*group).is_some_and(|role| role.permits(Permission::GatewayRead)))
    }
}

fn as_user(object: Option<&Object>) -> Option<&User> {
    if let Some(Object::User(_, user)) = object { Some(user) } else { None }
}

/// The groups in which a user's roles or memberships differ; `None` if anything else does.
fn bindings_that_differ(old: &User, new: &User) -> Option<BTreeSet<GroupId>> {
    if !old.differs_in_bindings_only(new) {
        return None;
    }
    let roles = |user: &User| user.roles().collect::<BTreeSet<_>>();
    let groups = |user: &User| user.groups().iter().copied().collect::<BTreeSet<_>>();
    let mut differing: BTreeSet<_> = roles(old).symmetric_difference(&roles(new)).map(|(group, _)| *group).collect();
    differing.extend(groups(old).symmetric_difference(&groups(new)));
    Some(differing)
}

/// The gateways that an object pins peers to.
fn pinned(object: &Object) -> Vec<GatewayId> {
    let gateways = |preference: RoutingPreference| preference.gateways();
    match object {
        Object::Peer(_, peer) => gateways(peer.preference()).chain(peer.mode().gateway()).collect(),
        Object::User(_, user) => gateways(user.preference()).collect(),
        Object::Network(_, network) => gateways(network.preference()).collect(),
        Object::Workspace(_, workspace) => gateways(workspace.preference()).collect(),
        _ => Vec::new(),
    }
}
