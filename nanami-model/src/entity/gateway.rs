//! Gateways: peers that forward plaintext for routes behind them.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::Duties;
use super::words::{is_default, words};
use crate::id::{GatewayId, NetworkId, PeerId, RegionId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// The role of a peer that forwards. It is found under a name of its own kind, by custom its peer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    name: Name,
    peer: PeerId,
    region: RegionId,
    activity: Activity,
    #[serde(default, skip_serializing_if = "is_default")]
    duties: Duties,
    #[serde(default, skip_serializing_if = "is_default")]
    capacity: Option<NonZeroU32>,
    #[serde(default, skip_serializing_if = "is_default")]
    serves: Serves,
    #[serde(default, skip_serializing_if = "is_default")]
    host: Option<Name>,
}

/// Which networks a gateway serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// Every network that its peer is in.
    #[default]
    Auto,
    /// These of the networks that its peer is in.
    Only(Vec<NetworkId>),
}

/// Whether a gateway takes traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// It carries what it is selected for.
    #[default]
    Active,
    /// It is being emptied: nobody is sent to it any more.
    Draining,
    /// It carries nothing, whatever else is left.
    Disabled,
}

words!(Activity, "activity": Active = "active", Draining = "draining", Disabled = "disabled");

impl Gateway {
    /// The role of this peer, in this region; by custom it bears the peer's name.
    pub fn new(name: Name, peer: PeerId, region: RegionId) -> Self {
        Self {
            name,
            peer,
            region,
            activity: Activity::Active,
            duties: Duties::ALL,
            capacity: None,
            serves: Serves::Auto,
            host: None,
        }
    }

    /// The gateway, being emptied.
    pub fn draining(self) -> Self {
        self.with_activity(Activity::Draining)
    }

    /// The gateway, out of use.
    pub fn disabled(self) -> Self {
        self.with_activity(Activity::Disabled)
    }

    /// Sets whether it takes traffic.
    pub fn with_activity(self, activity: Activity) -> Self {
        Self { activity, ..self }
    }

    /// Sets what it does for its networks; by default everything.
    pub fn with_duties(self, duties: impl Into<Duties>) -> Self {
        Self { duties: duties.into(), ..self }
    }

    /// Sets how many clients it takes; by default there is no limit.
    pub fn with_capacity(self, clients: NonZeroU32) -> Self {
        Self { capacity: Some(clients), ..self }
    }

    /// Sets which networks it serves; by default every network that its peer is in.
    pub fn with_serves(self, serves: Serves) -> Self {
        Self { serves, ..self }
    }

    /// Moves it to another region.
    pub fn with_region(self, region: RegionId) -> Self {
        Self { region, ..self }
    }

    /// Names what it runs on: gateways on one host fail together. A host stands in one region.
    pub fn with_host(self, host: Name) -> Self {
        Self { host: Some(host), ..self }
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

    /// What it does for its networks.
    pub fn duties(&self) -> Duties {
        self.duties
    }

    /// How many clients it takes; `None` means that there is no limit.
    pub fn capacity(&self) -> Option<NonZeroU32> {
        self.capacity
    }

    /// Which networks it serves.
    pub fn serves(&self) -> &Serves {
        &self.serves
    }

    /// What it runs on; `None` means that it fails alone.
    pub fn host(&self) -> Option<&Name> {
        self.host.as_ref()
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
        if let Serves::Only(networks) = &mut self.serves {
            networks.iter_mut().for_each(|id| follow(id, "serves", with));
        }
    }
}
