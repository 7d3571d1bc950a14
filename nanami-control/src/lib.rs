//! Nanami's control protocol: the service, and the peer's agent.
//!
//! A control plane keeps workspaces on a store, lets operators change them by plans that are shown, approved and applied, turns
//! key pairs into peers, and hands each peer its map. A peer's agent joins, watches and reports. Both ends are here,
//! because a protocol is easiest to see and to change in one place:
//!
//! - [`channel`]: authenticated messages between a peer and control; sans-IO, both ends.
//! - `service`: what control decides for one workspace; sans-IO, public with the feature `unstable`.
//! - `store`: where control keeps what must survive it; SQLite is the embedded default.
//! - `server`: one port for peers and operators; `client` (feature `client`) is the operator's end.
//! - `agent` (feature `agent`): the peer's half; neither planner nor store nor server below it.
//!
//! **Invariants: nothing is answered or distributed before it is durable; who speaks is what the channel or the identity
//! proved, never what a message says; whoever is refused learns only that.**
//!
#![cfg_attr(all(feature = "server", feature = "sqlite"), doc = "```no_run")]
#![cfg_attr(not(all(feature = "server", feature = "sqlite")), doc = "```ignore")]
//! use nanami_control::{ControlPlane, Tokens, store::Sqlite};
//! use nanami_model::{JoinKey, User, name};
//! use tokio::net::TcpListener;
//!
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = Tokens::default();
//! println!("operators: {}", tokens.issue(name!("netops"))?.expose());
//! let control = ControlPlane::builder(Sqlite::at("nanami.db"))
//!     .with_identity(tokens)
//!     .with_public_url("http://127.0.0.1:8080".parse()?)
//!     .start()
//!     .await?;
//! let acme = control.open_workspace(name!("acme"), User::new(name!("netops"))).await?;
//! println!("a peer: {}", acme.create_join_key(JoinKey::one_off(name!("laptop"))).await?.expose());
//! control.serve(TcpListener::bind("127.0.0.1:8080").await?).await?;
//! # Ok(())
//! # }
//! ```

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
