//! Change sets, as a store or an operator's program hands them over: JSON that names ids.

use nanami_model::{ChangeSet, Intent, User, name};

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let Ok(changes) = serde_json::from_slice::<ChangeSet>(data) else { return Outcome::Refused };
    let written = serde_json::to_vec(&changes).expect("a change set is JSON");
    let again: ChangeSet = serde_json::from_slice(&written).expect("what was written is read");
    assert_eq!(again, changes);
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    match empty.apply(empty.owner(), &changes) {
        Ok(next) => {
            let Ok(back) = next.apply(next.owner(), &changes.inverse(&empty)) else { return Outcome::Taken };
            assert!(back.changes_to(&empty).is_empty(), "taken back, it leaves something");
            Outcome::Taken
        }
        Err(refused) => {
            assert!(!refused.violations().is_empty(), "refused without a reason");
            Outcome::Refused
        }
    }
}
