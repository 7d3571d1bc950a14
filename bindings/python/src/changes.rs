//! A change set, with the revision that it was made for.

use nanami_model::{ChangeSet, Intent};
use pyo3::prelude::*;

use crate::edge::work;

/// Changes that are made together or not at all.
#[pyclass(frozen, module = "nanami._nanami")]
pub(crate) struct Changes {
    base: Intent,
    pub(crate) set: ChangeSet,
}

impl Changes {
    pub(crate) fn new(base: Intent, set: ChangeSet) -> Self {
        Self { base, set }
    }

    fn with(&self, set: ChangeSet) -> Self {
        Self::new(self.base.clone(), set)
    }
}

#[pymethods]
impl Changes {
    fn __len__(&self) -> usize {
        self.set.iter().len()
    }

    fn sentences(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        work(py, || Ok(self.set.sentences(&self.base)))
    }

    fn reason(&self) -> Option<String> {
        self.set.reason().map(str::to_owned)
    }

    fn with_reason(&self, text: &str) -> Self {
        self.with(self.set.clone().with_reason(text))
    }

    fn danger_allow_mass_removal(&self) -> Self {
        self.with(self.set.clone().danger_allow_mass_removal())
    }
}
