//! Differences of maps: what a peer holds, and what control sends it to make the next map of.
//!
//! The input is the length of the first map in two bytes (big endian), that map, and what comes after it. Two complete maps are
//! made into a difference and put together again; a difference is put onto what is held.

use nanami_model::NetworkMap;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Some((length, rest)) = data.split_first_chunk() else { return Outcome::Refused };
    let Some((held, sent)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
        return Outcome::Refused;
    };
    let (Ok(held), Ok(sent)) = (NetworkMap::decode(held), NetworkMap::decode(sent)) else { return Outcome::Refused };
    if held.base().is_none() && sent.base().is_none() {
        let delta = held.delta_to(&sent);
        assert_eq!(NetworkMap::decode(&delta.encode()).as_ref(), Ok(&delta), "a difference is written otherwise");
        assert_eq!(held.patched(&delta).as_ref(), Ok(&sent), "a difference leads elsewhere");
    }
    let Ok(next) = held.patched(&sent) else { return Outcome::Refused };
    let again = NetworkMap::decode(&next.encode());
    assert_eq!(again.as_ref(), Ok(&next));
    assert_eq!(again.map(|again| again.digests()), Ok(next.digests()), "digests that were carried on are others");
    Outcome::Taken
}
