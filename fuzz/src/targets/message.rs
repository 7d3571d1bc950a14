//! Control messages of both directions, as the channel delivers them.

use nanami_model::message::{ToControl, ToPeer};

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let mut outcome = Outcome::Refused;
    if let Ok(message) = ToControl::decode(data) {
        // A message with a secret has no equality; its bytes have.
        let bytes = message.encode();
        let Ok(again) = ToControl::decode(&bytes) else { panic!("{message:?} was encoded and is refused") };
        assert_eq!(again.encode(), bytes);
        outcome = Outcome::Taken;
    }
    if let Ok(message) = ToPeer::decode(data) {
        assert_eq!(ToPeer::decode(&message.encode()).as_ref(), Ok(&message));
        outcome = Outcome::Taken;
    }
    outcome
}
