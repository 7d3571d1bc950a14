//! The standard WireGuard control socket, both ends: what `wg` speaks to a userspace implementation
//! (<https://www.wireguard.com/xplatform/>).
//!
//! [`RequestReader`] reads requests off the wire, [`Config`] is what they change, [`InterfaceState`] and [`PeerState`] are
//! what the answer to `get=1` says. Nothing in these three reads a clock, socket or file.
//!
//! **Invariants** (SEC-52): a request is read to its end before any of it is applied, so one that is cut short changes
//! nothing; what a request takes in memory is bounded by what arrived of it, never by what it announces.

mod applied;
mod config;
mod device;
mod errno;
mod request;
mod state;
mod value;

pub use applied::Applied;
pub use config::{Config, PeerConfig};
pub use device::{Device, answer};
pub use errno::Errno;
pub use request::{AllowedIpChange, Changes, PeerChange, Request, RequestError, RequestReader};
pub use state::{InterfaceState, PeerState};

#[cfg(test)]
mod tests;
