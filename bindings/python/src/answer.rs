//! An answer: a result of the planner, as text and as JSON, and the few other results that can be had of it.

use std::fmt::Display;

use nanami_model::ChangeSet;
use nanami_plan::{Comparison, Effect, Explanation, Plan};
use pyo3::prelude::*;
use serde::Serialize;

use crate::changes::Changes;
use crate::edge::work;
use crate::trouble::Trouble;

/// A result that the command prints.
pub(crate) trait Said: Send + Sync {
    fn text(&self, all: bool) -> String;
    fn json(&self) -> Result<String, Trouble>;
}

impl<T: Display + Serialize + Send + Sync> Said for T {
    fn text(&self, all: bool) -> String {
        if all { format!("{self:#}") } else { self.to_string() }
    }

    fn json(&self) -> Result<String, Trouble> {
        serde_json::to_string(self).map_err(|error| Trouble::internal(&error.to_string()))
    }
}

/// Why a change set belongs to an answer.
pub(crate) struct Repair {
    pub(crate) base: nanami_model::Intent,
    pub(crate) fixes: Vec<ChangeSet>,
    pub(crate) rejected: Vec<ChangeSet>,
}

/// A result of the planner.
#[pyclass(frozen, module = "nanami._nanami")]
pub(crate) struct Answer {
    said: Box<dyn Said>,
    effect: Option<Effect>,
    /// Whether nothing is to be done; `None` where that is no question.
    empty: Option<bool>,
    repair: Option<Repair>,
}

impl Answer {
    pub(crate) fn of(said: impl Display + Serialize + Send + Sync + 'static) -> Self {
        Self { said: Box::new(said), effect: None, empty: None, repair: None }
    }

    pub(crate) fn plan(plan: Plan) -> Self {
        let (effect, empty) = (Some(plan.effect().clone()), Some(plan.is_empty()));
        Self { effect, empty, ..Self::of(plan) }
    }

    pub(crate) fn comparison(comparison: Comparison) -> Self {
        let (effect, empty) = (Some(comparison.effect().clone()), Some(comparison.is_empty()));
        Self { effect, empty, ..Self::of(comparison) }
    }

    pub(crate) fn explanation(base: &nanami_model::Intent, explanation: Explanation) -> Self {
        let repair = match &explanation {
            Explanation::Allowed(_) => None,
            Explanation::Denied(why_not) => {
                let changes = |fixes: &[nanami_plan::Fix]| fixes.iter().map(|fix| fix.changes().clone()).collect();
                let (fixes, rejected) = (changes(why_not.fixes()), changes(why_not.rejected()));
                Some(Repair { base: base.clone(), fixes, rejected })
            }
        };
        Self { repair, ..Self::of(explanation) }
    }
}

#[pymethods]
impl Answer {
    fn text(&self, py: Python<'_>, all: bool) -> PyResult<String> {
        work(py, || Ok(self.said.text(all)))
    }

    fn markdown(&self, py: Python<'_>, all: bool) -> PyResult<String> {
        work(py, || Ok(nanami_plan::markdown(&self.said.text(all))))
    }

    fn json(&self, py: Python<'_>) -> PyResult<String> {
        work(py, || self.said.json())
    }

    fn effect(&self) -> Option<Self> {
        self.effect.clone().map(Self::of)
    }

    fn empty(&self) -> Option<bool> {
        self.empty
    }

    fn fixes(&self) -> Vec<Changes> {
        self.repair.as_ref().map(|it| it.made(&it.fixes)).unwrap_or_default()
    }

    fn rejected(&self) -> Vec<Changes> {
        self.repair.as_ref().map(|it| it.made(&it.rejected)).unwrap_or_default()
    }
}

impl Repair {
    fn made(&self, sets: &[ChangeSet]) -> Vec<Changes> {
        sets.iter().map(|set| Changes::new(self.base.clone(), set.clone())).collect()
    }
}
