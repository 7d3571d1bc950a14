//! Nanami's planner: from what people asked for to what every peer must know, and an explanation of it.
//!
//! ```text
//! Intent ──select──▶ Selection: which gateways serve whom
//! Intent ──compile──▶ Desired ──map_for──▶ the map of every peer
//!                        ├──what_if──▶ Effect, assertions, recipients
//!                        ├──plan(Base, ..)──▶ Plan: steps by stage, gates, promises
//!                        └──beside(Observed, now)──▶ View: status, reach, explain, board
//! ```
//!
//! [`compile`] turns an [`Intent`](nanami_model::Intent) into the [`Desired`] state: who may reach what ([`Access`]), which way
//! packets go ([`Way`]), and maps. [`Desired::check`] re-derives every promise about those maps from the maps alone. [`plan`]
//! says what a change means ([`Effect`]) and what every peer does for it ([`Step`]); a [`View`] sets the state beside what was
//! reported. `Display` of every result is the text that people read, `{:#}` the unabridged one.
//!
//! The crate is pure: it reads no clock, socket, file or randomness, and the same input gives the same bytes.
#![forbid(unsafe_code)]

mod access;
mod around;
mod assertion;
mod atoms;
mod base;
mod bisect;
mod bitmap;
mod blocker;
pub mod board;
mod chain;
mod changes;
mod check;
mod comparison;
mod demand;
mod desired;
mod diff;
mod drift;
mod effect;
mod explain;
mod files;
mod form;
mod gates;
mod guarantee;
mod held;
mod impact;
mod judgement;
mod lets;
mod names;
mod node;
mod notice;
mod overview;
mod paged;
mod paths;
mod places;
mod plan;
mod reach;
mod recipients;
mod rules;
mod selection;
mod share;
mod stage;
mod status;
mod step;
mod steps;
mod territory;
mod text;
mod touched;
mod trace;
mod usage;
mod view;
mod what_if;
mod words;

pub use access::{Access, Grant};
pub use assertion::{AssertionsFailed, Broken};
pub use base::Base;
pub use bisect::{BisectError, Bisected, Named, Verdict, bisect};
pub use board::State;
pub use changes::{Edit, EditKind};
pub use check::{Finding, Findings};
pub use comparison::Comparison;
pub use desired::{Desired, compile};
pub use diff::{DiffClass, DiffEntry, diff};
pub use drift::{Drift, DriftEntry};
pub use effect::{Disturbance, Effect, Flows, Passage};
pub use explain::{Explanation, Fix, Ground, Hop, Why, WhyNot};
pub use guarantee::{Exposure, Guarantee, Precondition};
pub use impact::{Crowded, Domain, Failure, Fate, Impact, Loss, Outcome, SinglePoint, Sweep, Toll};
pub use judgement::Judgement;
pub use node::{Entry, Expansion, Node};
pub use notice::Notice;
pub use overview::{Overview, Reachable};
pub use paths::Way;
pub use plan::{CheckedPlan, Plan, PlanId, plan};
pub use reach::{Reach, Who};
pub use selection::{Overload, Selection, select};
pub use stage::Stage;
pub use status::Status;
pub use step::{Action, Disruption, Gate, Reason, Step};
pub use text::markdown;
pub use usage::Used;
pub use view::View;
pub use what_if::WhatIf;

/// The planner in use: compiled with the documentation.
#[cfg(doctest)]
#[doc = include_str!("../STORIES.md")]
struct Stories;
