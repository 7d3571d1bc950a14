//! All that one peer must know: its addresses, its neighbors, what it accepts and what it forwards.
//!
//! **Invariants**: for each prefix at most one neighbor is the egress owner; a source is taken only from neighbors of its
//! accepted set; a map names nothing that its peer does not need (PLANNING.md I5, I6, I9). A map that comes off the wire is
//! hostile input: [`NetworkMap::decode`] bounds and checks it before anything uses it.

use std::net::IpAddr;

use crate::cidr::Cidr;
use crate::generation::{Epoch, Generation};
use crate::key::PublicKey;

mod delta;
mod digest;
mod entry;
mod filter;
mod item;
mod neighbor;
mod v1;
mod wire;

use delta::Difference;
pub use delta::MapMismatch;
use digest::Known;
pub use digest::{Digest, Facet, MapEntry};
pub use filter::{AcceptRule, Filter, ForwardRule};
pub use item::MapItem;
pub use neighbor::{Neighbor, Standby};

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
    /// What makes this a difference instead of a map.
    difference: Option<Box<Difference>>,
    addresses: Vec<IpAddr>,
    neighbors: Vec<Neighbor>,
    filter: Filter,
    forward: Vec<ForwardRule>,
    masquerade: Vec<Cidr>,
    routes: Vec<Cidr>,
    digests: Known,
}

impl NetworkMap {
    /// A map at generation 0 for a peer with these overlay addresses, which knows nobody and accepts nothing.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut addresses: Vec<_> = addresses.into_iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        Self { addresses, ..Self::default() }
    }

    /// The same map at another place in the order of maps.
    pub fn with_generation(self, epoch: Epoch, generation: Generation) -> Self {
        Self { epoch, generation, ..self }
    }

    /// Adds a neighbor. One that is there under the same key is replaced.
    pub fn with_neighbor(mut self, neighbor: Neighbor) -> Self {
        match self.neighbors.binary_search_by_key(&neighbor.key, |n| n.key) {
            Ok(at) => self.neighbors[at] = neighbor,
            Err(at) => self.neighbors.insert(at, neighbor),
        }
        self.changed()
    }

    /// Adds neighbors under different keys, sorted once.
    pub fn with_neighbors(mut self, neighbors: impl IntoIterator<Item = Neighbor>) -> Self {
        self.neighbors.extend(neighbors);
        self.neighbors.sort_by_key(|n| n.key);
        self.neighbors.dedup_by_key(|n| n.key);
        self.changed()
    }

    /// Sets what may reach the peer itself.
    pub fn with_filter(self, filter: Filter) -> Self {
        Self { filter, ..self }.changed()
    }

    /// Adds what the peer, as a gateway, forwards.
    pub fn with_forward(mut self, rule: ForwardRule) -> Self {
        self.forward.push(rule);
        self.forward.sort();
        self.forward.dedup();
        self.changed()
    }

    /// Adds all that the peer, as a gateway, forwards, sorted once.
    pub fn with_forwards(mut self, rules: impl IntoIterator<Item = ForwardRule>) -> Self {
        self.forward.extend(rules);
        self.forward.sort();
        self.forward.dedup();
        self.changed()
    }

    /// Sets the destinations that see the gateway's own address as the source of what is forwarded to them.
    pub fn with_masquerade(self, ranges: impl IntoIterator<Item = Cidr>) -> Self {
        let mut masquerade: Vec<_> = ranges.into_iter().collect();
        masquerade.sort_unstable();
        masquerade.dedup();
        Self { masquerade, ..self }.changed()
    }

    /// Sets the prefixes that the host routes into the tunnel.
    pub fn with_routes(self, routes: impl IntoIterator<Item = Cidr>) -> Self {
        let mut routes: Vec<_> = routes.into_iter().collect();
        routes.sort_unstable();
        routes.dedup();
        Self { routes, ..self }.changed()
    }

    /// What was hashed before does not hold any more.
    fn changed(self) -> Self {
        Self { digests: Known::default(), ..self }
    }

    /// The life of the store that made the map; it orders before the generation.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Which of its peer's maps this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The generation that this is a difference to, for [`NetworkMap::patched`]; `None` means that it is a complete map.
    pub fn base(&self) -> Option<Generation> {
        self.difference.as_ref().map(|difference| difference.base.1)
    }

    /// The peer's own overlay addresses.
    pub fn addresses(&self) -> &[IpAddr] {
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

    /// Destinations of [`NetworkMap::forward`] that see the gateway's own address as the source of what is forwarded to them, so
    /// that their answers come to it. What is in none of these ranges sees the client's overlay address, and needs a route back.
    pub fn masquerade(&self) -> &[Cidr] {
        &self.masquerade
    }

    /// The prefixes that the host routes into the tunnel.
    pub fn routes(&self) -> &[Cidr] {
        &self.routes
    }
}

#[cfg(test)]
mod tests;
