//! Secrets of every kind, as people paste them: what is one of a kind is none of another, and none prints itself.

use nanami_model::{ApiToken, JoinSecret, SessionToken};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let read = [
        text::read::<ApiToken>(data).map(|secret| (secret.expose().to_string(), format!("{secret:?}"))),
        text::read::<JoinSecret>(data).map(|secret| (secret.expose().to_string(), format!("{secret:?}"))),
        text::read::<SessionToken>(data).map(|secret| (secret.expose().to_string(), format!("{secret:?}"))),
    ];
    let mut kinds = read.into_iter().flatten();
    let Some((exposed, shown)) = kinds.next() else { return Outcome::Refused };
    assert!(kinds.next().is_none(), "one text is a secret of two kinds");
    assert_eq!(exposed.as_bytes(), data, "it reads as something that prints otherwise");
    let hidden = exposed.rsplit('_').next().unwrap_or_default();
    assert!(!shown.contains(hidden), "a secret prints itself");
    Outcome::Taken
}
