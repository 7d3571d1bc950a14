//! Routes: prefixes behind gateways.

use serde::{Deserialize, Serialize};

use super::GatewaySelector;
use super::words::{is_default, words};
use crate::cidr::Cidr;
use crate::id::{NetworkId, RouteId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// Prefixes that are reachable behind one or more gateways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    name: Name,
    network: NetworkId,
    prefixes: Vec<Cidr>,
    gateways: GatewaySelector,
    redundancy: u8,
    return_path: ReturnPath,
    #[serde(default, skip_serializing_if = "is_default")]
    mode: RouteMode,
    #[serde(default, skip_serializing_if = "is_default")]
    on_all_down: OnAllDown,
}

/// Which of its gateways a route uses for whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteMode {
    /// The first one that serves, for everybody; the others stand by.
    #[default]
    Primary,
    /// Clients are spread over all that serve, in proportion to their capacity.
    Balanced,
    /// The first one, for everybody, and never another.
    Pinned,
    /// The one that is nearest to the client, as far as that is known; else the first that serves.
    Nearest,
}

words!(RouteMode, "route mode": Primary = "primary", Balanced = "balanced", Pinned = "pinned", Nearest = "nearest");

/// What becomes of packets to a route while none of its gateways serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnAllDown {
    /// They stay with the gateway that had them, and pass again when it is back.
    #[default]
    Hold,
    /// They go where the next wider route leads.
    FallBack,
    /// They are refused at once.
    Drop,
}

words!(OnAllDown, "behaviour when all are down": Hold = "hold", FallBack = "fall_back", Drop = "drop");

/// How answers from behind a gateway find their way back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReturnPath {
    /// Nobody has said. A plan lists it as a precondition.
    #[default]
    Unstated,
    /// What is behind sends answers back through the gateway that it heard from; somebody else sees to it.
    Declared,
    /// The gateway puts its own address in the place of the client's, so that answers come to it.
    Snat,
}

words!(ReturnPath, "return path": Unstated = "unstated", Declared = "declared", Snat = "snat");

impl Route {
    /// A route to `prefix` behind these gateways: a list, the preferred one first, or another selector.
    pub fn new(name: Name, network: NetworkId, prefix: Cidr, gateways: impl Into<GatewaySelector>) -> Self {
        Self {
            name,
            network,
            prefixes: vec![prefix],
            gateways: gateways.into(),
            redundancy: 1,
            return_path: ReturnPath::Unstated,
            mode: RouteMode::Primary,
            on_all_down: OnAllDown::Hold,
        }
    }

    /// A route to everything that is no overlay address: an exit, in both families.
    pub fn exit(name: Name, network: NetworkId, gateways: impl Into<GatewaySelector>) -> Self {
        let route = Self::new(name, network, Cidr::ALL_V4, gateways);
        Self { prefixes: vec![Cidr::ALL_V4, Cidr::ALL_V6], ..route }
    }

    /// Sets how many gateways each client is prepared for: 1 means no standby. At least 1.
    pub fn with_redundancy(self, ranks: u8) -> Self {
        Self { redundancy: ranks.max(1), ..self }
    }

    /// Sets how answers come back.
    pub fn with_return_path(self, return_path: ReturnPath) -> Self {
        Self { return_path, ..self }
    }

    /// Sets which of its gateways it uses for whom.
    pub fn with_mode(self, mode: RouteMode) -> Self {
        Self { mode, ..self }
    }

    /// Sets what becomes of packets while none of its gateways serves.
    pub fn with_on_all_down(self, on_all_down: OnAllDown) -> Self {
        Self { on_all_down, ..self }
    }

    /// Sets which gateways it is behind.
    pub fn with_gateways(self, gateways: impl Into<GatewaySelector>) -> Self {
        Self { gateways: gateways.into(), ..self }
    }

    /// The network whose gateways it uses, and whose owner approves changes to who reaches it.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The prefixes: one, or both families' everything.
    pub fn prefixes(&self) -> &[Cidr] {
        &self.prefixes
    }

    /// Whether it is an exit.
    pub fn is_exit(&self) -> bool {
        self.prefixes.iter().any(|prefix| prefix.length() == 0)
    }

    /// Which gateways it is behind; [`Intent::gateways_of`](crate::Intent::gateways_of) says which ones they are now.
    pub fn gateways(&self) -> &GatewaySelector {
        &self.gateways
    }

    /// How many gateways each client is prepared for.
    pub fn redundancy(&self) -> u8 {
        self.redundancy
    }

    /// How answers come back.
    pub fn return_path(&self) -> ReturnPath {
        self.return_path
    }

    /// Which of its gateways it uses for whom.
    pub fn mode(&self) -> RouteMode {
        self.mode
    }

    /// What becomes of packets while none of its gateways serves.
    pub fn on_all_down(&self) -> OnAllDown {
        self.on_all_down
    }
}

impl Entity for Route {
    type Id = RouteId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        follow(&mut self.network, "network", with);
        self.gateways.visit(with);
    }
}
