//! Which gateways serve a route.

use serde::{Deserialize, Serialize};

use crate::id::{GatewayId, RegionId};
use crate::object::{ObjectId, follow};

/// Which gateways a route is behind; [`Intent::gateways_of`](crate::Intent::gateways_of) says which ones they are now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum GatewaySelector {
    /// These, the preferred one first.
    Only(Vec<GatewayId>),
    /// Those of these regions that serve the route's network, by region in this order, then by name.
    InRegion(Vec<RegionId>),
    /// All that serve the route's network, by name.
    All,
}

/// As it is stored: a bare list is a list of gateways, as it was when there was nothing else.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Only(Vec<GatewayId>),
    Wide(Wide),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wide {
    InRegion(Vec<RegionId>),
    All,
}

impl GatewaySelector {
    /// The gateways that it lists by name; empty for the other kinds.
    pub fn listed(&self) -> &[GatewayId] {
        match self {
            Self::Only(gateways) => gateways,
            Self::InRegion(_) | Self::All => &[],
        }
    }

    pub(crate) fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        match self {
            Self::Only(gateways) => gateways.iter_mut().for_each(|id| follow(id, "gateways", with)),
            Self::InRegion(regions) => regions.iter_mut().for_each(|id| follow(id, "gateways", with)),
            Self::All => {}
        }
    }
}

impl From<Stored> for GatewaySelector {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Only(gateways) => Self::Only(gateways),
            Stored::Wide(Wide::InRegion(regions)) => Self::InRegion(regions),
            Stored::Wide(Wide::All) => Self::All,
        }
    }
}

impl From<GatewaySelector> for Stored {
    fn from(selector: GatewaySelector) -> Self {
        match selector {
            GatewaySelector::Only(gateways) => Self::Only(gateways),
            GatewaySelector::InRegion(regions) => Self::Wide(Wide::InRegion(regions)),
            GatewaySelector::All => Self::Wide(Wide::All),
        }
    }
}

impl<T: IntoIterator<Item = GatewayId>> From<T> for GatewaySelector {
    fn from(gateways: T) -> Self {
        Self::Only(gateways.into_iter().collect())
    }
}
