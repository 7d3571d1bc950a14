//! Networks: overlay address pools and who owns them.

use serde::{Deserialize, Serialize};

use super::words::is_default;
use super::{DnsSuffix, Lifecycle, RoutingPreference};
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
    #[serde(default, skip_serializing_if = "is_default")]
    lifecycle: Lifecycle,
    #[serde(default, skip_serializing_if = "is_default")]
    dns_suffix: Option<DnsSuffix>,
    #[serde(default, skip_serializing_if = "is_default")]
    preference: RoutingPreference,
}

impl Network {
    /// A network that hands out addresses of these pools: each peer gets one from each.
    pub fn new(name: Name, owner: GroupId, pools: impl IntoIterator<Item = Cidr>) -> Self {
        Self {
            name,
            owner,
            pools: pools.into_iter().collect(),
            lifecycle: Lifecycle::Active,
            dns_suffix: None,
            preference: RoutingPreference::none(),
        }
    }

    /// Sets the group that owns it.
    pub fn with_owner(self, owner: GroupId) -> Self {
        Self { owner, ..self }
    }

    /// Sets the pools.
    pub fn with_pools(self, pools: impl IntoIterator<Item = Cidr>) -> Self {
        Self { pools: pools.into_iter().collect(), ..self }
    }

    /// Sets whether it is in use.
    pub fn with_lifecycle(self, lifecycle: Lifecycle) -> Self {
        Self { lifecycle, ..self }
    }

    /// Sets the suffix under which its peers are to be found by name.
    pub fn with_dns_suffix(self, suffix: DnsSuffix) -> Self {
        Self { dns_suffix: Some(suffix), ..self }
    }

    /// Sets what its peers prefer where neither they nor their owners say.
    pub fn with_preference(self, preference: RoutingPreference) -> Self {
        Self { preference, ..self }
    }

    /// The group that must approve what changes who reaches this network.
    pub fn owner(&self) -> GroupId {
        self.owner
    }

    /// The pools, IPv4 and IPv6; disjoint from those of every other network of the workspace.
    pub fn pools(&self) -> &[Cidr] {
        &self.pools
    }

    /// Whether it is in use.
    pub fn lifecycle(&self) -> Lifecycle {
        self.lifecycle
    }

    /// The suffix under which its peers are to be found by name; `None` if there is none.
    pub fn dns_suffix(&self) -> Option<&DnsSuffix> {
        self.dns_suffix.as_ref()
    }

    /// What its peers prefer where neither they nor their owners say.
    pub fn preference(&self) -> RoutingPreference {
        self.preference
    }
}

impl Entity for Network {
    type Id = NetworkId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        follow(&mut self.owner, "owner", with);
        self.preference.visit(with);
    }
}
