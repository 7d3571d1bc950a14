//! Nanami's entity model: every noun of the system, as a type that cannot be wrong.
#![forbid(unsafe_code)]

mod cidr;
mod generation;
mod id;
mod key;
mod name;
mod network_map;
mod service;
mod text;
mod time;
mod tlv;

pub use cidr::{Cidr, ParseAddressError, ParseCidrError, parse_address};
pub use generation::{Epoch, Generation, Revision};
pub use id::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, ParseIdError, PeerId, PolicyId, RegionId, RouteId, UserId,
    WorkspaceId,
};
pub use key::{ParseKeyError, PrivateKey, PublicKey};
pub use name::{Name, ParseNameError};
pub use network_map::{AcceptRule, Digest, Facet, Filter, ForwardRule, Neighbor, NetworkMap, Standby};
pub use service::{NoServices, ParseServiceError, Protocol, Service, Services};
pub use time::Timestamp;
pub use tlv::MessageError;
