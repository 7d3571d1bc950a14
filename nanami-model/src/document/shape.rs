//! How the fields of a document are described: what a value may be, for the pass that checks it and for the JSON Schema.
//!
//! **Invariant**: a shape speaks of one value alone. What depends on other objects (a reference, a rule) is not in it, so that
//! a text has the right structure exactly when its shape says so.

use super::error::Problem;
use super::value::{Written, explained};

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// A text of a type of its own.
    Text(Text),
    /// A text that the other objects of the document give a meaning: a name, or a side of a policy.
    Reference,
    /// Any text.
    Prose,
    Flag,
    /// Nothing but `true`: whoever does not mean it leaves it out.
    True,
    /// A whole number.
    Number {
        least: u64,
        most: u64,
    },
    /// A list of at least and at most so many.
    List {
        of: &'static Shape,
        least: usize,
        most: usize,
    },
    Record(&'static Record),
    /// A table whose keys somebody chose: names, or, without a type, references.
    Entries {
        keys: Option<Text>,
        of: &'static Shape,
    },
    /// One of several kinds of values, none of two kinds of them; `wanted` says which, in messages.
    Either {
        wanted: &'static str,
        of: &'static [Shape],
    },
}

/// A type that is written as a text.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) check: fn(&str) -> Option<Problem>,
    /// All texts there are, if they are few.
    pub(super) words: &'static [&'static str],
    /// A regular expression that every text of the type matches.
    pub(super) pattern: Option<&'static str>,
    /// The name of the type where the expression matches other texts too.
    pub(super) format: Option<&'static str>,
}

impl Text {
    pub(super) const fn of<T: Written>() -> Self {
        Self { check: problem_of::<T>, words: T::WORDS, pattern: T::PATTERN, format: T::FORMAT }
    }
}

fn problem_of<T: Written>(text: &str) -> Option<Problem> {
    text.parse::<T>().err().map(|error| explained::<T>(&error, text))
}

/// chosen: messages quote less than this.
pub(super) const LONGEST_VALUE: usize = 80;

/// A table with fields that are known by name.
pub(super) struct Record {
    /// What it is, with its article, in messages.
    pub(super) what: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
    /// Fields of what nothing enforces yet, and what to do instead.
    pub(super) later: &'static [(&'static str, &'static str)],
    /// Fields that no document ever has: each with what it would carry, and what to do about it.
    pub(super) never: &'static [(&'static str, &'static str, &'static str)],
    pub(super) choices: &'static [Choice],
    pub(super) exclusions: &'static [Exclusion],
}

/// A record with fields, and nothing else.
pub(super) const PLAIN: Record =
    Record { what: "", about: "", fields: &[], later: &[], never: &[], choices: &[], exclusions: &[] };

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// How it is written, if it has to be there.
    pub(super) need: Option<&'static str>,
    pub(super) about: &'static str,
}

/// Fields of which exactly one is there.
pub(super) struct Choice {
    pub(super) of: &'static [&'static str],
    /// What is missing if none is there, and how it is written.
    pub(super) field: &'static str,
    pub(super) example: &'static str,
    /// What is wrong if several are there, and what to do.
    pub(super) why: &'static str,
    pub(super) remedy: &'static str,
}

/// A field beside which others make no sense.
pub(super) struct Exclusion {
    pub(super) field: &'static str,
    pub(super) others: &'static [&'static str],
    pub(super) why: &'static str,
    pub(super) remedy: &'static str,
}

impl Record {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Shape {
    pub(super) fn is_number(&self) -> bool {
        match self {
            Self::Number { .. } => true,
            Self::Either { of, .. } => of.iter().any(Self::is_number),
            _ => false,
        }
    }

    /// What belongs there, in messages.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Text(_) | Self::Reference | Self::Prose => "a text in quotes".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::True => "true".to_owned(),
            Self::Number { least, most } if *most == u64::MAX => format!("a number from {least} on"),
            Self::Number { least, most } => format!("a number from {least} to {most}"),
            Self::List { .. } => "a list in brackets".to_owned(),
            Self::Record(_) | Self::Entries { .. } => "a table in braces".to_owned(),
            Self::Either { wanted, .. } => (*wanted).to_owned(),
        }
    }
}
