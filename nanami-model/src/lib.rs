//! Nanami's entity model: every noun of the system, as a type that cannot be wrong.
//!
//! An [`Intent`] is one immutable revision of a workspace: users, groups, networks, peers, gateways, routes and the policies
//! and assertions between them. [`Change`]s turn it into the next revision, or are refused with every reason at once. What one
//! peer must know of it is a [`NetworkMap`].
//!
//! The crate reads no clock, socket, file or randomness: time and secrets are arguments.
//!
//! # The acme workspace, in code
//! ```
//! use nanami_model::{
//!     Assertion, Gateway, Group, Intent, Network, Peer, Policy, Region, ReturnPath, Role, Route, Scope, Service, User, cidr,
//!     name, service,
//! };
//!
//! let empty = Intent::new(name!("acme"), User::new(name!("netops")));
//! let mut draft = empty.draft(); // never fails; `apply` reports every mistake at once
//! let [lead, dev, auditor] = [name!("platform-lead"), name!("data-dev"), name!("auditor")].map(|n| draft.add(User::new(n)));
//! let [platform, data, delivery] = [name!("platform"), name!("data"), name!("delivery")].map(|n| draft.add(Group::new(n)));
//! draft.grant(lead, Role::Admin, platform); // for what platform owns
//! draft.grant(dev, Role::Member, data);
//! draft.grant(auditor, Role::Viewer, Scope::Workspace);
//!
//! let prod = draft.add(Network::new(name!("prod"), platform, [cidr!("10.42.0.0/16"), cidr!("fd42::/48")]));
//! let build = draft.add(Network::new(name!("build"), delivery, [cidr!("10.43.0.0/16"), cidr!("fd43::/48")]));
//! let mut peer = |name, group, network| draft.add(Peer::new(name).with_groups([group]).with_networks([network]));
//! let [api, edge, ingress] =
//!     [name!("api-gateway"), name!("edge-router"), name!("k8s-ingress")].map(|n| peer(n, platform, prod)); // pending: no key yet
//! let (db, ci) = (peer(name!("db-cluster"), data, prod), peer(name!("ci-runner"), delivery, build));
//! let [us_east, eu_west, ap_south] = [name!("us-east"), name!("eu-west"), name!("ap-south")].map(|n| {
//!     let region = draft.add(Region::new(n.clone()));
//!     let peer = draft.add(Peer::new(n.clone()).with_groups([platform]).with_networks([prod]));
//!     draft.add(Gateway::new(n, peer, region)) // a gateway is a peer's role
//! });
//! let vpc = Route::new(name!("vpc"), prod, cidr!("10.60.0.0/16"), [us_east, eu_west]);
//! let vpc = draft.add(vpc.with_redundancy(2).with_return_path(ReturnPath::Declared));
//! let exit = draft.add(Route::exit(name!("exit"), prod, [ap_south]));
//!
//! draft.add(Policy::allow(name!("ci-deploys"), ci, ingress, service!("tcp/6443")));
//! draft.add(Policy::allow(name!("api-to-db"), api, db, service!("tcp/5432")));
//! draft.add(Policy::allow(name!("edge-to-api"), edge, api, service!("tcp/443")));
//! draft.add(Policy::allow(name!("edge-exit"), edge, exit, Service::ANY));
//! draft.add(Policy::allow(name!("ci-to-vpc"), ci, vpc, service!("tcp/443")));
//! draft.add(Assertion::only_via_gateway(name!("db-via-gateway"), build, db));
//! draft.add(Assertion::must_reach(name!("deploys-survive"), ci, ingress, service!("tcp/6443")));
//! draft.add(Assertion::survives_loss_of(name!("vpc-redundant"), vpc, 1));
//! let acme = empty.apply(empty.owner(), &draft.into_changes())?; // all or nothing
//! assert_eq!((acme.peers().len(), acme.policies().len(), acme.revision().value()), (8, 5, 1));
//! # #[cfg(feature = "toml")]
//! # {
//! #     let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/acme.toml"));
//! #     let file = nanami_model::Intent::from_toml(file).unwrap();
//! #     assert_eq!(acme.changes_to(&file).sentences(&acme), [""; 0], "the document says the same");
//! #     assert_eq!(file.changes_to(&acme).sentences(&file), [""; 0]);
//! # }
//! # Ok::<(), nanami_model::Refused>(())
//! ```
//!
//! A file says the same: [`Intent::from_toml`] reads it, [`Intent::changes_to`] says what would have to change
//! ([`ChangeSet::sentences`] in words), and the feature `sample` has acme ready-made in both forms.
//!
//! # Errors
//! Every error is [`Coded`]: it has a stable code, says whose it is to repair ([`Fault`]), whether the same call may succeed later,
//! and what to do. `docs/errors.md` lists all codes.
//!
//! # What a workspace may say, and who may say it
//! Each kind of object is a type whose fields are valid by themselves; what must hold *between* objects is checked when
//! [`Intent::apply`] makes the next revision, and every [`Violation`] names the object, the field and a remedy. [`Permission`]
//! has the table of roles; a role on a group counts for what that group owns ([`Scope`]). [`Intent::preference_of`] says what
//! holds for a peer after the four layers of path intent, and where each setting comes from.
#![forbid(unsafe_code)]

