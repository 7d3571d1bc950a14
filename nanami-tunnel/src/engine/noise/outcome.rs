//! What becomes of a datagram, and of a look at the timers.

use boringtun::noise::errors::WireGuardError;

/// What an accepted datagram was.
pub(crate) enum Opened<'a> {
    /// An authenticated inner packet. Whether this neighbor may send it is not known yet (fact 6).
    Packet(&'a mut [u8]),
    /// An authenticated packet without contents.
    Keepalive,
    /// An initiation, and our response.
    Initiation(&'a [u8]),
    /// A response, and the keepalive that confirms the keypair.
    Response(&'a [u8]),
    /// A cookie, which the next initiation will carry.
    Cookie,
}

/// Why a datagram is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// It fails authentication, or belongs to no keypair.
    Unauthentic,
    /// It was here before, or is too far behind the newest.
    Replayed,
    /// An initiation that is not newer than the last one: a replay, or the other clock is behind.
    OldInitiation,
    /// Authentic, but what it holds is no packet.
    Malformed,
}

/// What the timers of one neighbor ask for.
pub(crate) enum Tick<'a> {
    Nothing,
    Send(&'a [u8]),
    /// boringtun has given up; nothing more happens until somebody initiates.
    GaveUp,
}

impl From<WireGuardError> for Dropped {
    fn from(error: WireGuardError) -> Self {
        match error {
            WireGuardError::InvalidCounter | WireGuardError::DuplicateCounter => Self::Replayed,
            WireGuardError::WrongTai64nTimestamp => Self::OldInitiation,
            WireGuardError::InvalidPacket => Self::Malformed,
            _ => Self::Unauthentic,
        }
    }
}
