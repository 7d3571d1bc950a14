//! Evidence of use: whether something that may be reached is used at all.
//!
//! **Invariant**: what no believed report speaks of is unknown, never unused. Reports name the neighbor that packets came from,
//! so what a gateway carries is seen at the gateway, which keeps no flows and so counts none that are open.

use std::collections::BTreeMap;
use std::time::Duration;

use nanami_model::{Destination, Intent, Observed, PeerId, PolicyId, Timestamp};

use crate::base::Base;
use crate::effect::{Effect, Passage};

/// How much something is used, as far as reports say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Flows that are open; `None` where a gateway carries them.
    pub open: Option<u64>,
    /// How long ago the last packet was; `None` if none was seen since the reporting peer started.
    pub last: Option<Duration>,
}

/// What reports say about the use of what is lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    lost: BTreeMap<(PeerId, Destination, Vec<PolicyId>), Used>,
}

impl Evidence {
    pub(crate) fn of(effect: &Effect, base: &Base, observed: &Observed, now: Timestamp) -> Self {
        let find = |passage: &Passage| Some((key(passage), used(passage, base.intent()?, observed, now)?));
        Self { lost: effect.lost().iter().filter_map(find).collect() }
    }

    /// How much something that is lost was used; `None` is unknown.
    pub(crate) fn about(&self, passage: &Passage) -> Option<Used> {
        self.lost.get(&key(passage)).copied()
    }
}

fn key(passage: &Passage) -> (PeerId, Destination, Vec<PolicyId>) {
    (passage.from, passage.to, passage.policies.clone())
}

/// What the gateways on the way, or the peer at the end, have seen. One that saw it used is enough; that it was not used is
/// unknown unless each of them is believed.
pub(crate) fn used(passage: &Passage, intent: &Intent, observed: &Observed, now: Timestamp) -> Option<Used> {
    let carriers = passage.way.gateways().iter().filter_map(|id| Some(intent.get(*id)?.peer())).collect::<Vec<_>>();
    let direct = carriers.is_empty();
    let witnesses = match passage.to {
        Destination::Peer(to) if direct => vec![to],
        _ => carriers,
    };
    let mut used = Used { open: direct.then_some(0), last: None };
    let sightings: Vec<_> = witnesses.iter().filter_map(|id| observed.believed(*id, now)).collect();
    for sighting in &sightings {
        for usage in crate::view::about(&sighting.report.usage, &passage.policies, passage.from) {
            let age = usage.last_use_age + now.since(sighting.received);
            used.open = used.open.map(|open| open + usage.open);
            used.last = Some(used.last.map_or(age, |last| last.min(age)));
        }
    }
    (used.last.is_some() || sightings.len() == witnesses.len()).then_some(used)
}
