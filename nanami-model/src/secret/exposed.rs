//! The text of a secret, for the one place that has to say it.
//!
//! **Invariant**: whoever sees the text has asked for it: `Debug` prints `…`, and the memory is wiped when it is dropped.

use std::fmt;
use std::ops::Deref;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret, spelled out. It reads as a `&str`, prints by `Display`, and is wiped when it is dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Exposed(String);

impl Exposed {
    /// Takes over a text; `text` must have been made with room for all of it, so that no copy of a part stays behind.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Exposed {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PartialEq for Exposed {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Exposed {}
