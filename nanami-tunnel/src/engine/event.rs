//! What an engine tells its embedder.

use std::net::SocketAddr;

use nanami_model::{Cidr, PublicKey};

/// Something happened that an embedder may want to know. None needs an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A keypair with this neighbor was agreed on and confirmed.
    Handshake {
        /// The neighbor.
        peer: PublicKey,
    },
    /// Something authentic came from another address than before.
    EndpointChanged {
        /// The neighbor.
        peer: PublicKey,
        /// Where it is now.
        endpoint: SocketAddr,
    },
    /// Another carrier carries this prefix from now on: a standby took over, or a better rank came back.
    OwnerChanged {
        /// What is carried.
        prefix: Cidr,
        /// Who carried it.
        from: PublicKey,
        /// Who carries it now.
        to: PublicKey,
    },
    /// A neighbor that was there has not answered for so long that its keypairs are gone.
    PeerLost {
        /// The neighbor.
        peer: PublicKey,
    },
    /// Events came faster than they were taken; so many are missing here.
    Lagged {
        /// How many.
        missed: u64,
    },
}
