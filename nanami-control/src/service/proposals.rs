//! Plans that were proposed and wait: for approval, for whoever applies them.
//!
//! **Invariant: at most [`MAX_OPEN`] are kept, in the order in which they came.** They lie in one slot of the store, which is
//! saved before anybody hears that a proposal or an approval was taken.

use nanami_model::{Actor, ChangeSet, Object, Revision, Timestamp};
use serde::{Deserialize, Serialize};

use super::audit::Approval;

/// A change set that somebody proposed, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The plan's id, as people say it.
    pub plan: String,
    /// The revision on which the proposer saw the effect.
    pub base: Revision,
    /// Who proposed it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What is to change.
    pub changes: ChangeSet,
    /// The objects that change or go, as they were then: what somebody else changes meanwhile is not overwritten.
    pub before: Vec<Object>,
    /// A fingerprint of the effect that was shown; the plan stands while it is the same.
    pub effect: String,
    /// Who has approved it.
    pub approvals: Vec<Approval>,
}

/// The open proposals of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Proposals {
    open: Vec<Saved>,
}

/// The bytes of the slot are no proposals.
#[derive(Debug, thiserror::Error)]
#[error("saved proposals are damaged: {0}")]
pub struct BadProposals(String);

impl Proposals {
    pub(super) fn decode(bytes: &[u8]) -> Result<Proposals, BadProposals> {
        match bytes.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| BadProposals(error.to_string())),
            _ => Err(BadProposals("unknown version".into())),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("proposals hold strings, numbers and lists only");
        bytes
    }

    pub(super) fn get(&self, plan: &str) -> Option<&Saved> {
        self.open.iter().find(|saved| saved.plan == plan)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Saved> {
        self.open.iter()
    }

    /// With this proposal; one of the same plan stays as it is, approvals included. The oldest gives way to the
    /// [`MAX_OPEN`]th.
    pub(super) fn with(&self, saved: Saved) -> Proposals {
        let mut open = self.open.clone();
        if self.get(&saved.plan).is_none() {
            open.push(saved);
            open.drain(..open.len().saturating_sub(MAX_OPEN));
        }
        Proposals { open }
    }

    /// With this approval of a plan; a second one by the same user changes nothing.
    pub(super) fn approved(&self, plan: &str, approval: Approval) -> Proposals {
        let mut open = self.open.clone();
        for saved in open.iter_mut().filter(|saved| saved.plan == plan) {
            if saved.approvals.iter().all(|known| known.by != approval.by) {
                saved.approvals.push(approval);
            }
        }
        Proposals { open }
    }

    /// Without this plan.
    pub(super) fn without(&self, plan: &str) -> Proposals {
        Proposals { open: self.open.iter().filter(|saved| saved.plan != plan).cloned().collect() }
    }
}

/// Chosen: more than people review at a time; a job that proposes every minute does not fill the disk.
const MAX_OPEN: usize = 64;
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use nanami_model::UserId;

    use super::*;

    fn saved(plan: &str) -> Saved {
        Saved {
            plan: plan.into(),
            base: Revision::ZERO,
            by: Actor::Control,
            at: Timestamp::from_millis(1),
            changes: ChangeSet::default(),
            before: Vec::new(),
            effect: String::new(),
            approvals: Vec::new(),
        }
    }

    #[test]
    fn they_come_back_and_a_repetition_keeps_the_approvals() {
        let approval = Approval { by: UserId::from_bytes([1; 10]), at: Timestamp::from_millis(2) };
        let proposals = Proposals::default().with(saved("p-1")).with(saved("p-2")).approved("p-1", approval);
        let again = proposals.with(saved("p-1")).approved("p-1", approval);
        assert_eq!(again, proposals);
        assert_eq!(again.get("p-1").unwrap().approvals, [approval]);
        assert_eq!(Proposals::decode(&again.encode()).unwrap(), again);
        assert!(again.without("p-1").get("p-1").is_none());
        assert!(Proposals::decode(&[]).is_err() && Proposals::decode(b"\x02{}").is_err());
    }

    #[test]
    fn the_oldest_gives_way() {
        let proposals = (0..200).fold(Proposals::default(), |all, i| all.with(saved(&format!("p-{i}"))));
        assert_eq!(proposals.iter().len(), MAX_OPEN);
        assert!(proposals.get("p-135").is_none() && proposals.get("p-136").is_some());
    }
}
