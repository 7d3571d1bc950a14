//! Network maps, as control sends them and as a peer keeps them.

use nanami_model::NetworkMap;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(map) = NetworkMap::decode(data) else { return Outcome::Refused };
    let again = NetworkMap::decode(&map.encode());
    assert_eq!(again.as_ref(), Ok(&map));
    assert_eq!(again.map(|again| again.digests()), Ok(map.digests()), "equal maps with other digests");
    Outcome::Taken
}
