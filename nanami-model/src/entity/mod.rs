//! The kinds of objects, one file each.
//!
//! **Invariant**: an entity is plain data whose every field is valid by its type. What must hold *between* objects
//! (names resolve, pools are disjoint, …) holds in every [`Intent`](crate::Intent), which alone puts entities together.

mod assertion;
mod gateway;
mod group;
mod join_key;
mod network;
mod peer;
mod policy;
mod region;
mod role;
mod route;
mod user;

pub use assertion::{Assertion, Claim};
pub use gateway::{Activity, Gateway};
pub use group::Group;
pub use join_key::JoinKey;
pub use network::Network;
pub use peer::Peer;
pub use policy::{Direction, Policy, Selector, Verdict};
pub use region::Region;
pub use role::{ParseRoleError, Permission, Role};
pub use route::{ReturnPath, Route};
pub use user::User;
