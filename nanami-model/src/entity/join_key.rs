//! Join keys: secrets that turn a key pair into a peer, as pure logic (SEC-01 to SEC-05).
//!
//! **Invariant**: what is stored never redeems. The object holds a hash of the secret; the secret itself exists in one
//! [`JoinSecret`], which is shown once. Whether a key may be used is a function of the stored object and the time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::id::{JoinKeyId, PeerId};
use crate::name::Name;
use crate::object::{Entity, ObjectId, follow};
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

    /// Whether this secret, now, lets somebody in. The secret is compared first and in constant time, whatever else is
    /// wrong, so that nothing is learnt about a key without its secret.
    ///
    /// # Errors
    /// [`NotRedeemable`], for the audit record only.
    pub fn redeemable(&self, secret: &JoinSecret, now: Timestamp) -> Result<(), NotRedeemable> {
        let hash = self.hash.unwrap_or(JoinSecretHash([0; 32]));
        if !bool::from(hash.0.ct_eq(&secret.hash().0)) {
            return Err(NotRedeemable::WrongSecret);
        }
        if self.revoked {
            return Err(NotRedeemable::Revoked);
        }
        if self.expires.is_some_and(|at| now >= at) {
            return Err(NotRedeemable::Expired);
        }
        if self.redeemed_by.is_some() {
            return Err(NotRedeemable::Used);
        }
        Ok(())
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

/// The hash under which a join key is stored. It redeems nothing.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JoinSecretHash([u8; 32]);

impl fmt::Debug for JoinSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinSecretHash({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// The secret of a join key: `nnm_jk_`, sixteen characters that find the key, `_`, 32 that prove it, six that catch typing
/// errors and let scanners recognise one. It prints as `…`; [`JoinSecret::expose`] gives the text.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct JoinSecret {
    #[zeroize(skip)]
    id: JoinKeyId,
    secret: [u8; SECRET_BYTES],
}

/// 160 bits (SEC-01 asks for 128 at least).
const SECRET_BYTES: usize = 20;
const PREFIX: &str = "nnm_jk_";
const CHECK_LENGTH: usize = 6;

impl JoinSecret {
    /// The secret of the key `id`, from 20 bytes of the operating system's randomness.
    pub fn new(id: JoinKeyId, secret: [u8; 20]) -> Self {
        Self { id, secret }
    }

    /// The key that it belongs to. Not a secret.
    pub fn id(&self) -> JoinKeyId {
        self.id
    }

    /// What is stored of it. The secret has 160 bits of entropy, so that no slow hash is needed.
    pub fn hash(&self) -> JoinSecretHash {
        let mut hasher = blake3::Hasher::new_derive_key("nanami 2026 join key secret v1");
        hasher.update(&self.id.to_bytes());
        hasher.update(&self.secret);
        JoinSecretHash(*hasher.finalize().as_bytes())
    }

    /// The text that a person hands over.
    pub fn expose(&self) -> String {
        let body = format!("{PREFIX}{}_{}", Base32(&self.id.to_bytes()), Base32(&self.secret));
        let check = check(&body);
        body + &check
    }
}

struct Base32<'a>(&'a [u8]);

impl fmt::Display for Base32<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::id::encode(self.0, f)
    }
}

fn check(body: &str) -> String {
    let hash = blake3::derive_key("nanami 2026 join key check v1", body.as_bytes());
    Base32(&hash[..5]).to_string()[..CHECK_LENGTH].to_owned()
}

impl fmt::Debug for JoinSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinSecret({}, …)", self.id)
    }
}

/// A text is not a join key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a join key reads nnm_jk_, two parts and a check; this text is not one, or a character is wrong")]
pub struct ParseJoinSecretError;

impl FromStr for JoinSecret {
    type Err = ParseJoinSecretError;

    fn from_str(text: &str) -> Result<Self, ParseJoinSecretError> {
        let at = text.len().checked_sub(CHECK_LENGTH).filter(|at| text.is_char_boundary(*at));
        let (body, given) = text.split_at(at.ok_or(ParseJoinSecretError)?);
        let parts = body.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
        let (id, secret) = parts.ok_or(ParseJoinSecretError)?;
        if check(body) != given {
            return Err(ParseJoinSecretError);
        }
        let id = crate::id::decode(id).ok_or(ParseJoinSecretError)?;
        let secret = crate::id::decode(secret).ok_or(ParseJoinSecretError)?;
        Ok(Self { id: JoinKeyId::from_bytes(id), secret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name;

    fn secret(n: u8) -> JoinSecret {
        JoinSecret::new(JoinKeyId::from_bytes([n; 10]), [n; SECRET_BYTES])
    }

    #[test]
    fn sec_01_text_round_trips_and_every_typing_error_is_caught() {
        let text = secret(0xa5).expose();
        assert_eq!(text.len(), 7 + 16 + 1 + 32 + 6);
        let back: JoinSecret = text.parse().unwrap();
        assert_eq!(back.hash(), secret(0xa5).hash());
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'7' { b'8' } else { b'7' };
            assert!(String::from_utf8(changed).unwrap().parse::<JoinSecret>().is_err(), "position {at}");
        }
        for bad in ["", "nnm_jk_", "nnm_jk__", "é", "nnm_jk_a_béééé"] {
            assert!(bad.parse::<JoinSecret>().is_err());
        }
    }

    #[test]
    fn sec_02_what_is_stored_does_not_redeem_and_the_secret_does_not_print() {
        let key = JoinKey::one_off(name!("laptop")).with_hash(secret(1).hash());
        let hidden = secret(1).expose();
        let shown = format!("{key:?} {:?}", secret(1));
        assert!(!shown.contains(&hidden[24..56]), "{shown}");
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
