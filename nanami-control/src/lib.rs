//! Nanami's control protocol: the service, and the peer's agent.
//!
//! - [`channel`]: authenticated messages between a peer and control; sans-IO, both ends.
//! - [`store`]: where control keeps what must survive it; SQLite is the embedded default.

pub mod channel;
#[cfg(any(feature = "server", feature = "sqlite", feature = "contract"))]
pub mod store;
