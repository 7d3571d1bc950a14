//! Roles: what a user is to a workspace, or to one group of it. What they permit is in [`Permission`].
//!
//! **Invariant**: roles are ordered; a higher one permits all that a lower one does. They are built in and immutable.

use std::fmt;
use std::str::FromStr;

use super::Permission;

/// What a user is to a workspace, or to one group of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees.
    Viewer,
    /// Sees, and uses what is there.
    Member,
    /// Changes everything but who owns the workspace.
    Admin,
    /// Changes everything.
    Owner,
}

impl Role {
    /// The roles, lowest first.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];

    /// Whether the role permits this; [`Permission`] has the table.
    pub const fn permits(self, permission: Permission) -> bool {
        self as u8 >= permission.least_role() as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        })
    }
}

/// A word is none of the four roles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is owner, admin, member or viewer")]
pub struct ParseRoleError;

crate::coded! { ParseRoleError: Caller;
    _ => ("value.role", "write owner, admin, member or viewer");
}

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, ParseRoleError> {
        Self::ALL.into_iter().find(|role| role.to_string() == text).ok_or(ParseRoleError)
    }
}

crate::text::text_serde!(Role);
