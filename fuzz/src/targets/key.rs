//! Public keys, as `wg` prints them and as the network carries them.

use nanami_model::PublicKey;

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    if let Ok(bytes) = <[u8; 32]>::try_from(data) {
        return match PublicKey::from_bytes(bytes) {
            Ok(key) => {
                assert_eq!(key.as_bytes(), &bytes);
                Outcome::Taken
            }
            Err(_) => Outcome::Refused,
        };
    }
    text::prints_as_read::<PublicKey>(data)
}
