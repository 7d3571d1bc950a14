//! Nanami's planner: from what people asked for to what every peer must know, and an explanation of it.
//!
//! [`compile`] turns an [`Intent`](nanami_model::Intent) into the [`Desired`] state: who may reach what ([`Access`]), which way
//! packets go ([`Way`]), and the map of every peer.
//!
//! The crate is pure: it reads no clock, socket, file or randomness, and the same input gives the same bytes.
#![forbid(unsafe_code)]

mod access;
mod assertion;
mod blocker;
pub mod board;
mod check;
mod desired;
mod effect;
mod names;
mod paths;
mod selection;
mod share;
mod territory;
mod text;
mod trace;
mod what_if;

pub use access::{Access, Grant};
pub use assertion::{AssertionsFailed, Broken};
pub use blocker::Blocker;
pub use check::{Finding, Findings};
pub use desired::{Desired, compile};
pub use effect::{Disturbance, Effect, Flows, Passage};
pub use paths::Way;
pub use selection::Selection;
pub use what_if::WhatIf;
