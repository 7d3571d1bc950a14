//! Which change of a row of workspaces broke a flow, or opened it.

use nanami_plan::{BisectError, Named};
use pyo3::prelude::*;

use crate::answer::Answer;
use crate::core::Core;
use crate::edge::work;
use crate::trouble::Trouble;

/// Asks workspaces, the oldest first, each with what it is called.
#[pyfunction]
pub(crate) fn bisect(
    py: Python<'_>,
    from: &str,
    to: &str,
    service: &str,
    documents: Vec<(String, Py<Core>)>,
) -> PyResult<Answer> {
    let documents: Vec<_> = documents.iter().map(|(name, core)| (name.clone(), core.get().intent().clone())).collect();
    work(py, || {
        let service = service
            .parse()
            .map_err(|error: nanami_model::ParseServiceError| Trouble::value("service", service, &error))?;
        let found = nanami_plan::bisect(Named { from, to, service }, documents).map_err(|error| match error {
            BisectError::UnknownName(unknown) => unknown.into(),
            BisectError::CannotFollow { document, refused } => {
                let message = format!("{document} cannot follow: {refused}");
                Trouble::from(refused).with_message(message)
            }
            other => Trouble::internal(&other.to_string()),
        })?;
        Ok(Answer::of(found))
    })
}
