//! The standard WireGuard control socket, the server's end: what `wg` speaks to a userspace implementation
//! (<https://www.wireguard.com/xplatform/>).
//!
//! [`RequestReader`] reads requests off the wire, [`Config`] is what they change, [`InterfaceState`] and [`PeerState`] are
//! what the answer to `get=1` says. Nothing in these reads a clock, socket or file. [`Server`] serves a [`Device`] to `wg`.
//!
//! **Invariants** (SEC-52): a request is read to its end before any of it is applied, so one that is cut short changes
//! nothing; what a request takes in memory is bounded by what arrived of it, never by what it announces.

mod applied;
#[cfg(feature = "tokio")]
mod client;
mod config;
mod device;
mod errno;
mod path;
mod request;
mod server;
mod state;
mod value;

pub use applied::Applied;
#[cfg(feature = "tokio")]
pub use client::{Client, UapiError};
pub use config::{Config, PeerConfig};
pub use device::{Device, answer};
pub use errno::Errno;
pub use path::socket_path;
pub use request::{AllowedIpChange, Changes, PeerChange, Request, RequestError, RequestReader};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use server::Watch;
pub use server::{BindError, Server, Serving};
pub use state::{InterfaceState, PeerState};

#[cfg(test)]
mod tests;
