//! A link: the tunnel to one neighbor, as observed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nanami_model::PublicKey;

/// The tunnel to one neighbor, as it was observed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The neighbor.
    pub peer: PublicKey,
    /// Where it was last heard from, else the first hint; `None` when nothing is known.
    pub endpoint: Option<SocketAddr>,
    /// When the keypair in use was agreed on; `None` without one.
    pub handshake: Option<Instant>,
    /// When the last handshake was completed, even if its keypair is gone.
    pub last_handshake: Option<Instant>,
    /// Handshakes that were completed since the neighbor is in the map.
    pub handshakes: u64,
    /// When something authentic last came from it.
    pub heard: Option<Instant>,
    /// The smoothed round-trip time of probes inside the tunnel and of handshakes; `None` until one was answered.
    pub rtt: Option<Duration>,
    /// Probes that were asked since the neighbor is in the map.
    pub probes: u64,
    /// Probes that were answered.
    pub answered: u64,
    /// Bytes of inner packets that came.
    pub rx_bytes: u64,
    /// Bytes of inner packets that went.
    pub tx_bytes: u64,
    /// Bytes of datagrams that came, handshakes and keepalives included; what `wg show` calls received.
    pub rx_datagram_bytes: u64,
    /// Bytes of datagrams that went.
    pub tx_datagram_bytes: u64,
}

impl Link {
    /// To a neighbor with which nothing was ever begun.
    pub(crate) fn untouched(peer: PublicKey, endpoint: Option<SocketAddr>) -> Self {
        Self {
            peer,
            endpoint,
            handshake: None,
            last_handshake: None,
            handshakes: 0,
            heard: None,
            rtt: None,
            probes: 0,
            answered: 0,
            rx_bytes: 0,
            tx_bytes: 0,
            rx_datagram_bytes: 0,
            tx_datagram_bytes: 0,
        }
    }

    /// How old the keypair in use is.
    pub fn handshake_age(&self, now: Instant) -> Option<Duration> {
        self.handshake.map(|at| now.saturating_duration_since(at))
    }
}
