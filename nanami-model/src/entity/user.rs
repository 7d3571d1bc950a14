//! Users: people and their roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Role;
use crate::id::{GroupId, UserId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// A person, with a role on the workspace and further roles on single groups, which add to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    name: Name,
    role: Option<Role>,
    roles: BTreeMap<GroupId, Role>,
}

impl User {
    /// A user without any role.
    pub fn new(name: Name) -> Self {
        Self { name, role: None, roles: BTreeMap::new() }
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

    /// The role on the workspace; `None` means that only the roles on groups count.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The roles on single groups.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = (GroupId, Role)> + '_ {
        self.roles.iter().map(|(group, role)| (*group, *role))
    }

    /// The role that counts for what `group` owns: the higher of the two.
    pub fn role_on(&self, group: GroupId) -> Option<Role> {
        self.role.max(self.roles.get(&group).copied())
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
    }
}
