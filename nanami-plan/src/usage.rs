//! Evidence of use: whether what is lost was used at all.
//!
//! **Invariant**: what no believed report speaks of is unknown, never unused.

use std::collections::BTreeMap;
use std::time::Duration;

use nanami_model::{Destination, Observed, PeerId, PolicyId, Timestamp};

use crate::base::Base;
use crate::effect::{Effect, Passage};

/// How much something is used, as far as reports say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Flows that are open.
    pub open: u64,
    /// How long ago the last packet was; `None` if there never was one.
    pub last: Option<Duration>,
}

/// What reports say about the use of what is lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    lost: BTreeMap<(PeerId, Destination, Vec<PolicyId>), Used>,
}

impl Evidence {
    pub(crate) fn of(effect: &Effect, base: &Base, observed: &Observed, now: Timestamp) -> Self {
        let find = |passage: &Passage| Some((key(passage), used(passage, base, observed, now)?));
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

/// What the peer at the end, or the gateways before the end, have seen; unknown unless each of them is believed.
fn used(passage: &Passage, base: &Base, observed: &Observed, now: Timestamp) -> Option<Used> {
    let witnesses: Vec<PeerId> = match passage.to {
        Destination::Peer(to) => vec![to],
        _ => {
            let bearer = |id| base.intent()?.get(id).map(nanami_model::Gateway::peer);
            passage.way.gateways().iter().filter_map(|id| bearer(*id)).collect()
        }
    };
    let mut used = Used { open: 0, last: None };
    for witness in witnesses {
        let sighting = observed.believed(witness, now)?;
        let about = |u: &&nanami_model::Usage| passage.policies.contains(&u.policy) && u.from == Some(passage.from);
        for usage in sighting.report.usage.iter().filter(about) {
            let age = usage.last_use_age + now.since(sighting.received);
            used.open += usage.open;
            used.last = Some(used.last.map_or(age, |last| last.min(age)));
        }
    }
    Some(used)
}
