//! The kinds of objects, one file each.
//!
//! **Invariant**: an entity is plain data whose every field is valid by its type. What must hold *between* objects
//! (names resolve, pools are disjoint, …) holds in every [`Intent`](crate::Intent), which alone puts entities together.

mod admission;
mod assertion;
mod condition;
mod dns_suffix;
mod duties;
mod facts;
mod gateway;
mod gateway_selector;
mod group;
mod identity;
mod join_key;
mod lifecycle;
mod lifetime;
mod mode;
mod network;
mod os;
mod peer;
mod permission;
mod policy;
mod preference;
mod region;
mod role;
mod route;
mod scope;
mod session;
mod standing;
mod user;
mod uses;
mod version;
pub(crate) mod words;
mod workspace;

pub use admission::Admission;
pub use assertion::{Assertion, Claim};
pub use condition::Condition;
pub use dns_suffix::{DnsSuffix, ParseDnsSuffixError};
pub use duties::{Duties, Duty, NoDuties};
pub use facts::Facts;
pub use gateway::{Activity, Gateway, Serves};
pub use gateway_selector::GatewaySelector;
pub use group::Group;
pub use identity::{Identity, ParseIdentityError};
pub use join_key::JoinKey;
pub use lifecycle::Lifecycle;
pub use lifetime::Lifetime;
pub use mode::Mode;
pub use network::Network;
pub use os::Os;
pub use peer::Peer;
pub use permission::Permission;
pub use policy::{Direction, Policy, Selector, Verdict};
pub use preference::{RoutingMode, RoutingPreference, TrafficMode};
pub use region::Region;
pub use role::{ParseRoleError, Role};
pub use route::{OnAllDown, ReturnPath, Route, RouteMode};
pub use scope::{RoleBinding, Scope};
pub use session::{Session, SessionEnd};
pub use standing::{PeerStatus, Standing};
pub use user::User;
pub use uses::Uses;
pub use version::{ParseVersionError, Version};
pub use words::UnknownWord;
pub use workspace::Workspace;
