//! Preshared keys: the symmetric secret that two WireGuard peers may mix into their handshakes.
//!
//! **Invariant**: a [`PresharedKey`] prints as `…`, is wiped on drop, compares in constant time (SEC-60), and is not all zeros,
//! which WireGuard takes for none.

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::key::{ParseKeyError, decode, encode};
use crate::secret::Exposed;

/// A secret that two peers share beside their key pairs, against computers that break Curve25519 one day.
///
/// ```
/// use nanami_model::PresharedKey;
///
/// let key = PresharedKey::from_bytes([7; 32])?;
/// assert_eq!(format!("{key:?}"), "PresharedKey(…)");
/// assert!(PresharedKey::from_bytes([0; 32]).is_err());
/// # Ok::<(), nanami_model::ParseKeyError>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; 32]);

impl PresharedKey {
    /// The preshared key made of 32 bytes from the operating system's randomness.
    ///
    /// # Errors
    /// [`ParseKeyError::Zero`] if all of them are 0.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseKeyError> {
        let key = Self(bytes);
        match key.0.ct_eq(&[0; 32]).into() {
            true => Err(ParseKeyError::Zero),
            false => Ok(key),
        }
    }

    /// The secret bytes, for the engine that needs them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The secret as `wg` reads it: 44 characters of base64.
    pub fn expose_text(&self) -> Exposed {
        encode(&self.0)
    }
}

impl FromStr for PresharedKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        Self::from_bytes(*decode(text)?)
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey(…)")
    }
}

impl PartialEq for PresharedKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PresharedKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_zeros_are_no_key_and_no_key_prints() {
        let zeros = format!("{}=", "A".repeat(43));
        assert_eq!(zeros.parse::<PresharedKey>(), Err(ParseKeyError::Zero));
        assert_eq!("A".parse::<PresharedKey>(), Err(ParseKeyError::Encoding));
        assert_eq!(format!("{:?}", PresharedKey::from_bytes([0x41; 32]).unwrap()), "PresharedKey(…)");
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes: [u8; 32]) {
            prop_assume!(bytes != [0; 32]);
            let key = PresharedKey::from_bytes(bytes).unwrap();
            prop_assert_eq!(key.expose_text().parse::<PresharedKey>(), Ok(key));
        }
    }
}
