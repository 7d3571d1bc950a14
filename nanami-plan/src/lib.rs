//! Nanami's planner: from what people asked for to what every peer must know, and an explanation of it.
//!
//! [`compile`] turns an [`Intent`](nanami_model::Intent) into the [`Desired`] state: who may reach what ([`Access`]), which way
//! packets go ([`Way`]), and the map of every peer.
//!
//! The crate is pure: it reads no clock, socket, file or randomness, and the same input gives the same bytes.
#![forbid(unsafe_code)]

mod access;
mod desired;
mod paths;
mod selection;
mod share;
mod territory;

pub use access::{Access, Grant};
pub use desired::{Desired, compile};
pub use paths::Way;
pub use selection::Selection;
