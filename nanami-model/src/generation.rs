//! The three counters: revisions of a workspace, generations of one peer's map, epochs of a store.
//!
//! A revision counts the intents of a workspace. A generation belongs to one peer and rises only when that peer's
//! map changes. An epoch rises when a store is restored from a backup, and orders before the generation.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// Before the first one.
            pub const ZERO: Self = Self(0);

            /// The counter at this value.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number.
            pub const fn value(self) -> $inner {
                self.0
            }

            /// The one that follows. The last value stays where it is: no counter starts again.
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

counter! {
    /// Counts the intents of one workspace.
    Revision(u64)
}
counter! {
    /// Counts the maps of one peer.
    Generation(u64)
}
counter! {
    /// Counts the lives of one store.
    Epoch(u32)
}
