//! Peers: enrolled key pairs, each on one machine.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::words::is_default;
use super::{Facts, Lifetime, Mode, PeerStatus, RoutingPreference, Standing};
use crate::id::{GroupId, JoinKeyId, NetworkId, PeerId, UserId};
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
    #[serde(default, skip_serializing_if = "is_default")]
    owner: Option<UserId>,
    #[serde(default, skip_serializing_if = "is_default")]
    standing: Standing,
    #[serde(default, skip_serializing_if = "is_default")]
    lifetime: Lifetime,
    #[serde(default, skip_serializing_if = "is_default")]
    mode: Mode,
    #[serde(default, skip_serializing_if = "is_default")]
    facts: Facts,
    #[serde(default, skip_serializing_if = "is_default")]
    preference: RoutingPreference,
    #[serde(default, skip_serializing_if = "is_default")]
    join_key: Option<JoinKeyId>,
}

impl Peer {
    /// A pending peer in no group and no network.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            key: None,
            groups: Vec::new(),
            networks: Vec::new(),
            fixed: Vec::new(),
            addresses: Vec::new(),
            owner: None,
            standing: Standing::Active,
            lifetime: Lifetime::Lasting,
            mode: Mode::Managed,
            facts: Facts::unknown(),
            preference: RoutingPreference::none(),
            join_key: None,
        }
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

    /// Sets the user whose machine it is. Groups of the owner are groups of the peer too.
    pub fn with_owner(self, owner: UserId) -> Self {
        Self { owner: Some(owner), ..self }
    }

    /// The peer, nobody's machine in particular.
    pub fn without_owner(self) -> Self {
        Self { owner: None, ..self }
    }

    /// Sets whether it may take part.
    pub fn with_standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// Sets how long it is meant to be there.
    pub fn with_lifetime(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// Sets what runs on it.
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Sets what is known of its machine; agents report it.
    pub fn with_facts(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }

    /// Sets its own routing preference, which wins over its owner's, its networks' and the workspace's.
    pub fn with_preference(self, preference: RoutingPreference) -> Self {
        Self { preference, ..self }
    }

    /// Says with which join key it joined.
    pub fn with_join_key(self, key: JoinKeyId) -> Self {
        Self { join_key: Some(key), ..self }
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

    /// The user whose machine it is; `None` means nobody's in particular.
    pub fn owner(&self) -> Option<UserId> {
        self.owner
    }

    /// Whether it may take part, as somebody decided it.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What it is: from its standing, and while that is active from whether it has a key.
    pub fn status(&self) -> PeerStatus {
        match self.standing {
            Standing::Suspended => PeerStatus::Suspended,
            Standing::Expired => PeerStatus::Expired,
            Standing::Active if self.key.is_none() => PeerStatus::Pending,
            Standing::Active => PeerStatus::Active,
        }
    }

    /// How long it is meant to be there.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// What runs on it.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What is known of its machine.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its own routing preference.
    pub fn preference(&self) -> RoutingPreference {
        self.preference
    }

    /// The join key that let it in; `None` if none did. The key may be gone since.
    pub fn join_key(&self) -> Option<JoinKeyId> {
        self.join_key
    }

    /// The peer with what only the live one knows: what it joined with, and what its agent reported.
    pub(crate) fn with_history_of(self, live: &Self) -> Self {
        let facts = if self.facts == Facts::unknown() { live.facts } else { self.facts };
        Self { facts, join_key: self.join_key.or(live.join_key), ..self }
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
        self.owner.iter_mut().for_each(|id| follow(id, "owner", with));
        self.join_key.iter_mut().for_each(|id| follow(id, "", with));
        self.mode.visit(with);
        self.preference.visit(with);
    }
}
