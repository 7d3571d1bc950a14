//! The texts that people read, in one form: verdict, cause, evidence, what to do next.
//!
//! **Invariant**: at most 100 columns, and 24 lines unless asked for everything (`{:#}`); what is left out is counted. Columns
//! align. The same value gives the same text.

mod effect;
mod table;

pub(crate) use table::Table;

/// The widest line of a text.
pub(crate) const COLUMNS: usize = 100;

/// How many rows a list may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(usize);

impl Limit {
    pub(crate) const NONE: Self = Self(usize::MAX);

    /// At most this many rows, one of which is the count of what is left out.
    pub(crate) fn rows(rows: usize) -> Self {
        Self(rows.max(1))
    }

    /// How many items of a list are shown, and how many are only counted.
    pub(crate) fn split(self, items: usize) -> (usize, usize) {
        if items <= self.0 { (items, 0) } else { (self.0 - 1, items - self.0 + 1) }
    }
}

/// `none` instead of 0.
pub(crate) fn none_or(n: usize) -> String {
    if n == 0 { "none".to_owned() } else { n.to_string() }
}
