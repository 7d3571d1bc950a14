//! Plans that were proposed and wait: for approval, for whoever applies them.
//!
//! **Invariant: at most 64 are kept, in the order in which they came.** They lie in one slot of the store, which is
//! saved before anybody hears that a proposal or an approval was taken.

use nanami_model::{Actor, ChangeSet, Object, Revision, Timestamp};
use serde::{Deserialize, Serialize};

use super::audit::Approval;

/// A change set that somebody proposed, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The plan's whole id. People say as much of it as tells it apart.
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

    /// The proposal whose id begins with this text, of which it says `p-` and four digits at least; `None` when there are several.
    pub(super) fn get(&self, plan: &str) -> Option<&Saved> {
        let mut matching = self.open.iter().filter(|saved| plan.len() >= SHORTEST && saved.plan.starts_with(plan));
        matching.next().filter(|_| matching.next().is_none())
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Saved> {
        self.open.iter()
    }

    /// With this proposal. One of the same plan that was looked at on the same objects stays as it is, approvals included;
    /// one that was not gives way, for its approvals were for another sight. The oldest gives way.
    pub(super) fn with(&self, saved: Saved) -> Proposals {
        if self.get(&saved.plan).is_some_and(|known| known.before == saved.before && known.effect == saved.effect) {
            return self.clone();
        }
        let mut open = self.without(&saved.plan).open;
        open.push(saved);
        open.drain(..open.len().saturating_sub(MAX_OPEN));
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
/// `p-` and four digits, as texts show it.
const SHORTEST: usize = 6;
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
        let proposals = Proposals::default().with(saved("p-1111")).with(saved("p-2222")).approved("p-1111", approval);
        let again = proposals.with(saved("p-1111")).approved("p-1111", approval);
        assert_eq!(again, proposals);
        assert_eq!(again.get("p-1111").unwrap().approvals, [approval]);
        assert_eq!(Proposals::decode(&again.encode()).unwrap(), again);
        assert!(again.without("p-1111").get("p-1111").is_none());
        assert!(Proposals::decode(&[]).is_err() && Proposals::decode(b"\x02{}").is_err());
    }

    #[test]
    fn a_part_of_an_id_is_enough_while_it_tells_plans_apart() {
        let proposals = Proposals::default().with(saved("p-abcd1")).with(saved("p-abcd2")).with(saved("p-ef011"));
        assert_eq!(proposals.get("p-ef01").unwrap().plan, "p-ef011");
        assert!(proposals.get("p-abcd").is_none() && proposals.get("p-ef0").is_none() && proposals.get("").is_none());
        assert_eq!(proposals.get("p-abcd2").unwrap().plan, "p-abcd2");
    }

    #[test]
    fn approvals_are_for_what_was_seen() {
        let approval = Approval { by: UserId::from_bytes([1; 10]), at: Timestamp::from_millis(2) };
        let proposals = Proposals::default().with(saved("p-1111")).approved("p-1111", approval);
        let moved = proposals.with(Saved { effect: "another".into(), ..saved("p-1111") });
        assert_eq!((moved.iter().len(), moved.get("p-1111").unwrap().approvals.len()), (1, 0));
    }

    #[test]
    fn the_oldest_gives_way() {
        let proposals = (0..200).fold(Proposals::default(), |all, i| all.with(saved(&format!("p-{i:04}"))));
        assert_eq!(proposals.iter().len(), MAX_OPEN);
        assert!(proposals.get("p-0135").is_none() && proposals.get("p-0136").is_some());
    }
}
