//! Scopes: where a role counts.

use serde::{Deserialize, Serialize};

use super::Role;
use crate::id::GroupId;

/// Where a role counts: everywhere, or for what one group owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole workspace.
    Workspace,
    /// What this group owns: itself, its networks and their routes, the peers in it, and policies whose destination it owns.
    Group(GroupId),
}

impl From<GroupId> for Scope {
    fn from(group: GroupId) -> Self {
        Self::Group(group)
    }
}

/// A role that a user has somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoleBinding {
    scope: Scope,
    role: Role,
}

impl RoleBinding {
    /// This role there.
    pub fn new(scope: impl Into<Scope>, role: Role) -> Self {
        Self { scope: scope.into(), role }
    }

    /// Where it counts.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Which role it is.
    pub fn role(&self) -> Role {
        self.role
    }
}
