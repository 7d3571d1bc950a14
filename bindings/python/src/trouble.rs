//! What goes wrong, as data: `nanami._errors` makes the exception of it.

use nanami_model::wg_quick::FolderErrors;
use nanami_model::{Coded, DocumentError, DocumentErrors, Problem, Refused, UnknownName};
use pyo3::prelude::*;
use serde::Serialize;

/// An error with everything that an exception of ours carries. Its texts are the command's.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Trouble {
    /// Which class it becomes.
    class: &'static str,
    message: String,
    code: String,
    fault: String,
    retryable: bool,
    remedy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    nearest: Vec<String>,
    /// How many more there are than `parts`.
    left_out: usize,
    parts: Vec<Trouble>,
}

#[derive(Debug, Serialize)]
struct Place {
    file: Option<String>,
    /// `None` in a document that a program made, where lines are nobody's.
    line: Option<usize>,
    column: Option<usize>,
    path: String,
}

/// Which text a document was read from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// A text that somebody wrote.
    Text,
    /// A file of this name.
    File(&'a str),
    /// A text that a program made of objects.
    Objects,
}

impl Trouble {
    /// An error with a code, as `class`.
    pub(crate) fn coded(class: &'static str, error: &impl Coded) -> Self {
        Self::new(class, error.code(), error.to_string(), error.remedy()).said_by(error)
    }

    /// An error of the caller that has its code here.
    pub(crate) fn new(class: &'static str, code: &str, message: String, remedy: impl Into<String>) -> Self {
        let (code, fault, remedy) = (code.to_owned(), "caller".to_owned(), remedy.into());
        Self { class, message, code, fault, remedy, ..Self::default() }
    }

    /// A text that should have been a value, such as a name.
    pub(crate) fn value(what: &str, text: &str, error: &impl Coded) -> Self {
        Self { message: format!("{what} {text:?}: {error}"), ..Self::coded("ValueRefused", error) }
    }

    /// Every mistake of a document.
    pub(crate) fn document(errors: &DocumentErrors, source: Source<'_>) -> Self {
        let n = errors.len() + errors.left_out();
        let mistakes = if n == 1 { "1 mistake".to_owned() } else { format!("{n} mistakes") };
        let (name, listing) = match source {
            Source::File(name) => (name, errors.with_file(name).to_string()),
            Source::Text => ("the document", errors.to_string()),
            Source::Objects => ("the workspace", placeless(errors)),
        };
        Self {
            message: format!("{name} has {mistakes}\n\n{listing}"),
            left_out: errors.left_out(),
            parts: errors.iter().map(|error| Self::in_document(error, source)).collect(),
            ..Self::coded("DocumentErrors", errors)
        }
    }

    fn in_document(error: &DocumentError, source: Source<'_>) -> Self {
        let at = error.place();
        let file = if let Source::File(name) = source { Some(name.to_owned()) } else { None };
        let written = !matches!(source, Source::Objects);
        let (line, column) = (written.then(|| at.line()), written.then(|| at.column()));
        let place = Some(Place { file, line, column, path: at.path().to_owned() });
        Self { place, nearest: near(error.problem()), ..Self::coded("DocumentError", error) }
    }

    /// What says that an error of ours is one.
    pub(crate) fn internal(said: &str) -> Self {
        let message = format!("this is a mistake of nanami's own: {said}");
        let trouble = Self::new("InternalError", "internal", message, "report it, with what was asked for");
        Self { fault: "ours".to_owned(), ..trouble }
    }

    /// The same, said of something.
    pub(crate) fn with_message(self, message: String) -> Self {
        Self { message, ..self }
    }

    fn said_by(self, error: &impl Coded) -> Self {
        Self { fault: error.fault().to_string(), retryable: error.is_retryable(), ..self }
    }

    /// The exception.
    pub(crate) fn raise(&self, py: Python<'_>) -> PyErr {
        let made = || {
            let text = serde_json::to_string(self).map_err(|error| {
                pyo3::exceptions::PyRuntimeError::new_err(format!("could not write an error down: {error}"))
            })?;
            py.import("nanami._errors")?.getattr("made")?.call1((text,))
        };
        made().map_or_else(|error| error, PyErr::from_value)
    }
}

/// The listing of a document that nobody wrote: its places are paths alone.
fn placeless(errors: &DocumentErrors) -> String {
    let told = errors.iter().map(|error| format!("{error} [{}]\n  help: {}", error.code(), error.remedy()));
    let mut lines: Vec<_> = told.collect();
    if errors.left_out() > 0 {
        lines.push(format!("{} more are not listed", errors.left_out()));
    }
    lines.join("\n")
}

fn near(problem: &Problem) -> Vec<String> {
    match problem {
        Problem::UnknownField { nearest, .. } => nearest.iter().map(ToString::to_string).collect(),
        Problem::Dangling { nearest, .. } => nearest.iter().map(ToString::to_string).collect(),
        Problem::Ambiguous { readings, .. } => readings.clone(),
        _ => Vec::new(),
    }
}

impl From<UnknownName> for Trouble {
    fn from(error: UnknownName) -> Self {
        let nearest = error.nearest.iter().map(ToString::to_string).collect();
        Self { nearest, ..Self::coded("UnknownName", &error) }
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        let parts = refused.violations().iter().map(|violation| Self::coded("Violation", violation)).collect();
        Self { parts, ..Self::coded("ChangeRefused", &refused) }
    }
}

impl From<FolderErrors> for Trouble {
    fn from(errors: FolderErrors) -> Self {
        let parts = errors.iter().flat_map(|(file, errors)| {
            errors.iter().map(move |error| {
                let place = Place {
                    file: Some(file.to_owned()),
                    line: Some(error.line()),
                    column: Some(error.column()),
                    path: String::new(),
                };
                Self { place: Some(place), ..Self::coded("DocumentError", error) }
            })
        });
        Self {
            parts: parts.collect(),
            left_out: errors.iter().map(|(_, errors)| errors.left_out()).sum(),
            message: format!("not every file reads\n\n{errors}"),
            ..Self::coded("DocumentErrors", &errors)
        }
    }
}
