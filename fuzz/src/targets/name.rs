//! Names, as documents, commands and messages write them.

use nanami_model::Name;

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let outcome = text::prints_as_read::<Name>(data);
    if outcome == Outcome::Taken {
        assert!((1..=63).contains(&data.len()), "an RFC 1123 label has 1 to 63 characters");
        let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        assert!(data.iter().all(fits), "a name holds a character that a label cannot have");
    }
    outcome
}
