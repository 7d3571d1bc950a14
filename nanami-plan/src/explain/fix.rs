//! Fixes: changes that open a flow, proven on a copy.
//!
//! **Invariant**: a fix was applied by the rules that hold for everybody, compiled, and seen to open all of the flow; what else it
//! opens was counted. One that breaks an assertion which held is rejected, and names it.

use nanami_model::{
    ChangeSet, Destination, Entity, Flow, GroupId, Intent, Name, NetworkId, ObjectId, PeerId, Policy, RouteId, Selector,
};

use super::candidates::{self, Candidate};
use crate::access::{missing, union};
use crate::assertion::AssertionsFailed;
use crate::blocker::Blocker;
use crate::desired::Desired;
use crate::effect::Effect;
use crate::lets::minus;

/// A change that lets a flow pass.
#[derive(Debug, Clone)]
pub struct Fix {
    changes: ChangeSet,
    effect: Effect,
    pub(crate) sentence: String,
    pub(crate) others: usize,
    pub(crate) assertions: (usize, usize),
    pub(crate) breaks: Vec<Name>,
    document: Option<String>,
}

impl Fix {
    /// The change.
    pub fn changes(&self) -> &ChangeSet {
        &self.changes
    }

    /// What it would gain, lose, reroute and disturb.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// How many pairs it would open, or open further, besides the one that was asked about.
    pub fn others(&self) -> usize {
        self.others
    }

    /// The assertions that it would break; empty unless it is rejected.
    pub fn breaks(&self) -> &[Name] {
        &self.breaks
    }

    /// What to add to the workspace's document, where the fix is a new policy and nothing else.
    pub fn document(&self) -> Option<&str> {
        self.document.as_deref()
    }

    /// What it opens, then what else it touches.
    fn weight(&self) -> [usize; 4] {
        [self.others, self.effect.lost().count(), self.effect.rerouted().count(), self.changes.iter().len()]
    }
}

/// The fixes that hold, that which opens least first, and those that would break an assertion.
pub(super) fn find(desired: &Desired, flow: &Flow, blockers: Vec<Blocker>) -> (Vec<Fix>, Vec<Fix>) {
    let broken = names(desired.check_assertions(&[]));
    let mut proven: Vec<Fix> = candidates::all(desired, flow, blockers)
        .into_iter()
        .filter_map(|candidate| prove(desired, flow, candidate, &broken))
        .collect();
    // Stable: what opens alike stays in the order of the candidates.
    proven.sort_by_key(Fix::weight);
    proven.into_iter().partition(|fix| fix.breaks.is_empty())
}

fn prove(desired: &Desired, flow: &Flow, candidate: Candidate, broken_before: &[Name]) -> Option<Fix> {
    let intent = desired.intent();
    let next = intent.apply(intent.owner(), &candidate.changes).ok()?;
    let what_if = desired.what_if(&next);
    let opened = what_if.desired();
    if missing(flow.service, &opened.access().grants(flow.from, flow.to)).is_some()
        || opened.way(flow.from, flow.to).is_nowhere()
    {
        return None;
    }
    let own = |p: &&crate::effect::Passage| p.from == flow.from && p.to == flow.to;
    let wider = |p: &&crate::effect::Passage| own(p) && p.services.minus(&flow.service.into()).is_some();
    let gained = what_if.effect().gained();
    let others = match flow.to {
        // What one pair gains is one passage, so that the others are counted and not listed.
        Destination::Peer(_) => gained.count() - usize::from(!is_wider(desired, opened, flow)),
        _ => gained.iter().filter(|p| !own(p) || wider(p)).count(),
    };
    let now = names(what_if.check_assertions(&[]));
    let total = next.assertions().len();
    Some(Fix {
        sentence: candidate.sentences.join("; "),
        others,
        assertions: (total - now.len(), total),
        breaks: now.into_iter().filter(|name| !broken_before.contains(name)).collect(),
        document: candidate.policy.as_ref().map(|policy| document(&next, policy)),
        effect: what_if.effect().clone(),
        changes: candidate.changes,
    })
}

/// Whether a pair gains more than the service that was asked about.
fn is_wider(before: &Desired, after: &Desired, flow: &Flow) -> bool {
    let [was, is] = [before, after].map(|desired| union(&desired.access().grants(flow.from, flow.to)));
    minus(minus(is.as_ref(), was.as_ref()).as_ref(), Some(&flow.service.into())).is_some()
}

fn names(checked: Result<(), AssertionsFailed>) -> Vec<Name> {
    match checked {
        Ok(()) => Vec::new(),
        Err(failed) => failed.broken().iter().map(|broken| broken.assertion.clone()).collect(),
    }
}

/// A policy as a table of its own, which may stand anywhere behind the others.
fn document(intent: &Intent, policy: &Policy) -> String {
    // Where two kinds share a name, a document says which is meant.
    let side = |selector: Selector| {
        let name = intent.name_of(selector).map(ToString::to_string).unwrap_or_default();
        let bearers = [
            intent.find::<GroupId>(&name).is_some(),
            intent.find::<NetworkId>(&name).is_some(),
            intent.find::<RouteId>(&name).is_some(),
            intent.find::<PeerId>(&name).is_some(),
        ];
        let shared = bearers.iter().filter(|bears| **bears).count() > 1;
        if shared { format!("{}:{name}", ObjectId::from(selector).kind()) } else { name }
    };
    let quoted = |texts: Vec<String>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
    let services = policy.services().iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!("[policies.{}]", policy.name()),
        format!("from = \"{}\"", side(policy.from())),
        format!("to = \"{}\"", side(policy.to())),
        format!("allow = [{}]", quoted(services)),
    ];
    if !policy.via().is_empty() {
        let via = policy.via().iter().filter_map(|id| intent.name_of(*id)).map(ToString::to_string).collect();
        lines.push(format!("via = [{}]", quoted(via)));
    }
    lines.join("\n")
}
