//! Join strings and join keys, as people paste them.

use nanami_model::{JoinSecret, JoinString};

use super::{Outcome, text};

pub(super) fn target(data: &[u8]) -> Outcome {
    let exposed = match (text::read::<JoinString>(data), text::read::<JoinSecret>(data)) {
        (Some(join), None) => {
            let shown = format!("{join:?}");
            let secret = join.secret().expose();
            // The id is no secret; what follows it is.
            let hidden = secret.rsplit('_').next().unwrap_or_default();
            assert!(!shown.contains(hidden), "a join string prints its secret");
            join.expose()
        }
        (None, Some(secret)) => secret.expose(),
        (None, None) => return Outcome::Refused,
        (Some(_), Some(_)) => panic!("one text is a join string and a join key"),
    };
    assert_eq!(exposed.as_bytes(), data, "it reads as something that prints otherwise");
    Outcome::Taken
}
