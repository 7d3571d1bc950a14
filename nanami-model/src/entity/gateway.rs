//! Gateways: peers that forward plaintext for routes behind them.

use serde::{Deserialize, Serialize};

use crate::id::{GatewayId, PeerId, RegionId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// The role of a peer that forwards. It is found under a name of its own kind, by custom its peer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    name: Name,
    peer: PeerId,
    region: RegionId,
    activity: Activity,
}

/// Whether a gateway takes traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It carries what it is selected for.
    #[default]
    Active,
    /// It is being emptied: nobody is sent to it any more.
    Draining,
}

impl Gateway {
    /// The role of this peer, in this region; by custom it bears the peer's name.
    pub fn new(name: Name, peer: PeerId, region: RegionId) -> Self {
        Self { name, peer, region, activity: Activity::Active }
    }

    /// The gateway, being emptied.
    pub fn draining(self) -> Self {
        Self { activity: Activity::Draining, ..self }
    }

    /// The peer that bears the role.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Where it stands.
    pub fn region(&self) -> RegionId {
        self.region
    }

    /// Whether it takes traffic.
    pub fn activity(&self) -> Activity {
        self.activity
    }
}

impl Entity for Gateway {
    type Id = GatewayId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        follow(&mut self.peer, "peer", with);
        follow(&mut self.region, "region", with);
    }
}
