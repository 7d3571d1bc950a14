//! Why the command could not answer: what is wrong, where, and what to do.

use std::fmt;
use std::path::Path;

/// An error as people read it, already complete: the thing, the place and the remedy. It ends the command with exit code 1.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    remedy: Option<String>,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), remedy: None }
    }

    /// Says what to do about it.
    pub(crate) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(format!("could not {doing} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.text)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  help: {remedy}"),
            None => Ok(()),
        }
    }
}

impl From<nanami::model::UnknownName> for Failure {
    fn from(error: nanami::model::UnknownName) -> Self {
        Self::new(error.to_string())
    }
}
