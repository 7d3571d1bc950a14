//! Whether a secret turns a key pair into a peer, and by which changes: a function of one revision and the time (SEC-03 to
//! SEC-05).
//!
//! **Invariants**: the secret is compared first, whatever else is wrong; the end is exclusive; revocation wins. Check and
//! consume are one change set, for one revision: whoever makes it durable by compare-and-append at that revision lets in as
//! many as the key may, however many race. The same key pair with the same join key is let in once, and told so again.

use crate::change::ChangeSet;
use crate::entity::{JoinKey, Peer};
use crate::id::{JoinKeyId, PeerId};
use crate::intent::Intent;
use crate::key::PublicKey;
use crate::name::Name;
use crate::object::Entity;
use crate::secret::{JoinSecret, JoinSecretHash};
use crate::time::Timestamp;

/// Why a join key does not let anybody in. The reason is for the audit record; outside every reason reads the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRedeemable {
    /// There is no such join key.
    #[error("there is no such join key")]
    Unknown,
    /// The secret is not the key's.
    #[error("the secret is wrong")]
    WrongSecret,
    /// Somebody was faster.
    #[error("the key is used")]
    Used,
    /// Its time is over.
    #[error("the key is expired")]
    Expired,
    /// Somebody took it back.
    #[error("the key is revoked")]
    Revoked,
    /// The key pair is another peer's already.
    #[error("the key pair is {0}'s already")]
    KeyTaken(PeerId),
    /// The key pair is on the list of those that never enter again.
    #[error("the key pair is revoked")]
    KeyRevoked,
    /// The peer that the join key fills has another key pair, or is gone.
    #[error("{0} is not waiting for a key pair")]
    PeerTaken(PeerId),
}

crate::coded! { NotRedeemable: Peer;
    Self::Unknown => ("join_key.unknown", "make a join key");
    Self::WrongSecret => ("join_key.wrong_secret", "hand the join string over whole, or make another join key");
    Self::Used => ("join_key.used", "make another join key");
    Self::Expired => ("join_key.expired", "make another join key");
    Self::Revoked => ("join_key.revoked", "make another join key, if the peer is to join");
    Self::KeyTaken(_) => ("join_key.key_taken", "make a key pair of its own on each machine");
    Self::KeyRevoked => ("join_key.key_revoked", "make another key pair on the machine, if it is where it belongs");
    Self::PeerTaken(_) => ("join_key.peer_taken", "make a join key for a peer that waits, or one that makes peers");
}

/// What a good join key leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Redemption {
    /// The key pair was let in by this join key before, and the reply was lost: nothing changes.
    Again(PeerId),
    /// These changes let it in, at the revision that was looked at and at no other. They are
    /// [control's](crate::Actor::Control).
    Admit {
        /// The peer that it becomes.
        peer: PeerId,
        /// The name of that peer.
        name: Name,
        /// What makes it one, and the key used once more.
        changes: ChangeSet,
    },
}

impl Intent {
    /// What happens when somebody proves the key pair of `key` and shows `secret` at `now`.
    ///
    /// # Errors
    /// [`NotRedeemable`], for the audit record only.
    pub fn redeem(&self, secret: &JoinSecret, key: PublicKey, now: Timestamp) -> Result<Redemption, NotRedeemable> {
        let id = secret.id();
        let found = self.get(id);
        // An unknown id is compared too, with a key that no secret redeems: the work is the same, and so is the answer.
        let nobody = JoinKey::one_off(crate::name!("nobody"));
        let join_key = found.unwrap_or(&nobody);
        let holder = self.peers().find(|(_, peer)| peer.key() == Some(key));
        match (join_key.redeemable(secret, now), holder) {
            (Err(NotRedeemable::WrongSecret), _) if found.is_none() => Err(NotRedeemable::Unknown),
            (Err(NotRedeemable::WrongSecret), _) => Err(NotRedeemable::WrongSecret),
            (_, Some((peer, entity))) if was_let_in_by(entity, peer, id, join_key) => Ok(Redemption::Again(peer)),
            (Err(reason), _) => Err(reason),
            (Ok(()), None) if self.tables().workspace().is_some_and(|it| it.is_revoked(&key)) => {
                Err(NotRedeemable::KeyRevoked)
            }
            (Ok(()), Some((peer, _))) => Err(NotRedeemable::KeyTaken(peer)),
            (Ok(()), None) => self.admit(id, join_key, key),
        }
    }

