//! Peers: enrolled key pairs, each on one machine.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{GroupId, NetworkId, PeerId};
use crate::key::PublicKey;
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};

/// One key pair on one machine. Declared without a key it is *pending*: planned like any other, until a node joins and
/// brings its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    name: Name,
    key: Option<PublicKey>,
    groups: Vec<GroupId>,
    networks: Vec<NetworkId>,
    /// What a document or an operator asked for.
    fixed: Vec<IpAddr>,
    /// What the peer has: the fixed ones and those that the IPAM gave it.
    addresses: Vec<IpAddr>,
}

impl Peer {
    /// A pending peer in no group and no network.
    pub fn new(name: Name) -> Self {
        Self { name, key: None, groups: Vec::new(), networks: Vec::new(), fixed: Vec::new(), addresses: Vec::new() }
    }

    /// Sets the public key, with which the peer is no longer pending.
    pub fn with_key(self, key: PublicKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Sets the groups that the peer is a member of.
    pub fn with_groups(self, ids: impl IntoIterator<Item = GroupId>) -> Self {
        Self { groups: ids.into_iter().collect(), ..self }
    }

    /// Sets the networks that the peer has addresses in.
    pub fn with_networks(self, ids: impl IntoIterator<Item = NetworkId>) -> Self {
        Self { networks: ids.into_iter().collect(), ..self }
    }

    /// Asks for these addresses; the IPAM gives one of every pool that none of them is in.
    pub fn with_addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { fixed: addresses.into_iter().collect(), ..self }
    }

    /// The public key; `None` while the peer is pending.
    pub fn key(&self) -> Option<PublicKey> {
        self.key
    }

    /// The groups that it is a member of, without those that come by nesting.
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// The networks that it has addresses in.
    pub fn networks(&self) -> &[NetworkId] {
        &self.networks
    }

    /// The addresses that were asked for.
    pub fn fixed_addresses(&self) -> &[IpAddr] {
        &self.fixed
    }

    /// The overlay addresses: in an [`Intent`](crate::Intent), one of each pool of each network of the peer.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    pub(crate) fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.addresses = addresses;
    }
}

impl Entity for Peer {
    type Id = PeerId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        self.groups.iter_mut().for_each(|id| follow(id, "groups", with));
        self.networks.iter_mut().for_each(|id| follow(id, "networks", with));
    }
}
