//! A plain configuration as what a tunnel runs: a private key and a map.

use std::time::Duration;

use super::WgQuick;
use super::section::Table;
use crate::endpoint::Endpoint;
use crate::key::{PrivateKey, PublicKey};
use crate::network_map::{Filter, Neighbor, NetworkMap};
use crate::service::Service;

/// Why a configuration cannot be run as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRunnable {
    /// It has no private key: the device adds its own, which nobody else knows.
    #[error("the configuration has no private key")]
    NoPrivateKey,
    /// A peer shares a preshared key with it. Without it no handshake succeeds, and a map holds none.
    #[error("the peer {peer} has a preshared key, which tunnels do not support yet")]
    PresharedKey {
        /// The first such peer.
        peer: PublicKey,
    },
}

crate::coded! { NotRunnable: Caller;
    Self::NoPrivateKey => ("wg_quick.no_private_key", "make one on the device, and write it under [Interface]");
    Self::PresharedKey { .. } => ("wg_quick.preshared_key", "remove PresharedKey on both ends");
}

impl WgQuick {
    /// The configuration as a private key and a map that says what plain WireGuard does: each peer owns its AllowedIPs, which is
    /// what is sent to it and what is taken from it; whatever comes from there may reach every service of the device; nothing
    /// is forwarded. The host routes all AllowedIPs into the tunnel, unless the file says `Table = off`.
    ///
    /// A map names no endpoints, because a name has to be resolved first: see [`WgQuick::endpoints`].
    ///
    /// # Errors
    /// [`NotRunnable`] if there is no private key, or a preshared one.
    pub fn into_parts(self) -> Result<(PrivateKey, NetworkMap), NotRunnable> {
        if let Some(peer) = self.peers.iter().find(|peer| peer.preshared_key.is_some()) {
            return Err(NotRunnable::PresharedKey { peer: peer.public_key });
        }
        let map = self.map();
        self.interface.private_key.map(|key| (key, map)).ok_or(NotRunnable::NoPrivateKey)
    }

    /// Where the peers are reached that have an endpoint.
    pub fn endpoints(&self) -> impl Iterator<Item = (PublicKey, &Endpoint)> {
        self.peers.iter().filter_map(|peer| Some((peer.public_key, peer.endpoint.as_ref()?)))
    }

    fn map(&self) -> NetworkMap {
        let ranges = || self.peers.iter().flat_map(|peer| peer.allowed_ips.iter());
        let neighbors = self.peers.iter().map(|peer| {
            let neighbor = Neighbor::new(peer.public_key, peer.allowed_ips.iter());
            match peer.keepalive {
                Some(seconds) => neighbor.with_keepalive(Duration::from_secs(seconds.get().into())),
                None => neighbor,
            }
        });
        let filter = ranges().fold(Filter::deny_all(), |filter, range| filter.accept(range, Service::ANY));
        let map = NetworkMap::new(self.interface.addresses.iter().map(|own| own.address()))
            .with_neighbors(neighbors)
            .with_filter(filter);
        match self.interface.table {
            Table::Off => map,
            Table::Auto | Table::Number(_) => map.with_routes(ranges()),
        }
    }
}
