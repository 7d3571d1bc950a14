//! Answers: what a verb found out, in the form that was asked for, with its exit code.

use std::fmt::Display;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::args::Form;
use crate::failure::Failure;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing to do, or done; the answer is yes.
    Yes = 0,
    /// There are changes, or the answer is no.
    No = 2,
    /// Refused: an assertion does not hold.
    Refused = 3,
}

impl Exit {
    /// `Yes` if that is so.
    pub(crate) fn yes_if(so: bool) -> Self {
        if so { Self::Yes } else { Self::No }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    exit: Exit,
}

impl Answer {
    /// A result in the form that was asked for.
    pub(crate) fn of<T: Display + Serialize>(result: &T, form: &Form, exit: Exit) -> Result<Self, Failure> {
        let text = match form {
            Form { json: true, .. } => {
                let text = serde_json::to_string_pretty(result);
                text.map_err(|error| Failure::new(format!("could not write JSON: {error}")))?
            }
            Form { markdown: true, all, .. } => nanami::plan::markdown(&shown(result, *all)),
            Form { all, .. } => shown(result, *all),
        };
        Ok(Self { text, exit })
    }

    /// A text that has one form only, such as a document.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), exit: Exit::Yes }
    }

    /// Prints the answer. Whoever closes the pipe early has seen enough.
    pub(crate) fn print(&self) -> io::Result<Exit> {
        let mut out = io::stdout().lock();
        let newline = if self.text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{}{newline}", self.text).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(self.exit),
        }
    }
}

fn shown(result: &impl Display, all: bool) -> String {
    if all { format!("{result:#}") } else { result.to_string() }
}
