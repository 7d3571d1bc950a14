//! What prefixes mean in one state.
//!
//! **Invariant**: an exact look-up each way; what is nobody's is `None`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use nanami_model::{Cidr, Destination, PeerId, RouteId};

use crate::desired::Desired;

/// Whose the prefixes of one state are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    hosts: BTreeMap<IpAddr, PeerId>,
    routes: Arc<BTreeMap<Cidr, RouteId>>,
    territories: Arc<BTreeMap<Cidr, RouteId>>,
}

impl Places {
    pub(crate) fn of(desired: &Desired) -> Self {
        let intent = desired.intent();
        let hosts = intent.peers().flat_map(|(id, peer)| peer.addresses().iter().map(move |at| (*at, id))).collect();
        Self { hosts, ..Self::of_routes(desired) }
    }

    /// The same as far as it is about routes.
    pub(crate) fn of_routes(desired: &Desired) -> Self {
        let intent = desired.intent();
        let routes = intent.routes().flat_map(|(id, route)| route.prefixes().iter().map(move |p| (*p, id))).collect();
        let ranges = |id| desired.territory(id).iter().map(move |range| (*range, id));
        let territories = intent.routes().flat_map(|(id, _)| ranges(id)).collect();
        Self { hosts: BTreeMap::new(), routes: Arc::new(routes), territories: Arc::new(territories) }
    }

    /// These, and what is about some peers.
    pub(crate) fn with<'a>(&self, desired: &Desired, peers: impl IntoIterator<Item = &'a PeerId>) -> Self {
        let mut places = self.clone();
        for id in peers {
            let addresses = desired.intent().get(*id).map(|peer| peer.addresses()).unwrap_or_default();
            places.hosts.extend(addresses.iter().map(|at| (*at, *id)));
        }
        places
    }

    /// The peer that has the address of a host prefix.
    pub(crate) fn peer(&self, prefix: &Cidr) -> Option<PeerId> {
        prefix.is_host().then(|| self.hosts.get(&prefix.address()).copied()).flatten()
    }

    /// What a prefix of a neighbor leads to.
    pub(crate) fn destination(&self, prefix: &Cidr) -> Option<Destination> {
        // A gateway that hands on to another one sends there what the route has to itself, range by range.
        let route =
            || self.routes.get(prefix).or_else(|| self.territories.get(prefix)).copied().map(Destination::Route);
        self.peer(prefix).map(Destination::Peer).or_else(route)
    }

    /// What the destinations of a forward rule are.
    pub(crate) fn target(&self, prefix: &Cidr) -> Option<Destination> {
        let territory = || self.territories.get(prefix).copied().map(Destination::Route);
        self.peer(prefix).map(Destination::Peer).or_else(territory)
    }

    pub(crate) fn is_route(&self, prefix: &Cidr) -> bool {
        self.routes.contains_key(prefix)
    }
}
