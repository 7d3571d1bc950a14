//! The life of a network.

use super::words::words;

/// Whether a network is in use. Nothing flows to or from the addresses of one that is not active.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifecycle {
    /// In use.
    #[default]
    Active,
    /// At rest: its peers keep their addresses, and reach nobody by them.
    Suspended,
    /// At its end: as suspended, and no peer joins it any more.
    Retired,
}

words!(Lifecycle, "lifecycle": Active = "active", Suspended = "suspended", Retired = "retired");
