//! Users: people and their roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::is_default;
use super::{Identity, Permission, Role, RoleBinding, RoutingPreference, Scope};
use crate::id::{GroupId, UserId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// A person, with a role on the workspace and further roles on single groups, which add to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    name: Name,
    role: Option<Role>,
    roles: BTreeMap<GroupId, Role>,
    #[serde(default, skip_serializing_if = "is_default")]
    identities: Vec<Identity>,
    #[serde(default, skip_serializing_if = "is_default")]
    groups: Vec<GroupId>,
    #[serde(default, skip_serializing_if = "is_default")]
    preference: RoutingPreference,
}

impl User {
    /// A user without any role.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            role: None,
            roles: BTreeMap::new(),
            identities: Vec::new(),
            groups: Vec::new(),
            preference: RoutingPreference::none(),
        }
    }

    /// Sets the role on the workspace.
    pub fn with_role(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Sets the role on one group.
    pub fn with_group_role(mut self, group: GroupId, role: Role) -> Self {
        self.roles.insert(group, role);
        self
    }

    /// Takes the role on the workspace away.
    pub fn without_role(self) -> Self {
        Self { role: None, ..self }
    }

    /// Takes the role on one group away.
    pub fn without_group_role(mut self, group: GroupId) -> Self {
        self.roles.remove(&group);
        self
    }

    /// Sets the identities by which the user is recognised; each belongs to one user of the workspace.
    pub fn with_identities(self, identities: impl IntoIterator<Item = Identity>) -> Self {
        Self { identities: identities.into_iter().collect(), ..self }
    }

    /// Sets the groups that the user is a member of, with every peer that the user owns.
    pub fn with_groups(self, ids: impl IntoIterator<Item = GroupId>) -> Self {
        Self { groups: ids.into_iter().collect(), ..self }
    }

    /// Sets what the user's peers prefer where they do not say.
    pub fn with_preference(self, preference: RoutingPreference) -> Self {
        Self { preference, ..self }
    }

    /// The role on the workspace; `None` means that only the roles on groups count.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Where the user has which role.
    pub fn bindings(&self) -> impl Iterator<Item = RoleBinding> + '_ {
        let workspace = self.role.map(|role| RoleBinding::new(Scope::Workspace, role));
        workspace.into_iter().chain(self.roles().map(|(group, role)| RoleBinding::new(group, role)))
    }

    /// The role on one group alone, without what the role on the workspace adds.
    pub(crate) fn group_role(&self, group: GroupId) -> Option<Role> {
        self.roles.get(&group).copied()
    }

    /// The role that counts at this scope.
    pub fn role_at(&self, scope: impl Into<Scope>) -> Option<Role> {
        match scope.into() {
            Scope::Workspace => self.role,
            Scope::Group(group) => self.role_on(group),
        }
    }

    /// Whether the user's role at this scope has this permission.
    pub fn may(&self, permission: Permission, scope: impl Into<Scope>) -> bool {
        self.role_at(scope).is_some_and(|role| role.permits(permission))
    }

    /// Whether the two are alike but for roles on groups and memberships.
    pub(crate) fn differs_in_bindings_only(&self, other: &Self) -> bool {
        let rest = |user: &Self| Self { roles: BTreeMap::new(), groups: Vec::new(), ..user.clone() };
        rest(self) == rest(other)
    }

    /// The roles on single groups.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = (GroupId, Role)> + '_ {
        self.roles.iter().map(|(group, role)| (*group, *role))
    }

    /// The role that counts for what `group` owns: the higher of the two.
    pub fn role_on(&self, group: GroupId) -> Option<Role> {
        self.role.max(self.roles.get(&group).copied())
    }

    /// The identities by which the user is recognised.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The groups that the user is a member of, without those that come by nesting.
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// What the user's peers prefer where they do not say.
    pub fn preference(&self) -> RoutingPreference {
        self.preference
    }
}

impl Entity for User {
    type Id = UserId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        let roles = std::mem::take(&mut self.roles);
        self.roles = roles
            .into_iter()
            .map(|(mut group, role)| {
                follow(&mut group, "roles", with);
                (group, role)
            })
            .collect();
        self.groups.iter_mut().for_each(|id| follow(id, "groups", with));
        self.preference.visit(with);
    }
}
