//! Permissions: what a role lets somebody do, by key.
//!
//! **Invariant**: the table below is all there is; roles are built in, ordered and immutable, and a higher one permits all that a
//! lower one does.
//!
//! | role | on the workspace, or on a group for what that group owns |
//! |---|---|
//! | viewer | every `….read` |
//! | member | and `own_peer.write`: the preferences and the removal of peers that the user owns |
//! | admin | and every `….write`, `role.grant` up to admin, `plan.approve` |
//! | owner | and `owner.grant`: makes and unmakes owners |

use super::Role;
use super::words::words;

/// Something that a role permits, with the key by which texts and interfaces name it.
///
/// ```
/// use nanami_model::{Permission, Role};
///
/// assert_eq!(Permission::NetworkWrite.to_string(), "network.write");
/// assert!(Role::Admin.permits(Permission::NetworkWrite) && !Role::Member.permits(Permission::NetworkWrite));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// See the workspace's own settings.
    WorkspaceRead,
    /// Change the workspace's own settings.
    WorkspaceWrite,
    /// See users.
    UserRead,
    /// Change users, but for their roles.
    UserWrite,
    /// See groups.
    GroupRead,
    /// Change groups.
    GroupWrite,
    /// See networks.
    NetworkRead,
    /// Change networks.
    NetworkWrite,
    /// See regions.
    RegionRead,
    /// Change regions.
    RegionWrite,
    /// See peers.
    PeerRead,
    /// Change peers.
    PeerWrite,
    /// Change the preferences of peers that the user owns, and remove them.
    OwnPeerWrite,
    /// See gateways.
    GatewayRead,
    /// Change gateways.
    GatewayWrite,
    /// See routes.
    RouteRead,
    /// Change routes.
    RouteWrite,
    /// See policies.
    PolicyRead,
    /// Change policies.
    PolicyWrite,
    /// See join keys, never their secrets.
    JoinKeyRead,
    /// Change join keys.
    JoinKeyWrite,
    /// See assertions.
    AssertionRead,
    /// Change assertions.
    AssertionWrite,
    /// See sessions, never their tokens.
    SessionRead,
    /// End sessions.
    SessionWrite,
    /// Give and take roles, never above one's own.
    RoleGrant,
    /// Make or unmake owners.
    OwnerGrant,
    /// Approve plans that touch what the group owns.
    PlanApprove,
}

words!(
    Permission, "permission":
    WorkspaceRead = "workspace.read", WorkspaceWrite = "workspace.write",
    UserRead = "user.read", UserWrite = "user.write",
    GroupRead = "group.read", GroupWrite = "group.write",
    NetworkRead = "network.read", NetworkWrite = "network.write",
    RegionRead = "region.read", RegionWrite = "region.write",
    PeerRead = "peer.read", PeerWrite = "peer.write", OwnPeerWrite = "own_peer.write",
    GatewayRead = "gateway.read", GatewayWrite = "gateway.write",
    RouteRead = "route.read", RouteWrite = "route.write",
    PolicyRead = "policy.read", PolicyWrite = "policy.write",
    JoinKeyRead = "join_key.read", JoinKeyWrite = "join_key.write",
    AssertionRead = "assertion.read", AssertionWrite = "assertion.write",
    SessionRead = "session.read", SessionWrite = "session.write",
    RoleGrant = "role.grant", OwnerGrant = "owner.grant", PlanApprove = "plan.approve",
);

impl Permission {
    /// The lowest role that has it.
    pub const fn least_role(self) -> Role {
        match self {
            Self::WorkspaceRead
            | Self::UserRead
            | Self::GroupRead
            | Self::NetworkRead
            | Self::RegionRead
            | Self::PeerRead
            | Self::GatewayRead
            | Self::RouteRead
            | Self::PolicyRead
            | Self::JoinKeyRead
            | Self::AssertionRead
            | Self::SessionRead => Role::Viewer,
            Self::OwnPeerWrite => Role::Member,
            Self::WorkspaceWrite
            | Self::UserWrite
            | Self::GroupWrite
            | Self::NetworkWrite
            | Self::RegionWrite
            | Self::PeerWrite
            | Self::GatewayWrite
            | Self::RouteWrite
            | Self::PolicyWrite
            | Self::JoinKeyWrite
            | Self::AssertionWrite
            | Self::SessionWrite
            | Self::RoleGrant
            | Self::PlanApprove => Role::Admin,
            Self::OwnerGrant => Role::Owner,
        }
    }
}
