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
// There are more peers than anything else: what few of them have is behind one pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Peer {
    name: Name,
    key: Option<PublicKey>,
    owner: Option<UserId>,
    standing: Standing,
    lifetime: Lifetime,
    groups: Box<[GroupId]>,
    networks: Box<[NetworkId]>,
    /// What a document or an operator asked for.
    fixed: Box<[IpAddr]>,
    /// What the peer has: the fixed ones and those that the IPAM gave it.
    addresses: Box<[IpAddr]>,
    /// `None` if it is the default.
    rare: Option<Box<Rare>>,
}

/// What most peers do not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Rare {
    mode: Mode,
    facts: Facts,
    preference: RoutingPreference,
    join_key: Option<JoinKeyId>,
}

const ORDINARY: Rare =
    Rare { mode: Mode::Managed, facts: Facts::unknown(), preference: RoutingPreference::none(), join_key: None };

/// A peer as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Peer")]
struct Written {
    name: Name,
    key: Option<PublicKey>,
    groups: Box<[GroupId]>,
    networks: Box<[NetworkId]>,
    fixed: Box<[IpAddr]>,
    addresses: Box<[IpAddr]>,
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

impl From<Written> for Peer {
    fn from(written: Written) -> Self {
        let Written { name, key, groups, networks, fixed, addresses, owner, standing, lifetime, .. } = written;
        let Written { mode, facts, preference, join_key, .. } = written;
        Self { name, key, owner, standing, lifetime, groups, networks, fixed, addresses, rare: None }
            .with_rare(|rare| *rare = Rare { mode, facts, preference, join_key })
    }
}

impl From<Peer> for Written {
    fn from(peer: Peer) -> Self {
        let Rare { mode, facts, preference, join_key } = *peer.rare();
        let Peer { name, key, owner, standing, lifetime, groups, networks, fixed, addresses, .. } = peer;
        Self {
            name,
            key,
            groups,
            networks,
            fixed,
            addresses,
            owner,
            standing,
            lifetime,
            mode,
            facts,
            preference,
            join_key,
        }
    }
}

impl Peer {
    /// A pending peer in no group and no network.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            key: None,
            owner: None,
            standing: Standing::Active,
            lifetime: Lifetime::Lasting,
            groups: Box::default(),
            networks: Box::default(),
            fixed: Box::default(),
            addresses: Box::default(),
            rare: None,
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
        self.with_rare(|rare| rare.mode = mode)
    }

    /// Sets what is known of its machine; agents report it.
    pub fn with_facts(self, facts: Facts) -> Self {
        self.with_rare(|rare| rare.facts = facts)
    }

    /// Sets its own routing preference, which wins over its owner's, its networks' and the workspace's.
    pub fn with_preference(self, preference: RoutingPreference) -> Self {
        self.with_rare(|rare| rare.preference = preference)
    }

    /// Says with which join key it joined.
    pub fn with_join_key(self, key: JoinKeyId) -> Self {
        self.with_rare(|rare| rare.join_key = Some(key))
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
        self.rare().mode
    }

    /// What is known of its machine.
    pub fn facts(&self) -> &Facts {
        &self.rare().facts
    }

    /// Its own routing preference.
    pub fn preference(&self) -> RoutingPreference {
        self.rare().preference
    }

    /// The join key that let it in; `None` if none did. The key may be gone since.
    pub fn join_key(&self) -> Option<JoinKeyId> {
        self.rare().join_key
    }

    /// The peer with what only the live one knows: what it joined with, and what its agent reported.
    pub(crate) fn with_history_of(self, live: &Self) -> Self {
        let (own, join_key) = (*self.facts(), self.join_key().or(live.join_key()));
        let facts = if own == Facts::unknown() { *live.facts() } else { own };
        self.with_rare(|rare| *rare = Rare { facts, join_key, ..*rare })
    }

    pub(crate) fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.addresses = addresses.into();
    }

    fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&ORDINARY)
    }

    fn with_rare(mut self, change: impl FnOnce(&mut Rare)) -> Self {
        self.change_rare(change);
        self
    }

    fn change_rare(&mut self, change: impl FnOnce(&mut Rare)) {
        let mut rare = *self.rare();
        change(&mut rare);
        self.rare = (rare != ORDINARY).then(|| Box::new(rare));
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
        if self.rare.is_some() {
            self.change_rare(|rare| rare.visit(with));
        }
    }

    fn refer(&self, with: &mut dyn FnMut(&'static str, ObjectId)) {
        self.groups.iter().for_each(|id| with("groups", (*id).into()));
        self.networks.iter().for_each(|id| with("networks", (*id).into()));
        self.owner.iter().for_each(|id| with("owner", (*id).into()));
        if let Some(rare) = &self.rare {
            rare.as_ref().clone().visit(&mut |field, id| {
                with(field, id);
                id
            });
        }
    }
}

impl Rare {
    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        self.join_key.iter_mut().for_each(|id| follow(id, "", with));
        self.mode.visit(with);
        self.preference.visit(with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::RoutingMode;
    use crate::id::GatewayId;

    #[test]
    fn what_a_peer_refers_to_is_what_a_visitor_sees() {
        let gateway = |n| GatewayId::from_bytes([n; 10]);
        let routing = RoutingMode::Manual { ingress: Some(gateway(1)), egress: Some(gateway(2)) };
        let bare = Peer::new(crate::name!("api"))
            .with_groups([GroupId::from_bytes([3; 10]), GroupId::from_bytes([4; 10])])
            .with_networks([NetworkId::from_bytes([5; 10])])
            .with_owner(UserId::from_bytes([6; 10]));
        let full = bare
            .clone()
            .with_mode(Mode::Limited { gateway: gateway(7) })
            .with_join_key(JoinKeyId::from_bytes([8; 10]))
            .with_preference(RoutingPreference::none().with_routing(routing));
        for (peer, count) in [(bare, 4), (full, 8)] {
            let (mut referred, mut visited) = (Vec::new(), Vec::new());
            peer.refer(&mut |field, id| referred.push((field, id)));
            peer.clone().visit(&mut |field, id| {
                visited.push((field, id));
                id
            });
            assert_eq!(referred, visited);
            assert_eq!(referred.len(), count);
        }
    }

    #[test]
    fn what_is_default_again_leaves_no_trace() {
        let plain = Peer::new(crate::name!("api"));
        let limited = plain.clone().with_mode(Mode::Limited { gateway: GatewayId::from_bytes([1; 10]) });
        assert!(limited != plain && limited.with_mode(Mode::Managed) == plain);
    }
}
