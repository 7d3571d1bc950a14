//! All that one peer must know: its addresses, its neighbors, what it accepts and what it forwards.
//!
//! **Invariants**: for each prefix at most one neighbor is the egress owner; a source is taken only from neighbors of its
//! accepted set; a map names nothing that its peer does not need (PLANNING.md I5, I6, I9). A map that comes off the wire is
//! hostile input: [`NetworkMap::decode`] bounds and checks it before anything uses it.

use std::time::Duration;

use crate::cidr::Cidr;
use crate::generation::{Epoch, Generation};
use crate::id::{PeerId, PolicyId};
use crate::key::PublicKey;
use crate::name::Name;
use crate::service::Services;

mod codec;
mod digest;

pub use digest::{Digest, Facet};

/// The complete state that one peer enforces, at one generation.
///
/// ```
/// use nanami_model::{NetworkMap, Neighbor, PrivateKey};
///
/// let other = PrivateKey::from_bytes([1; 32]).public();
/// let map = NetworkMap::new(["10.42.0.1".parse::<std::net::IpAddr>().unwrap()])
///     .with_neighbor(Neighbor::new(other, ["10.42.0.2/32".parse()?]));
/// assert_eq!(NetworkMap::decode(&map.encode())?, map);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkMap {
    epoch: Epoch,
    generation: Generation,
    base: Option<Generation>,
    addresses: Vec<std::net::IpAddr>,
    neighbors: Vec<Neighbor>,
    filter: Filter,
    forward: Vec<ForwardRule>,
    routes: Vec<Cidr>,
}

impl NetworkMap {
    /// A map at generation 0 for a peer with these overlay addresses, which knows nobody and accepts nothing.
    pub fn new(addresses: impl IntoIterator<Item = std::net::IpAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect(), ..Self::default() }
    }

    /// The same map at another place in the order of maps.
    pub fn with_generation(self, epoch: Epoch, generation: Generation) -> Self {
        Self { epoch, generation, ..self }
    }

    /// Adds a neighbor. One that is there under the same key is replaced.
    pub fn with_neighbor(mut self, neighbor: Neighbor) -> Self {
        self.neighbors.retain(|n| n.key != neighbor.key);
        self.neighbors.push(neighbor);
        self.neighbors.sort_by_key(|n| n.key);
        self
    }

    /// Adds neighbors under different keys, sorted once.
    pub fn with_neighbors(mut self, neighbors: impl IntoIterator<Item = Neighbor>) -> Self {
        self.neighbors.extend(neighbors);
        self.neighbors.sort_by_key(|n| n.key);
        self.neighbors.dedup_by_key(|n| n.key);
        self
    }

    /// Sets what may reach the peer itself.
    pub fn with_filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// Adds what the peer, as a gateway, forwards.
    pub fn with_forward(mut self, rule: ForwardRule) -> Self {
        self.forward.push(rule);
        self.forward.sort();
        self.forward.dedup();
        self
    }

    /// Adds all that the peer, as a gateway, forwards, sorted once.
    pub fn with_forwards(mut self, rules: impl IntoIterator<Item = ForwardRule>) -> Self {
        self.forward.extend(rules);
        self.forward.sort();
        self.forward.dedup();
        self
    }

    /// Sets the prefixes that the host routes into the tunnel.
    pub fn with_routes(self, routes: impl IntoIterator<Item = Cidr>) -> Self {
        let mut routes: Vec<_> = routes.into_iter().collect();
        routes.sort_unstable();
        routes.dedup();
        Self { routes, ..self }
    }

    /// The life of the store that made the map; it orders before the generation.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Which of its peer's maps this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The generation that this map is a difference to; `None` means that it is complete, which every map is today.
    pub fn base(&self) -> Option<Generation> {
        self.base
    }

    /// The peer's own overlay addresses.
    pub fn addresses(&self) -> &[std::net::IpAddr] {
        &self.addresses
    }

    /// The other peers, by key.
    pub fn neighbors(&self) -> &[Neighbor] {
        &self.neighbors
    }

    /// The neighbor with this key.
    pub fn neighbor(&self, key: &PublicKey) -> Option<&Neighbor> {
        self.neighbors.binary_search_by_key(key, |n| n.key).ok().map(|at| &self.neighbors[at])
    }

    /// What may reach the peer itself.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What the peer forwards; empty unless it is a gateway.
    pub fn forward(&self) -> &[ForwardRule] {
        &self.forward
    }

    /// The prefixes that the host routes into the tunnel.
    pub fn routes(&self) -> &[Cidr] {
        &self.routes
    }
}

/// Another peer, as one map shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    key: PublicKey,
    peer: Option<PeerId>,
    name: Option<Name>,
    allowed_ips: Vec<Cidr>,
    standby: Vec<Standby>,
    accepted: Vec<Cidr>,
    keepalive: Option<Duration>,
}

