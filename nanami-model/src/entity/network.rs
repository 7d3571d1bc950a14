//! Networks: overlay address pools and who owns them.

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;
use crate::id::{GroupId, NetworkId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// The pools of addresses that peers of one kind of place live in, owned by one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    name: Name,
    owner: GroupId,
    pools: Vec<Cidr>,
}

impl Network {
    /// A network that hands out addresses of these pools: each peer gets one from each.
    pub fn new(name: Name, owner: GroupId, pools: impl IntoIterator<Item = Cidr>) -> Self {
        Self { name, owner, pools: pools.into_iter().collect() }
    }

    /// The group that must approve what changes who reaches this network.
    pub fn owner(&self) -> GroupId {
        self.owner
    }

    /// The pools, IPv4 and IPv6; disjoint from those of every other network of the workspace.
    pub fn pools(&self) -> &[Cidr] {
        &self.pools
    }
}

impl Entity for Network {
    type Id = NetworkId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        follow(&mut self.owner, "owner", with);
    }
}
