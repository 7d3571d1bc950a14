//! Intent, desired and observed of one instant, owned.

use std::{collections::BTreeMap, sync::Arc};

use nanami_model::{Generation, Intent, Observed, PeerId, Recording, Timestamp};
use nanami_plan::{Desired, View};

use crate::service::{Workspace, distribute::Distribution};

/// A workspace at one instant; immutable. Taking one takes no lock that a request holds.
#[derive(Debug, Clone)]
pub struct Snapshot {
    desired: Desired,
    observed: Observed,
    distribution: Arc<Distribution>,
    generations: BTreeMap<PeerId, Generation>,
    at: Timestamp,
}

impl Snapshot {
    pub(crate) fn of(core: &Workspace, at: Timestamp) -> Snapshot {
        Snapshot {
            generations: core.distribution().generations().collect(),
            desired: core.desired().clone(),
            observed: core.observed().clone(),
            distribution: Arc::clone(core.distribution()),
            at,
        }
    }

    /// What people asked for.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        self.desired.intent()
    }

    /// What follows from it.
    #[must_use]
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What was last reported.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// When the last change or report came.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Desired beside observed, as of `now`: what explain, reach, status and the board look at.
    #[must_use]
    pub fn view(&self, now: Timestamp) -> View<'_> {
        self.desired.beside(&self.observed, now).with_generations(&self.generations)
    }

    /// The workspace as of `now`, to be kept and read elsewhere: by the `nanami` command, in a script, in a report of a fault.
    #[must_use]
    pub fn record(&self, now: Timestamp) -> Recording {
        let selection = serde_json::to_string(self.desired.selection());
        let selection = selection.expect("a selection holds ids, numbers and lists only");
        Recording::new(self.intent(), &self.observed, self.generations.clone(), now).with_selection(selection)
    }

    pub(crate) fn distribution(&self) -> &Distribution {
        &self.distribution
    }
}
