//! Whether whoever joins takes part at once.

use super::words::words;

/// What becomes of a peer that joins with a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Admission {
    /// It takes part at once: whoever made the key approved it beforehand.
    #[default]
    PreApproved,
    /// It is suspended until somebody who may lets it in.
    Held,
}

words!(Admission, "admission": PreApproved = "pre_approved", Held = "held");
