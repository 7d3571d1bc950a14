//! Nanami's planner: from what people asked for to what every peer must know, and an explanation of it.
//!
//! [`compile`] turns an [`Intent`](nanami_model::Intent) into the [`Desired`] state: who may reach what ([`Access`]), which way
//! packets go ([`Way`]), and the map of every peer.
//!
//! The crate is pure: it reads no clock, socket, file or randomness, and the same input gives the same bytes.
#![forbid(unsafe_code)]

mod access;
mod assertion;
mod base;
mod blocker;
pub mod board;
mod changes;
mod check;
mod desired;
mod effect;
mod gates;
mod guarantee;
mod names;
mod paths;
mod places;
mod plan;
mod rules;
mod selection;
mod share;
mod stage;
mod step;
mod steps;
mod territory;
mod text;
mod trace;
mod usage;
mod what_if;

pub use access::{Access, Grant};
pub use assertion::{AssertionsFailed, Broken};
pub use base::Base;
pub use blocker::Blocker;
pub use changes::{Edit, EditKind};
pub use check::{Finding, Findings};
pub use desired::{Desired, compile};
pub use effect::{Disturbance, Effect, Flows, Passage};
pub use guarantee::{Exposure, Guarantee, Precondition};
pub use paths::Way;
pub use plan::{CheckedPlan, Plan, PlanId, plan};
pub use selection::Selection;
pub use stage::Stage;
pub use step::{Action, Disruption, Gate, Reason, Step};
pub use usage::Used;
pub use what_if::WhatIf;
