//! The four kinds of WireGuard message, told apart by type and length alone.

use super::{COOKIE, DATA_OVERHEAD, INITIATION, LONGEST, RESPONSE};

/// The kind of a datagram, with what is needed to find its neighbor. Anything else is not WireGuard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Names its sender only under encryption: see [`Identity::sender_of`].
    Initiation,
    /// The rest name the receiving neighbor state by its index.
    Response {
        index: u32,
    },
    Cookie {
        index: u32,
    },
    Data {
        index: u32,
        counter: u64,
    },
}

impl Kind {
    /// Reads type, exact length and index (WireGuard whitepaper section 5.4).
    pub(crate) fn of(datagram: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(datagram.get(at..at + 4)?.try_into().ok()?));
        match (word(0)?, datagram.len()) {
            (1, INITIATION) => Some(Self::Initiation),
            (2, RESPONSE) => Some(Self::Response { index: word(8)? }),
            (3, COOKIE) => Some(Self::Cookie { index: word(4)? }),
            (4, DATA_OVERHEAD..=LONGEST) => {
                let counter = u64::from_le_bytes(datagram[8..16].try_into().ok()?);
                Some(Self::Data { index: word(4)?, counter })
            }
            _ => None,
        }
    }
}
