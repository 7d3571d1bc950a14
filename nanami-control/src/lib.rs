//! Nanami's control protocol: the service, and the peer's agent.
//!
//! - [`channel`]: authenticated messages between a peer and control; sans-IO, both ends.
//! - [`store`]: where control keeps what must survive it; SQLite is the embedded default.
//! - [`agent`]: the peer's half: joins, watches for maps, reports.

#[cfg(feature = "agent")]
pub mod agent;
#[cfg(any(feature = "client", feature = "server"))]
pub mod api;
pub mod channel;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "server")]
mod clock;
#[cfg(feature = "server")]
mod control_plane;
#[cfg(feature = "server")]
mod events;
#[cfg(any(feature = "agent", feature = "server"))]
mod files;
#[cfg(feature = "server")]
mod hub;
#[cfg(feature = "server")]
mod identity;
#[cfg(feature = "server")]
mod live;
#[cfg(feature = "server")]
mod proposal;
#[cfg(feature = "server")]
mod server;
#[cfg(all(feature = "server", feature = "unstable"))]
pub mod service;
#[cfg(all(feature = "server", not(feature = "unstable")))]
#[allow(dead_code, unreachable_pub, reason = "public with the feature `unstable` alone")]
mod service;
#[cfg(feature = "server")]
mod snapshot;
#[cfg(feature = "server")]
mod status;
#[cfg(any(feature = "server", feature = "sqlite", feature = "contract"))]
pub mod store;
#[cfg(any(feature = "agent", feature = "server"))]
mod wire;

#[cfg(feature = "client")]
pub use client::{Client, ClientError};
#[cfg(any(feature = "agent", feature = "server"))]
pub use files::{Files, KeyStore, StateStore};
#[cfg(feature = "server")]
pub use {
    clock::{Clock, SystemClock},
    control_plane::{Builder, ControlPlane, OpenError, StartError},
    events::{ControlEvent, EventStream},
    identity::{AuthError, Identified, Identity, Token, Tokens},
    live::{JoinKeyError, LiveWorkspace},
    proposal::{Progress, Proposal, Rollout},
    server::Router,
    service::audit::{Act, Approval, Founded, Record, Touched},
    service::reconcile::{ApplyError, ApproveError, ProposeError, Stale, Waiting},
    snapshot::Snapshot,
};

/// The word in the `Upgrade` header of the channel; its number is the channel's version.
#[cfg(any(feature = "agent", feature = "server"))]
const PROTOCOL: &str = "nanami/1";
