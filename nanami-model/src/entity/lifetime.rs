//! How long a peer is meant to be there.

use super::words::words;

/// How long a peer is meant to be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifetime {
    /// Until somebody removes it.
    #[default]
    Lasting,
    /// As long as its session: when that ends, the peer goes, and its addresses come back.
    Ephemeral,
}

words!(Lifetime, "lifetime": Lasting = "lasting", Ephemeral = "ephemeral");
