//! Join keys: permissions to become a peer, as the workspace keeps them. Their secrets are in [`secret`](crate::secret), what
//! redeems them in [`redemption`](crate::redemption).
//!
//! **Invariant**: what is stored never redeems: the object holds a hash of the secret.

use serde::{Deserialize, Serialize};

use super::words::is_default;
use super::{Admission, Lifetime, Peer, Standing, Uses};
use crate::id::{GroupId, JoinKeyId, NetworkId, PeerId};
use crate::key::PublicKey;
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};
use crate::secret::JoinSecretHash;
use crate::time::Timestamp;

/// A permission to join, as the workspace keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinKey {
    name: Name,
    hash: Option<JoinSecretHash>,
    peer: Option<PeerId>,
    expires: Option<Timestamp>,
    redeemed_by: Option<PeerId>,
    revoked: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    uses: Uses,
    /// How often it let somebody in beyond what `redeemed_by` says by itself.
    #[serde(default, skip_serializing_if = "is_default")]
    used: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    lifetime: Lifetime,
    #[serde(default, skip_serializing_if = "is_default")]
    admission: Admission,
    #[serde(default, skip_serializing_if = "is_default")]
    groups: Vec<GroupId>,
    #[serde(default, skip_serializing_if = "is_default")]
    networks: Vec<NetworkId>,
}

impl JoinKey {
    /// A key that lets one peer in, once. It fills the pending peer that it names, or makes one of its own name.
    pub fn one_off(name: Name) -> Self {
        Self {
            name,
            hash: None,
            peer: None,
            expires: None,
            redeemed_by: None,
            revoked: false,
            uses: Uses::OneOff,
            used: 0,
            lifetime: Lifetime::Lasting,
            admission: Admission::PreApproved,
            groups: Vec::new(),
            networks: Vec::new(),
        }
    }

    /// Sets how often the key lets somebody in.
    pub fn with_uses(self, uses: Uses) -> Self {
        Self { uses, ..self }
    }

    /// Names the pending peer that the key fills.
    pub fn for_peer(self, pending: PeerId) -> Self {
        Self { peer: Some(pending), ..self }
    }

    /// Sets when the key ends; at that instant it is over.
    pub fn with_expiry(self, at: Timestamp) -> Self {
        Self { expires: Some(at), ..self }
    }

    /// Sets how long peers that join with it are meant to be there.
    pub fn with_lifetime(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// Sets whether peers that join with it take part at once.
    pub fn with_admission(self, admission: Admission) -> Self {
        Self { admission, ..self }
    }

    /// Sets the groups of peers that the key makes.
    pub fn with_groups(self, ids: impl IntoIterator<Item = GroupId>) -> Self {
        Self { groups: ids.into_iter().collect(), ..self }
    }

    /// Sets the networks of peers that the key makes.
    pub fn with_networks(self, ids: impl IntoIterator<Item = NetworkId>) -> Self {
        Self { networks: ids.into_iter().collect(), ..self }
    }

    /// Sets the hash of the secret that redeems the key.
    pub fn with_hash(self, hash: JoinSecretHash) -> Self {
        Self { hash: Some(hash), ..self }
    }

    /// The key, taken back.
    pub fn revoked(self) -> Self {
        Self { revoked: true, ..self }
    }

    /// The key, used once more, by this peer.
    pub fn redeemed(self, by: PeerId) -> Self {
        Self { used: self.redemptions().saturating_add(1), redeemed_by: Some(by), ..self }
    }

    /// The peer that somebody with this key pair becomes: the pending one that the key fills, or a new one.
    pub fn admit(&self, pending: Option<Peer>, id: JoinKeyId, key: PublicKey) -> Peer {
        let peer = match pending {
            Some(peer) => peer,
            None => Peer::new(self.next_name())
                .with_groups(self.groups.iter().copied())
                .with_networks(self.networks.iter().copied()),
        };
        let peer = peer.with_key(key).with_join_key(id);
        let peer = if self.lifetime == Lifetime::Ephemeral { peer.with_lifetime(Lifetime::Ephemeral) } else { peer };
        match self.admission {
            Admission::PreApproved => peer,
            Admission::Held => peer.with_standing(Standing::Suspended),
        }
    }

    /// The name of the next peer that it makes: its own, with a number where it lets in more than one. Nobody chooses a name
    /// by joining.
    fn next_name(&self) -> Name {
        if self.uses == Uses::OneOff {
            return self.name.clone();
        }
        let number = format!("-{}", u64::from(self.redemptions()) + 1);
        let room = Name::MAX_LENGTH - number.len();
        let stem = self.name.as_str().get(..room).unwrap_or(self.name.as_str());
        (stem.trim_end_matches('-').to_owned() + &number).parse().expect("a shortened name with a number is a name")
    }

    /// This key as a document wants it, with what only the live one knows: its hash, who used it, and that it was taken back.
    pub(crate) fn with_history_of(self, live: &Self) -> Self {
        Self {
            hash: live.hash,
            redeemed_by: live.redeemed_by,
            used: live.used,
            revoked: self.revoked || live.revoked,
            ..self
        }
    }

    /// How often it lets somebody in.
    pub fn uses(&self) -> Uses {
        self.uses
    }

    /// How often it has let somebody in.
    pub fn redemptions(&self) -> u32 {
        self.used.max(u32::from(self.redeemed_by.is_some()))
    }

    /// Whether it has let in as many as it may.
    pub fn is_used_up(&self) -> bool {
        self.uses.left(self.redemptions()) == Some(0)
    }

    /// The pending peer that the key fills.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// When the key ends; `None` means never.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// The peer that used it last; it may be gone since.
    pub fn redeemed_by(&self) -> Option<PeerId> {
        self.redeemed_by
    }

    /// Whether somebody took it back.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// How long peers that join with it are meant to be there.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// Whether peers that join with it take part at once.
    pub fn admission(&self) -> Admission {
        self.admission
    }

    /// The groups of peers that the key makes.
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// The networks of peers that the key makes.
    pub fn networks(&self) -> &[NetworkId] {
        &self.networks
    }

    /// The hash of the secret that redeems the key; `None` while it has none, when nothing does.
    pub fn hash(&self) -> Option<JoinSecretHash> {
        self.hash
    }
}

impl Entity for JoinKey {
    type Id = JoinKeyId;

