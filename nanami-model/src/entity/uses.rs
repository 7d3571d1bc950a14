//! How often a join key lets somebody in.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How often a join key lets somebody in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uses {
    /// Once.
    #[default]
    OneOff,
    /// So many times.
    Limited(NonZeroU32),
    /// Until it ends or is taken back.
    Reusable,
}

impl Uses {
    /// How many uses are left after so many; `None` means that there is no limit.
    pub fn left(self, used: u32) -> Option<u32> {
        match self {
            Self::OneOff => Some(1u32.saturating_sub(used)),
            Self::Limited(uses) => Some(uses.get().saturating_sub(used)),
            Self::Reusable => None,
        }
    }
}
