//! WireGuard keys: Curve25519 key pairs, in the base64 text that `wg` prints.
//!
//! **Invariant**: a [`PublicKey`] is never one of the low-order points, with which every key exchange yields the
//! same secret (boringtun answers such keys; see <https://cr.yp.to/ecdh.html#validate>). Secrets print as `…`,
//! are wiped on drop and compared in constant time (SEC-60).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::secret::Exposed;

/// The public half of a peer's key pair: who it is on the wire.
///
/// ```
/// use nanami_model::PublicKey;
///
/// let key: PublicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=".parse()?;
/// assert_eq!(key.to_string(), "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
/// # Ok::<(), nanami_model::ParseKeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// Why bytes or a text are not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseKeyError {
    /// The text is not 44 characters of strict base64 for 32 bytes.
    #[error("a key is 44 characters of base64, as `wg pubkey` prints it")]
    Encoding,
    /// The point has a low order: every exchange with it yields a secret that anybody knows.
    #[error("this public key is one of the low-order points, which no key pair has")]
    LowOrder,
    /// All bits are 0, which WireGuard takes for no preshared key.
    #[error("this preshared key is all zeros, which WireGuard takes for none")]
    Zero,
}

crate::coded! { ParseKeyError: Caller;
    Self::Encoding => ("value.key.encoding", "write what `wg genkey`, `wg pubkey` or `wg genpsk` prints, unchanged");
    Self::LowOrder => ("value.key.low_order", "make a key pair with `wg genkey` and `wg pubkey`");
    Self::Zero => ("value.key.zero", "write what `wg genpsk` prints, or leave the preshared key out");
}

impl PublicKey {
    /// The public key with these 32 bytes.
    ///
    /// # Errors
    /// [`ParseKeyError::LowOrder`] for the low-order points, in each of their encodings.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseKeyError> {
        match is_low_order(bytes) {
            true => Err(ParseKeyError::LowOrder),
            false => Ok(Self(bytes)),
        }
    }

    /// The 32 bytes, as they stand on the wire.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        Self::from_bytes(*decode(text)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    /// The first eight characters: enough to tell keys apart in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}…)", &STANDARD.encode(self.0)[..8])
    }
}

crate::text::text_serde!(PublicKey);

/// The private half of a peer's key pair. It is made on the peer and never leaves it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; 32]);

impl PrivateKey {
    /// The private key made of 32 bytes from the operating system's randomness.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        PublicKey(*x25519_dalek::PublicKey::from(&secret).as_bytes())
    }

    /// The secret bytes, for the engine that needs them and for the sealed file of their owner.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The secret as `wg` reads it: 44 characters of base64.
    pub fn expose_text(&self) -> Exposed {
        encode(&self.0)
    }
}

impl FromStr for PrivateKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PrivateKey {}

/// A key as `wg` reads it.
pub(crate) fn encode(bytes: &[u8; 32]) -> Exposed {
    let mut text = String::with_capacity(44);
    STANDARD.encode_string(bytes, &mut text);
    Exposed::new(text)
}

pub(crate) fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>, ParseKeyError> {
    let mut bytes = Zeroizing::new([0; 33]);
    match STANDARD.decode_slice(text, &mut *bytes) {
        Ok(32) if text.len() == 44 => {
            let mut key = Zeroizing::new([0; 32]);
            key.copy_from_slice(&bytes[..32]);
            Ok(key)
        }
        _ => Err(ParseKeyError::Encoding),
    }
}

/// Compares with the seven low-order values below 2^255; bit 255 is ignored by X25519 (RFC 7748 section 5), which makes
/// the further encodings.
fn is_low_order(mut bytes: [u8; 32]) -> bool {
    bytes[31] &= 0x7f;
    LOW_ORDER.contains(&bytes)
}

const fn near_p(low: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = low;
    bytes[31] = 0x7f;
    bytes
}

const fn small(low: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = low;
    bytes
}

/// 0, 1, the two points of order 8, p-1, p and p+1 (RFC 7748 section 6.1 and <https://cr.yp.to/ecdh.html>).
const LOW_ORDER: [[u8; 32]; 7] = [
    small(0),
    small(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09,
        0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44,
        0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    near_p(0xec),
    near_p(0xed),
    near_p(0xee),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn contributes(bytes: [u8; 32]) -> bool {
        let secret = x25519_dalek::StaticSecret::from([7; 32]);
        secret.diffie_hellman(&x25519_dalek::PublicKey::from(bytes)).was_contributory()
    }

    #[test]
    fn every_encoding_of_a_low_order_point_is_refused() {
        for point in LOW_ORDER {
            for high in [0, 0x80] {
                let mut bytes = point;
                bytes[31] |= high;
                assert!(!contributes(bytes), "{bytes:02x?} is not of low order");
                assert_eq!(PublicKey::from_bytes(bytes), Err(ParseKeyError::LowOrder));
            }
        }
        assert!(PrivateKey::from_bytes([3; 32]).public().as_bytes() != &[0; 32]);
        for i in 2..=9u8 {
            assert_eq!(contributes(small(i)), PublicKey::from_bytes(small(i)).is_ok());
        }
    }

    #[test]
    fn text_is_strict_base64() {
        let key = PrivateKey::from_bytes([9; 32]).public();
        let text = key.to_string();
        assert_eq!(text.parse::<PublicKey>(), Ok(key));
        let unpadded = text.trim_end_matches('=');
        for bad in [unpadded, &text[1..], &format!(" {text}"), &format!("{text}\n"), "", &text.replace('=', "A")] {
            assert_eq!(bad.parse::<PublicKey>(), Err(ParseKeyError::Encoding), "{bad:?}");
        }
        // The last character carries four bits of data: trailing bits that are set are another text for one key.
        assert!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=".parse::<PublicKey>().is_err());
    }

    #[test]
    fn a_private_key_never_prints() {
        let key = PrivateKey::from_bytes([0x41; 32]);
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
    }
}
