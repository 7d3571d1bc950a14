//! The edge between the languages: work leaves Python's lock, errors become exceptions, and a panic stops here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use crate::trouble::Trouble;

/// Does work without Python's lock. What goes wrong in it becomes an exception of `nanami`; a panic too, as `InternalError`.
pub(crate) fn work<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Trouble> + Send) -> PyResult<T> {
    // Nothing that a panic left half-done is seen again: handles are immutable, and what is computed once is set or not.
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(done) => done.map_err(|trouble| trouble.raise(py)),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Trouble::internal(said.unwrap_or("it said nothing")).raise(py))
        }
    }
}

/// Panics inside, so that the tests can see what becomes of that.
#[pyfunction]
#[pyo3(name = "_panics")]
pub(crate) fn panics(py: Python<'_>, message: String) -> PyResult<()> {
    work(py, || panic!("{message}"))
}
