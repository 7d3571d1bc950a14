//! Whether a secret turns a key pair into a peer: a function of the stored join key and the time (SEC-03 to SEC-05).
//!
//! **Invariants**: the secret is compared first, whatever else is wrong; the end is exclusive; revocation wins.

use crate::entity::JoinKey;
use crate::secret::{JoinSecret, JoinSecretHash};
use crate::time::Timestamp;

/// Why a join key does not let anybody in. The reason is for the audit record; outside every reason reads the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRedeemable {
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
