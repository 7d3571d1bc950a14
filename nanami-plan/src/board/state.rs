//! The six states of an object, as OUTPUT.md names them.

use std::fmt;

/// How what was observed of an object relates to what is desired of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing of it exists yet.
    Planned,
    /// Observed equals desired.
    Matching,
    /// An older generation is applied.
    Behind,
    /// Somebody changed what we own.
    Altered,
    /// It is not ours, and is kept.
    Foreign,
    /// No report within its lease.
    Unknown,
}

impl State {
    /// The six, in the order of a legend.
    pub const ALL: [State; 6] =
        [State::Planned, State::Matching, State::Behind, State::Altered, State::Foreign, State::Unknown];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Planned => "planned",
            Self::Matching => "matching",
            Self::Behind => "behind",
            Self::Altered => "altered",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        })
    }
}
