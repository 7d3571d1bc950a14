//! The JSON of results: all that a text says, by name, in fields that stay.
//!
//! **Invariant**: a field that was published keeps its name and its meaning; further ones may come (`docs/answers.schema.json`).
//! Ages and spans are whole milliseconds. A list that may be as long as a workspace is wide comes as `count` and at most
//! [`LISTED`] entries, so that no answer is larger than what somebody can read.

mod assertions;
mod bisect;
mod comparison;
mod explanation;
mod impact;
mod notice;
mod passage;
mod plan;
mod reach;
#[cfg(feature = "schema")]
mod schema;
mod status;

use serde::Serialize;

/// How many entries a list has at most (chosen: more than people read, less than a megabyte).
pub(crate) const LISTED: usize = 1000;

/// The version of the form: raised if a field ever had to go.
const FORMAT: u8 = 1;

/// What an answer is.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Kind {
    Assertions,
    Bisected,
    Comparison,
    Effect,
    Explanation,
    Impact,
    Plan,
    Reach,
    Status,
    Sweep,
}

// What every answer begins with.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Head {
    /// Which form this is: 1.
    format: u8,
    /// What this is.
    kind: Kind,
}

impl Head {
    fn of(kind: Kind) -> Self {
        Self { format: FORMAT, kind }
    }
}

/// A list with its true length and its first entries.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Listed<T> {
    count: usize,
    first: Vec<T>,
}

impl<T> Listed<T> {
    fn of<I: ExactSizeIterator>(items: I, form: impl FnMut(I::Item) -> T) -> Self {
        Self { count: items.len(), first: items.take(LISTED).map(form).collect() }
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