mod allowed_ips;
mod change;
mod cidr;
mod coded;
mod dependents;
mod document;
mod endpoint;
mod entity;
mod flow;
mod generation;
mod host_name;
mod id;
mod intent;
mod ipam;
mod join_string;
mod key;
mod literal;
pub mod message;
mod mtu;
mod name;
mod near;
mod network_map;
mod object;
mod observed;
mod persistent;
mod preshared_key;
mod recording;
mod redemption;
mod refused;
mod rename;
mod report;
#[cfg(feature = "sample")]
pub mod sample;
mod secret;
mod service;
mod slot;
mod text;
mod time;
mod tlv;
mod token;
pub mod wg_quick;

pub use allowed_ips::AllowedIps;
pub use change::{Actor, Change, ChangeSet, Draft};
pub use cidr::{Cidr, ParseAddressError, ParseCidrError, parse_address};
#[doc(hidden)]
pub use coded::Sealed as SealedCoded;
pub use coded::{Coded, Fault};
pub use document::{DocumentError, DocumentErrors, Place, Problem, document_schema};
pub use endpoint::{Endpoint, Host, ParseEndpointError};
pub use entity::{
    Activity, Admission, Assertion, Claim, Condition, Direction, DnsSuffix, Duties, Duty, Facts, Gateway,
    GatewaySelector, Group, Identity, JoinKey, Lifecycle, Lifetime, Mode, Network, NoDuties, OnAllDown, Os,
    ParseDnsSuffixError, ParseIdentityError, ParseRoleError, ParseVersionError, Peer, PeerStatus, Permission, Policy,
    Region, ReturnPath, Role, RoleBinding, Route, RouteMode, RoutingMode, RoutingPreference, Scope, Selector, Serves,
    Session, SessionEnd, Standing, TrafficMode, UnknownWord, User, Uses, Verdict, Version, Workspace,
};
pub use flow::{Destination, Flow, Path};
pub use generation::{Epoch, Generation, Revision};
pub use host_name::{HostName, ParseHostNameError};
pub use id::{
    AssertionId, GatewayId, GroupId, JoinKeyId, NetworkId, ParseIdError, PeerId, PolicyId, RegionId, RouteId,
    SessionId, TokenId, UserId, WorkspaceId,
};
pub use intent::{Difference, Intent, Layer, Preference, Setting, UnknownName};
pub use join_string::{JoinString, ParseJoinStringError};
pub use key::{ParseKeyError, PrivateKey, PublicKey};
#[doc(hidden)]
pub use literal::{is_cidr_literal, is_service_literal};
pub use mtu::{Mtu, ParseMtuError};
pub use name::{Name, ParseNameError};
pub use network_map::{
    AcceptRule, Digest, Facet, Filter, ForwardRule, MapEntry, MapItem, MapMismatch, Neighbor, NetworkMap, Standby,
};
pub use object::{Entity, Id, Label, Object, ObjectId};
pub use observed::{Observed, Sighting, StaleReport};
pub use preshared_key::PresharedKey;
pub use recording::{Recording, RecordingError};
pub use redemption::{NotRedeemable, Redemption};
pub use refused::{Refused, Violation};
pub use rename::Rename;
pub use report::{Alteration, Altered, Attempt, LinkReport, Report, TakenOver, Usage};
pub use secret::{ApiToken, Exposed, JoinSecret, JoinSecretHash, ParseSecretError, SessionToken, TokenHash};
pub use service::{NoServices, ParseServiceError, Protocol, Service, Services};
pub use slot::{Slot, SlotSet};
pub use time::Timestamp;
pub use tlv::MessageError;
pub use token::{Bearer, TokenRecord, TokenRefused, TokenTable};
