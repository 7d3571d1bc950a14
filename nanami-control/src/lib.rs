//! Nanami's control protocol: the service, and the peer's agent.
//!
//! - [`channel`]: authenticated messages between a peer and control; sans-IO, both ends.
//! - [`store`]: where control keeps what must survive it; SQLite is the embedded default.
//! - [`agent`]: the peer's half: joins, watches for maps, reports.

#[cfg(feature = "agent")]
pub mod agent;
pub mod channel;
#[cfg(any(feature = "agent", feature = "server"))]
mod files;
#[cfg(any(feature = "server", feature = "sqlite", feature = "contract"))]
pub mod store;
#[cfg(any(feature = "agent", feature = "server"))]
mod wire;

#[cfg(any(feature = "agent", feature = "server"))]
pub use files::{Files, KeyStore, StateStore};
