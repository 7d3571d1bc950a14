//! Whether a peer takes part, and what follows for its status.

use super::words::words;

/// Whether a peer may take part, as somebody decided it. Only an active one is in anybody's map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It takes part.
    #[default]
    Active,
    /// Somebody took it out for a while.
    Suspended,
    /// Its time is over; it takes part again when it joins again.
    Expired,
}

words!(Standing, "standing": Active = "active", Suspended = "suspended", Expired = "expired");

/// What a peer is, from its key and its standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerStatus {
    /// Declared, without a key: planned like any other, until a node joins and brings its own.
    Pending,
    /// It has a key and takes part.
    Active,
    /// Somebody took it out for a while: it is in nobody's map and reaches nothing.
    Suspended,
    /// Its time is over: it is in nobody's map and reaches nothing.
    Expired,
}

impl PeerStatus {
    /// Whether a peer of this status counts for plans: pending and active ones do.
    pub const fn is_effective(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }
}

words!(PeerStatus, "status": Pending = "pending", Active = "active", Suspended = "suspended", Expired = "expired");
