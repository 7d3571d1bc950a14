//! Status: how what peers report relates to what is desired of them.

use serde::{Serialize, Serializer};

use super::{Head, Kind, Listed, millis};
use crate::overview::Overview;
use crate::status::Status;

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct OverviewForm<'a> {
    #[serde(flatten)]
    head: Head,
    workspace: &'a str,
    revision: u64,
    at_ms: u64,
    peers: Listed<StatusForm<'a>>,
    reachable: ReachableForm,
    failovers: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ReachableForm {
    direct: usize,
    via_gateway: usize,
    used: usize,
    idle: usize,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct StatusForm<'a> {
    name: &'a str,
    state: String,
    desired: Option<u64>,
    applied: Option<u64>,
    reported_ms: Option<u64>,
    links_up: Option<usize>,
    links: Option<usize>,
    altered: Vec<String>,
    altered_ms: Option<u64>,
}

impl<'a> StatusForm<'a> {
    fn of(status: &'a Status) -> Self {
        Self {
            name: status.name(),
            state: status.state().to_string(),
            desired: status.desired().map(nanami_model::Generation::value),
            applied: status.applied().map(nanami_model::Generation::value),
            reported_ms: status.age().map(millis),
            links_up: status.links().map(|(up, _)| up),
            links: status.links().map(|(_, of)| of),
            altered: status.drift().iter().map(|drift| drift.facet().to_string()).collect(),
            altered_ms: status.drift().iter().map(|drift| millis(drift.since())).max(),
        }
    }
}

impl Serialize for Overview {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reach = self.reachable();
        let form = OverviewForm {
            head: Head::of(Kind::Status),
            workspace: self.workspace.as_str(),
            revision: self.revision.value(),
            at_ms: self.now.as_millis(),
            peers: Listed::of(self.peers.iter(), |(_, status)| StatusForm::of(status)),
            reachable: ReachableForm {
                direct: reach.direct,
                via_gateway: reach.via_gateway,
                used: reach.used,
                idle: reach.idle,
            },
            failovers: &self.failovers,
        };
        form.serialize(serializer)
    }
}
