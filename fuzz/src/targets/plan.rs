//! Everything between a document and the maps of its peers: what is read compiles, keeps every promise, and plans the same
//! way twice. Peers without a key get one, so that there are maps to check.

use nanami_model::{Intent, Observed, PrivateKey, Timestamp};
use nanami_plan::board::Board;
use nanami_plan::{Base, Selection, compile, plan};

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Some(intent) = std::str::from_utf8(data).ok().and_then(|text| Intent::from_toml(text).ok()) else {
        return Outcome::Refused;
    };
    let intent = joined(&intent);
    let desired = compile(&intent, &Selection::default());
    let now = Timestamp::from_millis(1_700_000_000_000);
    let first = plan(&Base::nothing(), &desired, Observed::none(), now);
    let texts = [format!("{first}"), format!("{first:#}"), Board::of(&desired).to_svg()];
    let again = compile(&intent, &Selection::default());
    let second = plan(&Base::nothing(), &again, Observed::none(), now);
    assert_eq!(first.id(), second.id());
    assert_eq!(texts, [format!("{second}"), format!("{second:#}"), Board::of(&again).to_svg()]);
    let settled = plan(&Base::settled(&desired), &again, Observed::none(), now);
    assert!(settled.is_empty(), "between a state and itself there is something to do:\n{settled}");
    if let Err(findings) = first.check() {
        panic!("{findings}");
    }
    Outcome::Taken
}

/// The workspace with a key for every peer.
fn joined(intent: &Intent) -> Intent {
    let mut draft = intent.draft();
    let pending = intent.peers().filter(|(_, peer)| peer.key().is_none());
    for (number, (id, _)) in (0u64..).zip(pending) {
        let mut bytes = [7; 32];
        bytes[1..9].copy_from_slice(&number.to_le_bytes());
        draft.update(id, |peer| peer.with_key(PrivateKey::from_bytes(bytes).public()));
    }
    match intent.apply(intent.owner(), &draft.into_changes()) {
        Ok(joined) => joined,
        Err(refused) => panic!("peers of a valid workspace cannot join: {refused}"),
    }
}
