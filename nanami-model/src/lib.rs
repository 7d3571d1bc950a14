//! Nanami's entity model: every noun of the system, as a type that cannot be wrong.
//!
//! An [`Intent`] is one immutable revision of a workspace: users, groups, networks, peers, gateways, routes and the policies
//! and assertions between them. [`Change`]s turn it into the next revision, or are refused with every reason at once. What one
//! peer must know of it is a [`NetworkMap`].
//!
//! The crate reads no clock, socket, file or randomness: time and secrets are arguments.
#![forbid(unsafe_code)]

mod change;
mod cidr;
#[cfg(feature = "toml")]
mod document;
mod entity;
mod flow;
mod generation;
mod id;
mod intent;
mod ipam;
mod join_string;
mod key;
pub mod message;
mod name;
mod near;
mod network_map;
mod object;
mod observed;
mod refused;
mod report;
mod service;
mod text;
mod time;
mod tlv;

pub use change::{Actor, Change, ChangeSet, Draft};
pub use cidr::{Cidr, ParseAddressError, ParseCidrError, parse_address};
#[cfg(feature = "toml")]
pub use document::{DocumentError, DocumentErrors, Place, Problem};
pub use entity::{
    Activity, Assertion, Claim, Direction, Gateway, Group, JoinKey, JoinSecret, JoinSecretHash, Network, NotRedeemable,
    ParseJoinSecretError, ParseRoleError, Peer, Permission, Policy, Region, ReturnPath, Role, Route, Selector, User,
    Verdict,
};
pub use flow::{Destination, Flow, Path};
pub use generation::{Epoch, Generation, Revision};
pub use id::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, ParseIdError, PeerId, PolicyId, RegionId, RouteId, UserId,
    WorkspaceId,
};
pub use intent::{Intent, UnknownName};
pub use join_string::{JoinString, ParseJoinStringError};
pub use key::{ParseKeyError, PrivateKey, PublicKey};
pub use name::{Name, ParseNameError};
pub use network_map::{AcceptRule, Digest, Facet, Filter, ForwardRule, Neighbor, NetworkMap, Standby};
pub use object::{Entity, Id, Label, Object, ObjectId};
pub use observed::{Observed, Sighting, StaleReport};
pub use refused::{Refused, Violation};
pub use report::{Attempt, LinkReport, Report, TakenOver, Usage};
pub use service::{NoServices, ParseServiceError, Protocol, Service, Services};
pub use time::Timestamp;
pub use tlv::MessageError;