    fn name(&self) -> &Name {
        &self.name
    }

    /// A key that lets nobody in any more keeps nothing from being removed; nor does it hold on to whom it let in.
    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        let over = self.revoked || self.is_used_up();
        let field = |name: &'static str| if over { "" } else { name };
        self.peer.iter_mut().for_each(|id| follow(id, field("peer"), with));
        self.redeemed_by.iter_mut().for_each(|id| follow(id, "", with));
        self.groups.iter_mut().for_each(|id| follow(id, field("groups"), with));
        self.networks.iter_mut().for_each(|id| follow(id, field("networks"), with));
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::{PrivateKey, name};

    #[test]
    fn a_key_lets_in_as_many_as_it_may_each_under_a_name_of_its_own() {
        let (id, key) = (JoinKeyId::from_bytes([1; 10]), PrivateKey::from_bytes([1; 32]).public());
        let group = GroupId::from_bytes([2; 10]);
        let two = JoinKey::one_off(name!("ci")).with_uses(Uses::Limited(NonZeroU32::new(2).unwrap()));
        let mut two = two.with_groups([group]).with_lifetime(Lifetime::Ephemeral).with_admission(Admission::Held);
        for wanted in ["ci-1", "ci-2"] {
            assert!(!two.is_used_up());
            let peer = two.admit(None, id, key);
            assert_eq!((peer.name().as_str(), peer.groups(), peer.key()), (wanted, &[group][..], Some(key)));
            assert_eq!((peer.lifetime(), peer.standing()), (Lifetime::Ephemeral, Standing::Suspended));
            assert_eq!(peer.join_key(), Some(id));
            two = two.redeemed(PeerId::from_bytes([3; 10]));
        }
        assert!(two.is_used_up());
        assert!(!two.clone().with_uses(Uses::Reusable).is_used_up());
        let once = JoinKey::one_off(name!("laptop"));
        assert_eq!(once.admit(None, id, key).name().as_str(), "laptop");
        assert!(once.redeemed(PeerId::from_bytes([3; 10])).is_used_up());
        let long: Name = format!("{}-{}", "x".repeat(60), "yy").parse().unwrap();
        let many = JoinKey::one_off(long).with_uses(Uses::Reusable);
        assert_eq!(many.admit(None, id, key).name().as_str(), format!("{}-1", "x".repeat(60)));
    }
}
