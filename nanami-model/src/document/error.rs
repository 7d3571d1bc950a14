//! What is wrong with a document: every mistake at once, each with its place and its remedy.

use std::fmt;

use super::place::{Place, quoted};
use crate::name::Name;
use crate::refused::Violation;

/// Everything that is wrong with a document, in document order; never empty.
///
/// It prints as one block for each error; [`with_file`](Self::with_file) puts a file name in front of each place.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentErrors {
    errors: Vec<DocumentError>,
    left_out: usize,
}

impl DocumentErrors {
    pub(super) fn new(errors: Vec<DocumentError>, left_out: usize) -> Self {
        Self { errors, left_out }
    }

    /// The errors, in document order.
    pub fn iter(&self) -> std::slice::Iter<'_, DocumentError> {
        self.errors.iter()
    }

    /// How many errors there are, without those that were left out.
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// How many more were found: a document with very many mistakes has only the first ones listed.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The same text with a file name in front of each place, as editors and terminals understand it.
    pub fn with_file<'a>(&'a self, name: &'a str) -> impl fmt::Display + 'a {
        Listing { errors: self, file: Some(name) }
    }
}

crate::coded! { list DocumentErrors: |errors| errors.errors.iter() }

impl<'a> IntoIterator for &'a DocumentErrors {
    type Item = &'a DocumentError;
    type IntoIter = std::slice::Iter<'a, DocumentError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for DocumentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listing { errors: self, file: None }.fmt(f)
    }
}

impl std::error::Error for DocumentErrors {}

struct Listing<'a> {
    errors: &'a DocumentErrors,
    file: Option<&'a str>,
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            let (file, colon) = self.file.map_or(("", ""), |file| (file, ":"));
            let (place, code, remedy) = (error.place(), error.code(), error.remedy());
            write!(f, "{newline}{file}{colon}{place}: {error} [{code}]\n  help: {remedy}")?;
        }
        match self.errors.left_out {
            0 => Ok(()),
            n => write!(f, "\n{n} more are not listed"),
        }
    }
}

/// One mistake in a document.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentError {
    place: Place,
    problem: Problem,
}