    /// The peers that a join key let in and that are still there, for whoever takes it back.
    pub fn admitted_by(&self, id: JoinKeyId) -> impl Iterator<Item = PeerId> + '_ {
        let key = self.get(id);
        let admitted = move |(peer, entity): (PeerId, &Peer)| {
            let by = entity.join_key() == Some(id) || key.is_some_and(|key| key.redeemed_by() == Some(peer));
            by.then_some(peer)
        };
        self.peers().filter_map(admitted)
    }

    fn admit(&self, id: JoinKeyId, join_key: &JoinKey, key: PublicKey) -> Result<Redemption, NotRedeemable> {
        let mut draft = self.draft();
        let (peer, name) = match join_key.peer() {
            Some(pending) => {
                let waits = self.get(pending).filter(|peer| peer.key().is_none());
                let name = waits.map(Entity::name).ok_or(NotRedeemable::PeerTaken(pending))?;
                draft.update(pending, |peer| join_key.admit(Some(peer), id, key));
                (pending, name.clone())
            }
            None => {
                let peer = join_key.admit(None, id, key);
                let name = peer.name().clone();
                (draft.add(peer), name)
            }
        };
        draft.update(id, |join_key| join_key.redeemed(peer));
        Ok(Redemption::Admit { peer, name, changes: draft.into_changes() })
    }
}

fn was_let_in_by(entity: &Peer, peer: PeerId, id: JoinKeyId, join_key: &JoinKey) -> bool {
    entity.join_key() == Some(id) || join_key.redeemed_by() == Some(peer)
}

impl JoinKey {
    /// Whether this secret, now, lets somebody in. The secret is compared first and in constant time, whatever else is
    /// wrong, so that nothing is learnt about a key without its secret.
    ///
    /// # Errors
    /// [`NotRedeemable`], for the audit record only.
    pub fn redeemable(&self, secret: &JoinSecret, now: Timestamp) -> Result<(), NotRedeemable> {
        let hash = self.hash().unwrap_or(JoinSecretHash::from_bytes([0; 32]));
        if !hash.matches(&secret.hash()) {
            return Err(NotRedeemable::WrongSecret);
        }
        if self.is_revoked() {
            return Err(NotRedeemable::Revoked);
        }
        if self.expires().is_some_and(|at| now >= at) {
            return Err(NotRedeemable::Expired);
        }
        if self.is_used_up() {
            return Err(NotRedeemable::Used);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JoinKeyId, PeerId, name};

    fn secret(n: u8) -> JoinSecret {
        JoinSecret::new(JoinKeyId::from_bytes([n; 10]), [n; 20])
    }

    #[test]
    fn sec_03_05_a_key_works_once_before_its_end_and_with_its_secret_only() {
        let at = Timestamp::from_millis;
        let key = JoinKey::one_off(name!("laptop")).with_hash(secret(1).hash()).with_expiry(at(100));
        let peer = PeerId::from_bytes([1; 10]);
        assert_eq!(key.redeemable(&secret(1), at(99)), Ok(()));
        assert_eq!(key.redeemable(&secret(1), at(100)), Err(NotRedeemable::Expired));
        assert_eq!(key.clone().redeemed(peer).redeemable(&secret(1), at(1)), Err(NotRedeemable::Used));
        assert_eq!(key.clone().revoked().redeemable(&secret(1), at(1)), Err(NotRedeemable::Revoked));
        assert_eq!(key.clone().revoked().redeemable(&secret(2), at(1)), Err(NotRedeemable::WrongSecret));
        assert_eq!(JoinKey::one_off(name!("x")).redeemable(&secret(1), at(1)), Err(NotRedeemable::WrongSecret));
    }
}
