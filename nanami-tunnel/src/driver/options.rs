//! How a tunnel starts, and why it does not.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::buffers::Buffers;
use crate::engine::{DEFAULT_MTU, MIN_MTU, MapError};

/// How a tunnel starts. The default is for a desktop or a server: it listens on all IPv4 addresses, on a port that the operating
/// system picks, and has buffers for bursts.
#[derive(Clone)]
pub struct TunnelOptions {
    pub(crate) listen: SocketAddr,
    pub(crate) mtu: u16,
    pub(super) buffers: Buffers,
    pub(super) sockets: Option<Arc<dyn Sockets>>,
}

/// Makes the UDP sockets of a tunnel, for a host that has a say in them: Android protects them from its own tunnel
/// (`VpnService.protect`), a test watches them.
pub trait Sockets: Send + Sync + 'static {
    /// A UDP socket that is bound to this address, at the start and whenever the network changed.
    ///
    /// # Errors
    /// There is none to be had.
    fn udp(&self, at: SocketAddr) -> std::io::Result<std::net::UdpSocket>;
}

impl Default for TunnelOptions {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Self { listen, mtu: DEFAULT_MTU, buffers: Buffers::DESKTOP, sockets: None }
    }
}

impl TunnelOptions {
    /// For a phone, where a process may have 50 MB and every wake-up costs: packets of 1,280 bytes, which cross every mobile
    /// network, and buffers of 4 MiB at most. What costs wake-ups follows from the map alone: see [`Tunnel::set_idle`].
    ///
    /// [`Tunnel::set_idle`]: crate::Tunnel::set_idle
    pub fn mobile() -> Self {
        Self { mtu: MIN_MTU, buffers: Buffers::MOBILE, ..Self::default() }
    }

    /// Sets where the UDP socket listens; it reaches and hears neighbors of that address family only.
    pub fn with_listen(self, at: SocketAddr) -> Self {
        Self { listen: at, ..self }
    }

    /// Sets the longest inner packet, in bytes; at least 1,280, which IPv6 needs, and on a phone at most 1,500.
    pub fn with_mtu(self, mtu: u16) -> Self {
        Self { mtu: mtu.clamp(MIN_MTU, self.buffers.longest_packet), ..self }
    }

    /// Sets who makes the UDP sockets.
    pub fn with_sockets(self, sockets: impl Sockets) -> Self {
        Self { sockets: Some(Arc::new(sockets)), ..self }
    }
}

impl std::fmt::Debug for TunnelOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunnelOptions").field("listen", &self.listen).field("mtu", &self.mtu).finish_non_exhaustive()
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
    /// There is neither a task nor a thread to be had that drives the tunnel.
    #[error("starting what drives the tunnel")]
    Driver(#[source] std::io::Error),
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
            Self::Unavailable(_) | Self::Driver(_) | Self::Randomness(_) => "host.unavailable",
            Self::Map(error) => error.code(),
        }
    }
}
