//! Routing preferences: path intent in four layers, the most specific of which wins.

use serde::{Deserialize, Serialize};

use super::words::{is_default, words};
use crate::id::GatewayId;
use crate::object::{ObjectId, follow};

/// What goes through the tunnels of a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrafficMode {
    /// What is addressed to peers and to routes.
    #[default]
    VpnOnly,
    /// Everything: what no narrower route carries goes out by an exit.
    FullTunnel,
}

words!(TrafficMode, "traffic mode": VpnOnly = "vpn_only", FullTunnel = "full_tunnel");

/// Who chooses the gateways of a peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingMode {
    /// The workspace does, by health and load.
    #[default]
    Auto,
    /// These, and no others.
    Manual {
        /// By which the peer is reached; `None` leaves that to the workspace.
        #[serde(default, skip_serializing_if = "is_default")]
        ingress: Option<GatewayId>,
        /// By which the peer reaches what is behind routes; `None` leaves that to the workspace.
        #[serde(default, skip_serializing_if = "is_default")]
        egress: Option<GatewayId>,
    },
}

/// What one layer says about paths. What it leaves out, the next layer says: a peer's own, its owner's, its network's, the
/// workspace's.
///
/// ```
/// use nanami_model::{RoutingMode, RoutingPreference, TrafficMode};
///
/// let everything = RoutingPreference::none().with_traffic(TrafficMode::FullTunnel);
/// assert_eq!((everything.traffic(), everything.routing()), (Some(TrafficMode::FullTunnel), None));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoutingPreference {
    #[serde(default, skip_serializing_if = "is_default")]
    traffic: Option<TrafficMode>,
    #[serde(default, skip_serializing_if = "is_default")]
    routing: Option<RoutingMode>,
}

impl RoutingPreference {
    /// Says nothing.
    pub const fn none() -> Self {
        Self { traffic: None, routing: None }
    }

    /// Sets what goes through the tunnels.
    pub fn with_traffic(self, traffic: TrafficMode) -> Self {
        Self { traffic: Some(traffic), ..self }
    }

    /// Sets who chooses gateways.
    pub fn with_routing(self, routing: RoutingMode) -> Self {
        Self { routing: Some(routing), ..self }
    }

    /// What goes through the tunnels; `None` leaves it to the next layer.
    pub fn traffic(&self) -> Option<TrafficMode> {
        self.traffic
    }

    /// Who chooses gateways; `None` leaves it to the next layer.
    pub fn routing(&self) -> Option<RoutingMode> {
        self.routing
    }

    /// The gateways that it pins.
    pub(crate) fn gateways(self) -> impl Iterator<Item = GatewayId> {
        let pinned = match self.routing {
            Some(RoutingMode::Manual { ingress, egress }) => [ingress, egress],
            _ => [None, None],
        };
        pinned.into_iter().flatten()
    }

    /// Whether it says nothing.
    pub fn is_none(&self) -> bool {
        self.traffic.is_none() && self.routing.is_none()
    }

    pub(crate) fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        if let Some(RoutingMode::Manual { ingress, egress }) = &mut self.routing {
            ingress.iter_mut().for_each(|id| follow(id, "ingress", with));
            egress.iter_mut().for_each(|id| follow(id, "egress", with));
        }
    }
}
