//! The first entry of a workspace's log, as a store gives it back: from a disk that somebody else may write to.

use nanami_control::service::Workspace;
use nanami_control::service::audit::Record;
use nanami_control::store::Entry;
use nanami_model::Revision;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let first = Revision::new(1);
    let entry = Entry::new(first, data.to_vec());
    let Ok(record) = Record::from_entry(&entry) else { return Outcome::Refused };
    let Ok(again) = Record::from_entry(&record.to_entry(first)) else {
        panic!("{record:?} was written and is refused")
    };
    assert_eq!(again, record);
    let Ok(founded) = Workspace::founding(&entry) else { return Outcome::Refused };
    let mut workspace = Workspace::found(founded.workspace, founded.owner);
    match workspace.replay(&[entry]) {
        Ok(()) => Outcome::Taken,
        Err(_) => Outcome::Refused,
    }
}
