//! Flows: who begins, what is reached, by which service.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{GatewayId, PeerId, RouteId};
use crate::service::Service;

/// Traffic from a peer to a destination, of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Who begins.
    pub from: PeerId,
    /// What is reached.
    pub to: Destination,
    /// By which service.
    pub service: Service,
}

/// What a flow reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// A peer.
    Peer(PeerId),
    /// Anything behind a route.
    Route(RouteId),
    /// An address that no peer has.
    Address(IpAddr),
}

impl From<PeerId> for Destination {
    fn from(id: PeerId) -> Self {
        Self::Peer(id)
    }
}

impl From<RouteId> for Destination {
    fn from(id: RouteId) -> Self {
        Self::Route(id)
    }
}

/// How packets reach a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Path {
    /// By a tunnel between the two.
    Direct,
    /// By way of a gateway, which sees plaintext.
    Gateway(GatewayId),
}
