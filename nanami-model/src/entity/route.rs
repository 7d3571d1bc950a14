//! Routes: prefixes behind gateways.

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;
use crate::id::{GatewayId, NetworkId, RouteId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// Prefixes that are reachable behind one or more gateways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    name: Name,
    network: NetworkId,
    prefixes: Vec<Cidr>,
    gateways: Vec<GatewayId>,
    redundancy: u8,
    return_path: ReturnPath,
}

/// How answers from behind a gateway find their way back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnPath {
    /// Nobody has said. A plan lists it as a precondition.
    #[default]
    Unstated,
    /// What is behind sends answers back through the gateway that it heard from; somebody else sees to it.
    Declared,
}

impl Route {
    /// A route to `prefix` behind these gateways, the preferred one first; one of them is used at a time.
    pub fn new(name: Name, network: NetworkId, prefix: Cidr, gateways: impl IntoIterator<Item = GatewayId>) -> Self {
        let gateways = gateways.into_iter().collect();
        Self { name, network, prefixes: vec![prefix], gateways, redundancy: 1, return_path: ReturnPath::Unstated }
    }

    /// A route to everything that is no overlay address: an exit, in both families.
    pub fn exit(name: Name, network: NetworkId, gateways: impl IntoIterator<Item = GatewayId>) -> Self {
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

    /// The gateways, the preferred one first.
    pub fn gateways(&self) -> &[GatewayId] {
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
}

impl Entity for Route {
    type Id = RouteId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        follow(&mut self.network, "network", with);
        self.gateways.iter_mut().for_each(|id| follow(id, "gateways", with));
    }
}
