//! Intent, desired and observed of one instant, owned.

use std::sync::Arc;

use nanami_model::{Intent, Observed, Timestamp};
use nanami_plan::Desired;

use crate::service::{Workspace, distribute::Distribution};

/// A workspace at one instant; immutable. Taking one takes no lock that a request holds.
#[derive(Debug, Clone)]
pub struct Snapshot {
    desired: Desired,
    observed: Observed,
    distribution: Arc<Distribution>,
    at: Timestamp,
}

impl Snapshot {
    pub(crate) fn of(core: &Workspace, at: Timestamp) -> Snapshot {
        Snapshot {
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

    pub(crate) fn distribution(&self) -> &Distribution {
        &self.distribution
    }
}
