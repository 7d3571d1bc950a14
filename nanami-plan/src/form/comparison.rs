//! Effects and comparisons: what changes, and who gains or loses reach.

use serde::{Serialize, Serializer};

use super::passage::PassageForm;
use super::{Head, Kind, LISTED, Listed};
use crate::changes::{Edit, EditKind};
use crate::comparison::Comparison;
use crate::effect::{Effect, Passage};
use crate::text::plan::approvers;
use crate::usage::Used;

/// What is gained, lost, rerouted, disturbed and kept.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Reachability {
    gained: Listed<PassageForm>,
    lost: Listed<PassageForm>,
    rerouted: Listed<PassageForm>,
    disturbed: Listed<PassageForm>,
    kept: usize,
    people: Listed<Person>,
}

/// Somebody whose peers gain or lose reach.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Person {
    user: String,
    passages: usize,
}

impl Reachability {
    pub(super) fn of(effect: &Effect, used: &dyn Fn(&Passage) -> Option<Used>) -> Self {
        let names = effect.names();
        let list = |flows| PassageForm::list(flows, names, used);
        let people = effect.users();
        Self {
            gained: list(effect.gained()),
            lost: list(effect.lost()),
            rerouted: list(effect.rerouted()),
            disturbed: list(effect.disturbed()),
            kept: effect.kept().count(),
            people: Listed::of(people.iter(), |(user, passages)| Person { user: names.of(*user), passages: *passages }),
        }
    }
}

/// A group that must approve, and who can for it.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Approval {
    group: String,
    approvers: Vec<String>,
}

impl Approval {
    pub(super) fn all(effect: &Effect) -> Vec<Self> {
        let names = effect.names();
        let Some(after) = names.revisions().next() else { return Vec::new() };
        let approval = |group| Self { group: names.of(group), approvers: approvers(after, group) };
        effect.approvals().iter().take(LISTED).map(|group| approval(*group)).collect()
    }
}

/// One object that comes, goes or becomes another.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct EditForm {
    change: &'static str,
    kind: &'static str,
    name: String,
    says: Vec<String>,
}

impl EditForm {
    pub(super) fn list(edits: &[Edit]) -> Listed<Self> {
        Listed::of(edits.iter(), |edit| Self {
            change: match edit.kind() {
                EditKind::Add => "add",
                EditKind::Update => "update",
                EditKind::Remove => "remove",
            },
            kind: edit.object().id().kind(),
            name: edit.name().to_string(),
            says: edit.cells().into_iter().filter(|cell| !cell.is_empty()).collect(),
        })
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ComparisonForm {
    #[serde(flatten)]
    head: Head,
    workspace: String,
    changes: Listed<EditForm>,
    reachability: Reachability,
    approvals: Vec<Approval>,
}

impl ComparisonForm {
    pub(super) fn of(comparison: &Comparison) -> Self {
        Self {
            head: Head::of(Kind::Comparison),
            workspace: comparison.workspace.to_string(),
            changes: EditForm::list(&comparison.edits),
            reachability: Reachability::of(&comparison.effect, &|_| None),
            approvals: Approval::all(&comparison.effect),
        }
    }
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ComparisonForm::of(self).serialize(serializer)
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct EffectForm {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    reachability: Reachability,
    approvals: Vec<Approval>,
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reachability = Reachability::of(self, &|_| None);
        EffectForm { head: Head::of(Kind::Effect), reachability, approvals: Approval::all(self) }.serialize(serializer)
    }
}
