//! Impact and sweep: what a failure stops, moves or makes wait.

use serde::{Serialize, Serializer};

use super::passage::{End, WayForm};
use super::{Head, Kind, Listed, millis};
use crate::impact::{Crowded, Fate, Impact, Outcome, Sweep, Toll};
use crate::names::Names;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ImpactForm<'a> {
    #[serde(flatten)]
    head: Head,
    revision: u64,
    without: String,
    /// Of what gateways carry, and of what has a dead end.
    flows: Sums,
    /// The flows that go directly between two peers that live: they go on.
    direct: usize,
    outcomes: Listed<OutcomeForm>,
    crowded: Vec<CrowdedForm<'a>>,
}

/// So many pairs of a peer and what it reaches.
#[derive(Serialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Sums {
    lost: usize,
    needs_control: usize,
    fails_over: usize,
    unaffected: usize,
    without_standby: usize,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct OutcomeForm {
    to: End,
    from: Listed<String>,
    way: WayForm,
    /// `unaffected`, `local_failover`, `needs_control` or `lost`.
    fate: &'static str,
    /// Who carries it then.
    by: Option<String>,
    slower_ms: Option<u64>,
    why: String,
    lost_its_last_standby: bool,
}

impl OutcomeForm {
    fn of(outcome: &Outcome, names: &Names) -> Self {
        let (fate, by, slower) = match outcome.fate() {
            Fate::Unaffected => ("unaffected", None, None),
            Fate::LocalFailover { name, slower, .. } => ("local_failover", Some(name.to_string()), *slower),
            Fate::NeedsControl { name, .. } => ("needs_control", Some(name.to_string()), None),
            Fate::Lost(_) => ("lost", None, None),
        };
        Self {
            to: End::of(outcome.to(), names),
            from: Listed::of(outcome.from().iter(), |id| names.of(*id)),
            way: WayForm::of(outcome.way(), names),
            fate,
            by,
            slower_ms: slower.map(millis),
            why: outcome.fate().to_string(),
            lost_its_last_standby: outcome.lost_its_last_standby(),
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct CrowdedForm<'a> {
    gateway: &'a str,
    clients_before: usize,
    clients_after: usize,
    capacity: u32,
}

impl<'a> CrowdedForm<'a> {
    fn of(crowded: &'a Crowded) -> Self {
        let Crowded { name, before, after, capacity, .. } = crowded;
        Self { gateway: name.as_str(), clients_before: *before, clients_after: *after, capacity: *capacity }
    }
}

impl Serialize for Impact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut flows = Sums::default();
        for outcome in &self.outcomes {
            let sum = match outcome.fate() {
                Fate::Unaffected => &mut flows.unaffected,
                Fate::LocalFailover { .. } => &mut flows.fails_over,
                Fate::NeedsControl { .. } => &mut flows.needs_control,
                Fate::Lost(_) => &mut flows.lost,
            };
            *sum += outcome.from().len();
            flows.without_standby += if outcome.lost_its_last_standby() { outcome.from().len() } else { 0 };
        }
        let form = ImpactForm {
            head: Head::of(Kind::Impact),
            revision: self.revision.value(),
            without: self.failure.describe(&self.names),
            flows,
            direct: self.direct(),
            outcomes: Listed::of(self.outcomes.iter(), |outcome| OutcomeForm::of(outcome, &self.names)),
            crowded: self.crowded.iter().map(CrowdedForm::of).collect(),
        };
        form.serialize(serializer)
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct SweepForm<'a> {
    #[serde(flatten)]
    head: Head,
    revision: u64,
    /// All flows that go directly; they are in the sums of a gateway only where they have an end that dies with it.
    direct: usize,
    gateways: Listed<TollForm<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct TollForm<'a> {
    without: &'a str,
    #[serde(flatten)]
    flows: Sums,
    crowded: Vec<TooMany<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct TooMany<'a> {
    gateway: &'a str,
    clients_after: usize,
}

impl<'a> TollForm<'a> {
    fn of(toll: &'a Toll) -> Self {
        let Toll { unaffected, fails_over, needs_control, lost, without_standby, .. } = *toll;
        let flows = Sums { lost, needs_control, fails_over, unaffected, without_standby };
        let crowded = toll.crowded.iter();
        let crowded = crowded.map(|(name, load)| TooMany { gateway: name.as_str(), clients_after: *load }).collect();
        Self { without: toll.name.as_str(), flows, crowded }
    }
}

impl Serialize for Sweep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let gateways = Listed::of(self.tolls.iter(), TollForm::of);
        let (revision, direct) = (self.revision.value(), self.direct());
        SweepForm { head: Head::of(Kind::Sweep), revision, direct, gateways }.serialize(serializer)
    }
}
