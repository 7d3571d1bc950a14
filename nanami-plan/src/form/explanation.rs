//! Explanations: the verdict, every ground of it, and what would change it.

use serde::{Serialize, Serializer};

use super::comparison::{Approval, Reachability};
use super::passage::{End, WayForm};
use super::{Head, Kind, millis};
use crate::explain::{Explanation, Fix, Ground, Hop, Judged, Subject, Why, WhyNot};

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct FlowForm {
    from: String,
    to: End,
    service: String,
}

impl FlowForm {
    fn of(subject: &Subject) -> Self {
        let (flow, names) = (subject.flow, &subject.names);
        Self { from: names.of(flow.from), to: End::of(flow.to, names), service: flow.service.to_string() }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct GroundForm<'a> {
    topic: &'static str,
    /// `pass`, `fail`, or `seen` for evidence beside the verdict.
    verdict: &'static str,
    text: &'a str,
}

fn grounds(chain: &[Ground]) -> Vec<GroundForm<'_>> {
    let verdict = |ground: &Ground| match ground.judged() {
        Judged::Pass => "pass",
        Judged::Fail => "fail",
        Judged::Seen => "seen",
    };
    chain.iter().map(|g| GroundForm { topic: g.topic(), verdict: verdict(g), text: g.text() }).collect()
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct HopForm<'a> {
    name: &'a str,
    address: &'a str,
    desired: Option<u64>,
    applied: Option<u64>,
    handshake_ms: Option<u64>,
    rtt_ms: Option<u64>,
    does: &'a str,
}

impl<'a> HopForm<'a> {
    fn of(hop: &'a Hop) -> Self {
        Self {
            name: &hop.name,
            address: &hop.address,
            desired: hop.desired.map(nanami_model::Generation::value),
            applied: hop.applied.map(nanami_model::Generation::value),
            handshake_ms: hop.handshake.map(millis),
            rtt_ms: hop.rtt.map(millis),
            does: &hop.does,
        }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct WhyForm<'a> {
    #[serde(flatten)]
    head: Head,
    verdict: &'static str,
    revision: u64,
    flow: FlowForm,
    way: WayForm,
    chosen: Option<&'a str>,
    /// Why the gateway before that one is on the way; left out unless there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen_near: Option<&'a str>,
    standbys: &'a [String],
    chain: Vec<GroundForm<'a>>,
    hops: Vec<HopForm<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct WhyNotForm<'a> {
    #[serde(flatten)]
    head: Head,
    verdict: &'static str,
    revision: u64,
    flow: FlowForm,
    chain: Vec<GroundForm<'a>>,
    fixes: Vec<FixForm<'a>>,
    rejected: Vec<FixForm<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct FixForm<'a> {
    change: &'a str,
    document: Option<&'a str>,
    /// How many pairs it opens besides the one that was asked about.
    opens_others: usize,
    breaks: Vec<String>,
    reachability: Reachability,
    approvals: Vec<Approval>,
}

impl<'a> FixForm<'a> {
    fn of(fix: &'a Fix) -> Self {
        Self {
            change: &fix.sentence,
            document: fix.document(),
            opens_others: fix.others(),
            breaks: fix.breaks().iter().map(ToString::to_string).collect(),
            reachability: Reachability::of(fix.effect(), &|_| None),
            approvals: Approval::all(fix.effect()),
        }
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = WhyForm {
            head: Head::of(Kind::Explanation),
            verdict: "allowed",
            revision: self.subject.revision.value(),
            flow: FlowForm::of(&self.subject),
            way: WayForm::of(&self.way, &self.subject.names),
            chosen: (!self.way.is_direct()).then_some(self.chosen.as_str()),
            chosen_near: self.chosen_near.as_deref(),
            standbys: &self.standbys,
            chain: grounds(&self.chain),
            hops: self.hops.iter().map(HopForm::of).collect(),
        };
        form.serialize(serializer)
    }
}

impl Serialize for WhyNot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = WhyNotForm {
            head: Head::of(Kind::Explanation),
            verdict: "denied",
            revision: self.subject.revision.value(),
            flow: FlowForm::of(&self.subject),
            chain: grounds(&self.chain),
            fixes: self.fixes.iter().map(FixForm::of).collect(),
            rejected: self.rejected.iter().map(FixForm::of).collect(),
        };
        form.serialize(serializer)
    }
}

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Allowed(why) => why.serialize(serializer),
            Self::Denied(why_not) => why_not.serialize(serializer),
        }
    }
}
