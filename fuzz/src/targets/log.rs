//! The first entry of a workspace's log, as a store gives it back: from a disk that somebody else may write to.

use nanami_control::service::Workspace;
use nanami_control::store::Entry;
use nanami_model::Revision;

use super::Outcome;

pub(super) fn target(data: &[u8]) -> Outcome {
    let entry = Entry::new(Revision::new(1), data.to_vec());
    let Ok(founded) = Workspace::founding(&entry) else { return Outcome::Refused };
    let replay = || {
        let mut workspace = Workspace::found(founded.workspace.clone(), founded.owner.clone());
        workspace.replay(std::slice::from_ref(&entry)).ok().map(|()| workspace)
    };
    let (Some(one), Some(other)) = (replay(), replay()) else { return Outcome::Refused };
    assert_eq!(one.intent().to_toml(), other.intent().to_toml(), "one log is two workspaces");
    assert!(one.intent().changes_to(other.intent()).is_empty());
    Outcome::Taken
}
