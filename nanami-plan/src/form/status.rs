//! Status: how what peers report relates to what is desired of them.

use serde::{Serialize, Serializer};

use super::notice::NoticeForm;
use super::{Head, Kind, LISTED, Listed, millis};
use crate::diff::DiffEntry;
use crate::drift::{Drift, DriftEntry};
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
    /// What is legal and still suspicious, also by what is reported.
    notices: Listed<NoticeForm>,
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
    /// What was altered, entry by entry, as far as the peer names it.
    entries: Listed<DriftForm>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct DriftForm {
    peer: String,
    /// The part of the map.
    part: String,
    /// `missing`, `altered` or `foreign`.
    how: &'static str,
    entry: String,
    is: Option<String>,
    should_be: Option<String>,
    /// When it was first seen, in milliseconds since 1970.
    seen_at_ms: u64,
    /// When the map was applied that it differs from; `null` if the peer does not say.
    applied_at_ms: Option<u64>,
    text: String,
}

impl DriftForm {
    /// Every entry of these, with the true number of them, to which a peer may add some that it only counts.
    pub(super) fn list(drift: &[Drift], unlisted: u64) -> Listed<Self> {
        let entries = drift.iter().flat_map(|drift| drift.entries().iter().map(move |entry| (drift, entry)));
        let form = |(drift, entry): (&Drift, &DriftEntry)| {
            let DiffEntry { observed, desired, .. } = entry.difference();
            Self {
                peer: drift.peer().name().map_or_else(|| drift.peer().to_string(), ToString::to_string),
                part: drift.facet().to_string(),
                how: entry.word(),
                entry: entry.difference().entry.clone(),
                is: observed.clone(),
                should_be: desired.clone(),
                seen_at_ms: entry.seen().as_millis(),
                applied_at_ms: entry.applied().map(nanami_model::Timestamp::as_millis),
                text: entry.to_string(),
            }
        };
        let entries: Vec<_> = entries.collect();
        let count = entries.len().saturating_add(usize::try_from(unlisted).unwrap_or(usize::MAX));
        Listed { count, first: entries.into_iter().take(LISTED).map(form).collect() }
    }
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
            entries: DriftForm::list(status.drift(), status.unlisted()),
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
            notices: NoticeForm::list(&self.notices),
        };
        form.serialize(serializer)
    }
}
