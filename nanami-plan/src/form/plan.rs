//! Plans: what changes, what that means, who must approve, what peers do, what is promised.

use serde::{Serialize, Serializer};

use super::assertions::Judged;
use super::comparison::{Approval, EditForm, Reachability};
use super::notice::NoticeForm;
use super::status::DriftForm;
use super::{Head, Kind, LISTED, Listed, millis};
use crate::guarantee::Guarantee;
use crate::plan::Plan;
use crate::step::Step;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct PlanForm {
    #[serde(flatten)]
    head: Head,
    id: String,
    workspace: String,
    /// `null` if the plan begins with nothing.
    from_revision: Option<u64>,
    to_revision: u64,
    author: Option<String>,
    changes: Listed<EditForm>,
    reachability: Reachability,
    /// How much of all that is lost was used, listed or not; `null` if of none it is known.
    lost_in_use: Option<InUseForm>,
    assertions: Judged,
    approvals: Vec<Approval>,
    rollout: Rollout,
    guarantees: Vec<&'static str>,
    until_then: Listed<String>,
    elsewhere: Listed<String>,
    stale_files: Listed<String>,
    /// What somebody altered on machines, entry by entry: the plan starts from what was applied there.
    altered: Listed<DriftForm>,
    /// What is legal and still suspicious, and was not before the change.
    notices: Listed<NoticeForm>,
}

/// How many of many are known to be used, and how long ago the latest was.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct InUseForm {
    count: usize,
    last_ms: u64,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Rollout {
    peers: usize,
    of: usize,
    steps: Listed<StepForm>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct StepForm {
    stage: String,
    peer: String,
    does: Listed<String>,
    because: String,
    waits_for: Listed<GateForm>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct GateForm {
    peer: String,
    stage: String,
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.effect.names();
        let step = |(step, does): (Step, usize)| StepForm {
            stage: step.stage().to_string(),
            peer: step.name.to_string(),
            does: Listed { count: does, first: step.sentences.clone() },
            because: step.reason().to_string(),
            waits_for: Listed::of(step.gates().iter(), |gate| GateForm {
                peer: names.of(gate.peer),
                stage: gate.stage.to_string(),
            }),
        };
        let after = self.desired.intent();
        let stale = self.stale_files();
        let form = PlanForm {
            head: Head::of(Kind::Plan),
            id: self.id().as_bytes().iter().fold("p-".to_owned(), |text, byte| format!("{text}{byte:02x}")),
            workspace: after.name().to_string(),
            from_revision: self.base.intent().map(|before| before.revision().value()),
            to_revision: after.revision().value(),
            author: self.author.map(|user| names.of(user)),
            changes: EditForm::list(&self.edits),
            reachability: Reachability::of(&self.effect, &|passage| self.evidence.about(passage)),
            lost_in_use: self
                .evidence
                .in_use(&self.effect)
                .map(|used| InUseForm { count: used.count, last_ms: millis(used.last) }),
            assertions: Judged::of(after.assertions().len(), &self.check_assertions(&[])),
            approvals: Approval::all(&self.effect),
            rollout: Rollout {
                peers: self.steps.count(),
                of: after.peers().len(),
                steps: Listed {
                    count: self.steps.number(),
                    first: self.steps.outline(SENTENCES).take(LISTED).map(step).collect(),
                },
            },
            guarantees: self.guarantees.iter().map(guarantee).collect(),
            until_then: Listed::of(self.residual().iter(), ToString::to_string),
            elsewhere: Listed::of(self.external.iter(), ToString::to_string),
            stale_files: Listed::of(stale.iter(), |id| names.of(*id)),
            altered: DriftForm::list(&self.drift, 0),
            notices: NoticeForm::list(&self.notices()),
        };
        form.serialize(serializer)
    }
}

/// How many things that one step does are spelled out (chosen: a thousand steps stay less than a megabyte).
const SENTENCES: usize = 16;

fn guarantee(held: &Guarantee) -> &'static str {
    match held {
        Guarantee::NoOverGrant => "G1",
        Guarantee::KeptContinue => "G2",
    }
}