/// A prefix that a neighbor takes over when the neighbors of lower rank are dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standby {
    /// What it would carry.
    pub prefix: Cidr,
    /// Its place behind the egress owner, which is rank 0: at least 1.
    pub rank: u8,
}

impl Neighbor {
    /// A neighbor that is the egress owner of these prefixes.
    pub fn new(key: PublicKey, allowed_ips: impl IntoIterator<Item = Cidr>) -> Self {
        let allowed_ips = sorted(allowed_ips);
        Self { key, peer: None, name: None, allowed_ips, standby: Vec::new(), accepted: Vec::new(), keepalive: None }
    }

    /// Says which peer this is, for people and for reports.
    pub fn with_identity(self, peer: PeerId, name: Name) -> Self {
        Self { peer: Some(peer), name: Some(name), ..self }
    }

    /// Adds prefixes that this neighbor takes over, sorted once.
    pub fn with_standbys(mut self, standbys: impl IntoIterator<Item = Standby>) -> Self {
        self.standby.extend(standbys);
        self.standby.sort_unstable();
        self.standby.dedup_by_key(|s| s.prefix);
        self
    }

    /// Adds a prefix that this neighbor takes over at `rank`; rank 0 is the egress owner's and becomes 1.
    pub fn with_standby(mut self, prefix: Cidr, rank: u8) -> Self {
        self.standby.retain(|s| s.prefix != prefix);
        self.standby.push(Standby { prefix, rank: rank.max(1) });
        self.standby.sort_unstable();
        self
    }

    /// Sets further sources that are taken from it though sent elsewhere.
    pub fn with_accepted(self, sources: impl IntoIterator<Item = Cidr>) -> Self {
        Self { accepted: sorted(sources), ..self }
    }

    /// Sets how often an idle tunnel says that it is there; whole seconds, at most 65,535.
    pub fn with_keepalive(self, every: Duration) -> Self {
        Self { keepalive: Some(Duration::from_secs(every.as_secs().clamp(1, 65_535))), ..self }
    }

    /// Who it is on the wire.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Which peer it is; `None` in a map that was made from plain WireGuard configuration.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// Its name; `None` as for [`Neighbor::peer`].
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The prefixes that are sent to it, and taken from it.
    pub fn allowed_ips(&self) -> &[Cidr] {
        &self.allowed_ips
    }

    /// The prefixes that it takes over, and that are always taken from it.
    pub fn standby(&self) -> &[Standby] {
        &self.standby
    }

    /// Further sources that are taken from it though sent elsewhere.
    pub fn accepted(&self) -> &[Cidr] {
        &self.accepted
    }

    /// How often an idle tunnel says that it is there; `None` means never.
    pub fn keepalive(&self) -> Option<Duration> {
        self.keepalive
    }
}

fn sorted(cidrs: impl IntoIterator<Item = Cidr>) -> Vec<Cidr> {
    let mut cidrs: Vec<_> = cidrs.into_iter().collect();
    cidrs.sort_unstable();
    cidrs.dedup();
    cidrs
}

/// What may reach the peer itself; everything else is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    rules: Vec<AcceptRule>,
}

/// One thing that may reach the peer: services from a range of sources, by a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AcceptRule {
    /// The sources.
    pub from: Cidr,
    /// The services on the peer.
    pub services: Services,
    /// The policy that allows it, for usage and explanations; `None` outside a workspace.
    pub policy: Option<PolicyId>,
}

impl Filter {
    /// Nothing may reach the peer.
    pub fn deny_all() -> Self {
        Self::default()
    }

    /// Also accepts these services from these sources.
    pub fn accept(self, from: Cidr, services: impl Into<Services>) -> Self {
        self.with_rule(AcceptRule { from, services: services.into(), policy: None })
    }

    /// Also accepts what the rule says.
    pub fn with_rule(mut self, rule: AcceptRule) -> Self {
        self.rules.push(rule);
        self.rules.sort();
        self.rules.dedup();
        self
    }

    /// The rules, sorted.
    pub fn rules(&self) -> &[AcceptRule] {
        &self.rules
    }
}

impl FromIterator<AcceptRule> for Filter {
    fn from_iter<T: IntoIterator<Item = AcceptRule>>(rules: T) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort();
        rules.dedup();
        Self { rules }
    }
}

/// One thing that a gateway forwards. Packets shaped like replies to it pass in the other direction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForwardRule {
    /// The sources.
    pub from: Cidr,
    /// The destinations.
    pub to: Cidr,
    /// The services there.
    pub services: Services,
    /// The policy that allows it; `None` outside a workspace.
    pub policy: Option<PolicyId>,
}

#[cfg(test)]
mod tests;
