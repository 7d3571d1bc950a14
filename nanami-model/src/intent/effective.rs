//! Who takes part, by which addresses, and what a peer prefers.
//!
//! **Invariant**: a suspended or expired peer is in nobody's map and reaches nothing; nothing flows to or from an address of a
//! network that is not active. Of four layers of preference the most specific one that speaks wins, setting by setting.

use std::net::IpAddr;

use super::Intent;
use crate::entity::{Lifecycle, Network, Peer, Policy, RoutingMode, RoutingPreference, TrafficMode, User};
use crate::id::{NetworkId, PeerId, UserId};

/// Where a setting comes from, the most specific layer first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The peer itself says it.
    Peer(PeerId),
    /// Its owner says it.
    User(UserId),
    /// A network of the peer says it; of several the first in the peer's list.
    Network(NetworkId),
    /// The workspace says it.
    Workspace,
    /// Nobody says it.
    Default,
}

/// A setting and the layer that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting<T> {
    value: T,
    layer: Layer,
}

impl<T: Copy> Setting<T> {
    /// What holds.
    pub fn value(&self) -> T {
        self.value
    }

    /// Who says so.
    pub fn layer(&self) -> Layer {
        self.layer
    }
}

/// What holds for a peer after all four layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    traffic: Setting<TrafficMode>,
    routing: Setting<RoutingMode>,
}

impl Preference {
    /// What goes through its tunnels.
    pub fn traffic(&self) -> Setting<TrafficMode> {
        self.traffic
    }

    /// Who chooses its gateways.
    pub fn routing(&self) -> Setting<RoutingMode> {
        self.routing
    }
}

impl Intent {
    /// Whether a peer takes part: it is there, and neither suspended nor expired. A pending one does: it is planned like any
    /// other.
    pub fn is_effective(&self, peer: PeerId) -> bool {
        self.get(peer).is_some_and(|peer| peer.status().is_effective())
    }

    /// Whether a network is in use; an unknown one is not.
    pub fn is_active(&self, network: NetworkId) -> bool {
        self.get(network).is_some_and(|network| network.lifecycle() == Lifecycle::Active)
    }

    /// The addresses of a peer by which something may flow: those of its networks that are in use, whatever its standing.
    pub fn live_addresses(&self, peer: PeerId) -> Vec<IpAddr> {
        let Some(peer) = self.get(peer) else { return Vec::new() };
        let resting: Vec<&Network> = peer
            .networks()
            .iter()
            .filter_map(|id| self.get(*id))
            .filter(|network| network.lifecycle() != Lifecycle::Active)
            .collect();
        let rests = |address: &IpAddr| resting.iter().flat_map(|n| n.pools()).any(|pool| pool.contains(*address));
        peer.addresses().iter().copied().filter(|address| !rests(address)).collect()
    }

    /// Whether a policy counts for what this peer begins: every condition holds of what its agent reported.
    pub fn counts_for(&self, policy: &Policy, peer: PeerId) -> bool {
        policy.conditions().is_empty()
            || self.get(peer).is_some_and(|peer| policy.conditions().iter().all(|c| c.holds(peer.facts())))
    }

    /// What holds for a peer after all four layers, each setting with the layer that it comes from. An unknown peer has what
    /// the workspace says.
    ///
    /// ```
    /// use nanami_model::{Intent, Layer, Peer, RoutingPreference, TrafficMode, User, name};
    ///
    /// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    /// let mut draft = empty.draft();
    /// let everything = RoutingPreference::none().with_traffic(TrafficMode::FullTunnel);
    /// let edge = draft.add(Peer::new(name!("edge")).with_preference(everything));
    /// let acme = empty.apply(empty.owner(), &draft.into_changes())?;
    /// let preference = acme.preference_of(edge);
    /// assert_eq!(preference.traffic().value(), TrafficMode::FullTunnel);
    /// assert_eq!(preference.traffic().layer(), Layer::Peer(edge));
    /// assert_eq!(preference.routing().layer(), Layer::Default);
    /// # Ok::<(), nanami_model::Refused>(())
    /// ```
    pub fn preference_of(&self, peer: PeerId) -> Preference {
        let (mut traffic, mut routing) = (None, None);
        for (layer, preference) in self.layers(peer) {
            traffic = traffic.or_else(|| Some(Setting { value: preference.traffic()?, layer }));
            routing = routing.or_else(|| Some(Setting { value: preference.routing()?, layer }));
            if traffic.is_some() && routing.is_some() {
                break;
            }
        }
        Preference { traffic: traffic.unwrap_or_else(unsaid), routing: routing.unwrap_or_else(unsaid) }
    }

