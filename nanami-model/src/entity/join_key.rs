//! Join keys: permissions to become a peer, as the workspace keeps them. Their secrets are in [`secret`](crate::secret), what
//! redeems them in [`redemption`](crate::redemption).
//!
//! **Invariant**: what is stored never redeems: the object holds a hash of the secret.

use serde::{Deserialize, Serialize};

use crate::id::{JoinKeyId, PeerId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};
use crate::secret::JoinSecretHash;
use crate::time::Timestamp;

/// A permission to join once, as the workspace keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinKey {
    name: Name,
    hash: Option<JoinSecretHash>,
    peer: Option<PeerId>,
    expires: Option<Timestamp>,
    redeemed_by: Option<PeerId>,
    revoked: bool,
}

impl JoinKey {
    /// A key that lets one peer in, once. It fills the pending peer that it names.
    pub fn one_off(name: Name) -> Self {
        Self { name, hash: None, peer: None, expires: None, redeemed_by: None, revoked: false }
    }

    /// Names the pending peer that the key fills.
    pub fn for_peer(self, pending: PeerId) -> Self {
        Self { peer: Some(pending), ..self }
    }

    /// Sets when the key ends; at that instant it is over.
    pub fn with_expiry(self, at: Timestamp) -> Self {
        Self { expires: Some(at), ..self }
    }

    /// Sets the hash of the secret that redeems the key.
    pub fn with_hash(self, hash: JoinSecretHash) -> Self {
        Self { hash: Some(hash), ..self }
    }

    /// The key, taken back.
    pub fn revoked(self) -> Self {
        Self { revoked: true, ..self }
    }

    /// The key, used up by this peer.
    pub fn redeemed(self, by: PeerId) -> Self {
        Self { redeemed_by: Some(by), ..self }
    }

    /// The pending peer that the key fills.
    pub fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// When the key ends; `None` means never.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// The peer that used it.
    pub fn redeemed_by(&self) -> Option<PeerId> {
        self.redeemed_by
    }

    /// Whether somebody took it back.
    pub fn is_revoked(&self) -> bool {
        self.revoked
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

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        for peer in [&mut self.peer, &mut self.redeemed_by].into_iter().flatten() {
            follow(peer, "peer", with);
        }
    }
}
