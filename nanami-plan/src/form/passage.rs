//! Passages: who reaches what, by which services, which way, by which policies.

use nanami_model::Destination;
use serde::Serialize;

use super::{LISTED, Listed, millis};
use crate::effect::{Disturbance, Flows, Passage};
use crate::names::Names;
use crate::paths::Way;
use crate::usage::Used;

/// What is reached.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct End {
    kind: &'static str,
    name: String,
}

impl End {
    pub(super) fn of(to: Destination, names: &Names) -> Self {
        let kind = match to {
            Destination::Peer(_) => "peer",
            Destination::Route(_) => "route",
            Destination::Address(_) => "address",
        };
        Self { kind, name: names.destination(to) }
    }
}

/// Which way packets go.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct WayForm {
    /// `direct`, `gateway` or `none`.
    path: &'static str,
    /// The gateway before those, which hands on to them; left out unless two gateways are on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    near: Option<String>,
    /// The gateways, the one in use first.
    gateways: Vec<String>,
}

impl WayForm {
    pub(super) fn of(way: &Way, names: &Names) -> Self {
        let path = match () {
            () if way.is_nowhere() => "none",
            () if way.is_direct() => "direct",
            () => "gateway",
        };
        let near = way.near().map(|id| names.of(id));
        Self { path, near, gateways: way.gateways().iter().map(|id| names.of(*id)).collect() }
    }
}

/// How much something was used.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct UsedForm {
    open_flows: Option<u64>,
    last_used_ms: Option<u64>,
}

impl From<Used> for UsedForm {
    fn from(used: Used) -> Self {
        Self { open_flows: used.open, last_used_ms: used.last.map(millis) }
    }
}

/// One passage.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct PassageForm {
    from: String,
    to: End,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    services: Vec<String>,
    way: WayForm,
    policies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    way_before: Option<WayForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disturbed_by: Option<String>,
    /// `null` is unknown.
    usage: Option<UsedForm>,
}

impl PassageForm {
    pub(super) fn of(passage: &Passage, names: &Names, used: Option<Used>) -> Self {
        Self {
            from: names.of(passage.from),
            to: End::of(passage.to, names),
            part: passage.part.map(|part| part.to_string()),
            services: passage.services.iter().map(ToString::to_string).collect(),
            way: WayForm::of(&passage.way, names),
            policies: passage.policies.iter().map(|id| names.of(*id)).collect(),
            way_before: passage.before.as_ref().map(|way| WayForm::of(way, names)),
            disturbed_by: passage.disturbance.map(|why| disturbance(why, names)),
            usage: used.map(UsedForm::from),
        }
    }

    /// Some passages of an effect, in their order.
    pub(super) fn list(flows: Flows<'_>, names: &Names, used: &dyn Fn(&Passage) -> Option<Used>) -> Listed<Self> {
        let first = flows.first(LISTED).iter().map(|passage| Self::of(passage, names, used(passage))).collect();
        Listed { count: flows.count(), first }
    }
}

fn disturbance(why: Disturbance, names: &Names) -> String {
    match why {
        Disturbance::Moves => "its gateway changes".to_owned(),
        Disturbance::Renumbered(peer) => format!("{} has other addresses", names.of(peer)),
        Disturbance::Rekeyed(peer) => format!("{} has another key", names.of(peer)),
    }
}
