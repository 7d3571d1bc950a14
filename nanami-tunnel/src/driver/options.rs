//! How a tunnel starts, and why it does not.

use std::net::{Ipv4Addr, SocketAddr};

use crate::engine::{DEFAULT_MTU, MAX_MTU, MIN_MTU, MapError};

/// How a tunnel starts. The default listens on all IPv4 addresses, on a port that the operating system picks.
#[derive(Debug, Clone)]
pub struct TunnelOptions {
    pub(crate) listen: SocketAddr,
    pub(crate) mtu: u16,
}

impl Default for TunnelOptions {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), mtu: DEFAULT_MTU }
    }
}

impl TunnelOptions {
    /// Sets where the UDP socket listens; it reaches neighbors of that address family only.
    pub fn with_listen(self, at: SocketAddr) -> Self {
        Self { listen: at, ..self }
    }

    /// Sets the longest inner packet, in bytes; at least 1,280, which IPv6 needs.
    pub fn with_mtu(self, mtu: u16) -> Self {
        Self { mtu: mtu.clamp(MIN_MTU, MAX_MTU), ..self }
    }
}

/// Why a tunnel does not start. Nothing runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error("{at} is in use by another program; choose another port, or 0 for any")]
    AddressInUse {
        /// Where the socket should have listened.
        at: SocketAddr,
    },
    /// This program may not listen there.
    #[error("listening on {at} is not permitted; ports below 1024 need a privilege")]
    NotPermitted {
        /// Where the socket should have listened.
        at: SocketAddr,
    },
    /// The socket cannot be had for another reason.
    #[error("opening the UDP socket of the tunnel")]
    Unavailable(#[source] std::io::Error),
    /// The operating system gives no randomness.
    #[error("reading the operating system's randomness: {0}")]
    Randomness(String),
    /// The first map is refused.
    #[error("applying the first map of the tunnel")]
    Map(#[source] MapError),
}

impl StartError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => "host.address_in_use",
            Self::NotPermitted { .. } => "host.not_permitted",
            Self::Unavailable(_) | Self::Randomness(_) => "host.unavailable",
            Self::Map(error) => error.code(),
        }
    }
}
