//! The native half of the Python package `nanami`: model and plan behind three handles.
//!
//! **Invariants**: no panic and no stack of ours crosses into Python (`edge.rs`); whatever takes long runs without Python's lock;
//! an answer leaves as the text that the command prints and as the JSON that it prints, and the Python half (`python/nanami/`)
//! turns that JSON into typed, frozen objects. What a method is for stands there, beside its types.
#![expect(clippy::result_large_err, reason = "an error is moved twice and becomes an exception, which costs far more")]

mod answer;
mod bisect;
mod changes;
mod core;
mod edge;
mod import;
mod trouble;

/// The module `nanami._nanami`.
#[pyo3::pymodule]
mod _nanami {
    #[pymodule_export]
    use super::answer::Answer;
    #[pymodule_export]
    use super::bisect::bisect;
    #[pymodule_export]
    use super::changes::Changes;
    #[pymodule_export]
    use super::core::Core;
    #[pymodule_export]
    use super::edge::panics;
    #[pymodule_export]
    use super::import::import_wg_quick;
}