impl DocumentError {
    pub(super) fn new(place: Place, problem: Problem) -> Self {
        Self { place, problem }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

crate::coded! { DocumentError: Caller;
    Self { problem, .. } => (of problem);
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.path() {
            "" => self.problem.fmt(f),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

impl std::error::Error for DocumentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

/// What can be wrong at one place of a document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text breaks the syntax of its format here.
    #[error("this is not {format}: {message}")]
    Syntax {
        /// The format: TOML or JSON.
        format: &'static str,
        /// What the parser says.
        message: String,
    },
    /// The document is longer than any that is read.
    #[error("the document has {found} bytes, more than the {limit} that are read")]
    TooLarge {
        /// How many bytes it has.
        found: usize,
        /// How many are read at most.
        limit: usize,
        /// What to do about it.
        remedy: &'static str,
    },
    /// No such field exists here.
    #[error("{parent} has no field {}", quoted(field))]
    UnknownField {
        /// What the field stands in, with its article: `a peer`.
        parent: &'static str,
        /// The field.
        field: String,
        /// The fields that are most like it; at most three.
        nearest: Vec<&'static str>,
    },
    /// The field is part of the syntax, but nothing enforces it yet.
    #[error("{what} is not supported yet")]
    Unsupported {
        /// The field.
        what: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The field would carry what no document ever has: a secret, or what only a live workspace knows.
    #[error("a document never carries {what}")]
    Never {
        /// What it would carry.
        what: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A field is not there that has to be.
    #[error("{parent} needs {field}")]
    Missing {
        /// What the field is missing in, with its article.
        parent: &'static str,
        /// The field, or the alternatives.
        field: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// The value is of another type than the field.
    #[error("expected {wanted}, found {found}")]
    WrongType {
        /// What belongs here.
        wanted: String,
        /// What is here.
        found: &'static str,
    },
    /// A list is empty that has to name something.
    #[error("the list is empty")]
    Empty,
    /// A list has more elements than are read.
    #[error("the list has more than {limit} elements")]
    TooMany {
        /// How many are read at most.
        limit: usize,
    },
    /// A name is nobody's.
    #[error("there is no {kind} {}", quoted(name))]
    Dangling {
        /// The kind or kinds that were looked for.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names that are most like it; at most three.
        nearest: Vec<Name>,
    },
    /// A name is borne by objects of several kinds.
    #[error("{name} may mean {}", readings.join(" or "))]
    Ambiguous {
        /// The name.
        name: Name,
        /// The ways to write each of the meanings.
        readings: Vec<String>,
    },
    /// Something stands there twice.
    #[error("{what} stands twice{}", first_line(*first))]
    Duplicate {
        /// What stands there again.
        what: String,
        /// The line in which it stands first, if that is known.
        first: Option<usize>,
    },
    /// A value breaks the rules of its type.
    #[error("{} is no {kind}: {reason}", quoted(text))]
    Value {
        /// What the value should be.
        kind: &'static str,
        /// The value.
        text: String,
        /// Which rule it breaks.
        reason: String,
        /// The stable code of the type's own error.
        code: &'static str,
        /// What to write instead.
        remedy: String,
    },
    /// Two fields exclude each other.
    #[error("{why}")]
    Contradiction {
        /// What excludes what.
        why: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The objects break a rule together.
    #[error("{}", without_subject(.0))]
    Rule(Violation),
}

crate::coded! { Problem: Caller, also "document.overlap" "value.instant" "value.side";
    Self::Syntax { .. } => ("document.syntax", "correct it; what is behind it may not have been read");
    Self::TooLarge { remedy, .. } => ("document.too_large", *remedy);
    Self::UnknownField { nearest, .. } => ("document.unknown_field", suggestion(nearest, "remove it"));
    Self::Unsupported { remedy, .. } => ("document.unsupported", *remedy);
    Self::Never { remedy, .. } => ("document.never", *remedy);
    Self::Missing { example, .. } => ("document.missing", format!("write {example}"));
    Self::WrongType { wanted, .. } => ("document.wrong_type", format!("write {wanted}"));
    Self::Empty => ("document.empty", "name at least one");
    Self::TooMany { limit } => ("document.too_many", format!("write at most {limit}, wider ones"));
    Self::Dangling { nearest, kind, .. } => ("document.dangling", suggestion(nearest, &format!("declare the {kind}")));
    Self::Ambiguous { readings, .. } => ("document.ambiguous", format!("write {}", readings.join(" or ")));
    Self::Duplicate { .. } => ("document.duplicate", "remove one, or give it another name");
    Self::Value { code, remedy, .. } => (as code, remedy.as_str());
    Self::Contradiction { remedy, .. } => ("document.contradiction", *remedy);
    Self::Rule(violation) => (as code_of(violation), violation.remedy());
}

/// What a document can break by its own text has the document's codes.
fn code_of(violation: &Violation) -> &'static str {
    match violation {
        Violation::Overlap { .. } => "document.overlap",
        Violation::DuplicateName { .. } | Violation::DuplicateKey { .. } | Violation::DuplicateAddress { .. } => {
            "document.duplicate"
        }
        Violation::Dangling { .. } => "document.dangling",
        other => other.code(),
    }
}

/// The near names as a question, then the other thing that one may want.
fn suggestion(nearest: &[impl fmt::Display], otherwise: &str) -> String {
    match nearest {
        [] => otherwise.to_owned(),
        [first, rest @ ..] => {
            let names = rest.iter().fold(format!("did you mean {first}"), |text, name| format!("{text} or {name}"));
            format!("{names}? if not, {otherwise}")
        }
    }
}

/// The place names the subject already.
fn without_subject(violation: &Violation) -> String {
    match violation {
        Violation::Contradiction { why, .. } => why.clone(),
        Violation::Overlap { pool, other, other_pool, .. } => format!("pool {pool} overlaps {other_pool} of {other}"),
        other => other.to_string(),
    }
}

fn first_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", first in line {line}"))
}