    /// What each layer says, the most specific first.
    fn layers(&self, id: PeerId) -> impl Iterator<Item = (Layer, RoutingPreference)> {
        let peer = self.get(id);
        let own = peer.map(|peer| (Layer::Peer(id), peer.preference()));
        let owner = peer.and_then(Peer::owner);
        let owner = owner.and_then(|id| Some((Layer::User(id), self.get(id).map(User::preference)?)));
        let networks = peer.map(Peer::networks).unwrap_or_default().iter();
        let networks = networks.filter_map(|id| Some((Layer::Network(*id), self.get(*id)?.preference())));
        own.into_iter().chain(owner).chain(networks).chain([(Layer::Workspace, self.preference())])
    }
}

fn unsaid<T: Default>() -> Setting<T> {
    Setting { value: T::default(), layer: Layer::Default }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, Group, Standing, name};

    #[test]
    fn the_most_specific_layer_that_speaks_wins_setting_by_setting() {
        let empty = Intent::new(name!("acme"), User::new(name!("netops")));
        let says = |traffic| RoutingPreference::none().with_traffic(traffic);
        let (all, some) = (TrafficMode::FullTunnel, TrafficMode::VpnOnly);
        let manual = RoutingPreference::none().with_routing(RoutingMode::Auto);
        let mut draft = empty.draft();
        draft.update(empty.workspace(), |w| w.with_preference(says(all).with_routing(RoutingMode::Auto)));
        let group = draft.add(Group::new(name!("all")));
        let network = |n, pool: &str| Network::new(n, group, [pool.parse().unwrap()]);
        let quiet = draft.add(network(name!("quiet"), "10.1.0.0/16"));
        let loud = draft.add(network(name!("loud"), "10.2.0.0/16").with_preference(says(some)));
        let ann = draft.add(User::new(name!("ann")).with_preference(says(all)));
        let bare = draft.add(Peer::new(name!("bare")));
        let inside = draft.add(Peer::new(name!("inside")).with_networks([quiet, loud]));
        let owned = draft.add(Peer::new(name!("owned")).with_networks([loud]).with_owner(ann));
        let own = Peer::new(name!("own")).with_networks([loud]).with_owner(ann);
        let own = draft.add(own.with_preference(manual.with_traffic(some)));
        let acme = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
        let traffic = |peer| acme.preference_of(peer).traffic();
        let setting = |value, layer| Setting { value, layer };
        assert_eq!(traffic(bare), setting(all, Layer::Workspace));
        assert_eq!(traffic(inside), setting(some, Layer::Network(loud)));
        assert_eq!(traffic(owned), setting(all, Layer::User(ann)));
        assert_eq!(traffic(own), setting(some, Layer::Peer(own)));
        assert_eq!(acme.preference_of(own).routing().layer(), Layer::Peer(own));
        assert_eq!(acme.preference_of(owned).routing().layer(), Layer::Workspace);
        assert_eq!(empty.preference_of(own).routing().layer(), Layer::Default);
    }

    #[test]
    fn only_active_and_pending_peers_and_addresses_of_active_networks_count() {
        let empty = Intent::new(name!("acme"), User::new(name!("netops")));
        let mut draft = empty.draft();
        let group = draft.add(Group::new(name!("all")));
        let network = |n, pool: &str| Network::new(n, group, [pool.parse().unwrap()]);
        let used = draft.add(network(name!("used"), "10.1.0.0/16"));
        let rests = draft.add(network(name!("rests"), "10.2.0.0/16").with_lifecycle(Lifecycle::Suspended));
        let add = |n, standing| Peer::new(n).with_networks([used, rests]).with_standing(standing);
        let pending = draft.add(add(name!("pending"), Standing::Active));
        let suspended = draft.add(add(name!("suspended"), Standing::Suspended));
        let expired = draft.add(add(name!("expired"), Standing::Expired));
        let acme = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
        let effective = [pending, suspended, expired].map(|peer| acme.is_effective(peer));
        assert_eq!((effective, acme.is_effective(PeerId::from_bytes([9; 10]))), ([true, false, false], false));
        assert!(acme.is_active(used) && !acme.is_active(rests));
        let own = acme.get(pending).unwrap();
        assert_eq!((own.addresses().len(), acme.live_addresses(pending)), (2, own.addresses()[..1].to_vec()));
        assert_eq!(own.facts(), &Facts::unknown());
    }
}
