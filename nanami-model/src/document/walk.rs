//! Reading typed values off the tree, and collecting what is wrong on the way.
//!
//! **Invariant**: nothing stops at an error. A value that cannot be read is reported once and missing afterwards; nodes that
//! hold an error are known as damaged, so that later rules do not complain about what follows from it.

use std::collections::BTreeSet;

use super::error::{DocumentError, Problem};
use super::place::{Place, quoted};
use super::tree::{Fault, Node, Tree, Value, What};
use super::value::Written;
use crate::near::nearest;

/// Collects errors, in any order.
pub(super) struct Walker {
    errors: Vec<(usize, DocumentError)>,
    left_out: usize,
    damaged: BTreeSet<u32>,
    /// Bytes at which the text cannot be read: what was made up there is not complained about again.
    broken: BTreeSet<usize>,
}

/// Where inside a node an error is shown.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Key,
    Value,
}

impl Walker {
    pub(super) fn new(tree: &Tree<'_>, format: &'static str, faults: Vec<Fault>, left_out: usize) -> Self {
        let mut walker = Self { errors: Vec::new(), left_out, damaged: BTreeSet::new(), broken: BTreeSet::new() };
        let mut told = BTreeSet::new();
        for Fault { at, value_at, what } in faults {
            walker.broken.extend([at, value_at]);
            let problem = match what {
                What::Syntax(message) if told.insert(at) => Problem::Syntax { format, message },
                What::Syntax(_) => continue,
                What::Duplicate { key, first } => Problem::Duplicate {
                    what: key.map_or_else(|| "this key".to_owned(), |key| quoted(&key)),
                    first: first.map(|first| tree.place(first).line()),
                },
            };
            walker.push(at, || tree.place(at), problem);
        }
        walker
    }

    /// Whether parts of the text could not be read, so that what seems missing may only be unread.
    pub(super) fn is_incomplete(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Whether the node, or something in it, has an error.
    pub(super) fn is_damaged(&self, node: Node<'_>) -> bool {
        self.damaged.range(node.part()).next().is_some()
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// The errors in document order, and how many more there were.
    pub(super) fn finish(mut self) -> (Vec<DocumentError>, usize) {
        self.errors.sort_by_key(|(at, _)| *at);
        (self.errors.into_iter().map(|(_, error)| error).collect(), self.left_out)
    }

    pub(super) fn report(&mut self, node: Node<'_>, part: Part, problem: Problem) {
        let at = match part {
            Part::Key => node.key_at(),
            Part::Value => node.value_at(),
        };
        self.damaged.insert(node.index());
        if !self.broken.contains(&at) {
            self.push(at, || node.place(at), problem);
        }
    }

    fn push(&mut self, at: usize, place: impl FnOnce() -> Place, problem: Problem) {
        match self.errors.len() < LISTED {
            true => self.errors.push((at, DocumentError::new(place(), problem))),
            false => self.left_out += 1,
        }
    }

    fn wrong_type(&mut self, node: Node<'_>, wanted: &'static str) {
        let found = match node.value() {
            Value::Text(_) => "a text",
            Value::Number(_) => "another number",
            Value::Fraction => "a fraction",
            Value::Flag(_) => "true or false",
            Value::Date => "a date",
            Value::Null => "null",
            Value::List => "a list",
            Value::Table => "a table",
        };
        self.report(node, Part::Value, Problem::WrongType { wanted, found });
    }

    /// The fields of a table; `parent` names what it is in messages, with its article.
    pub(super) fn fields<'t>(&mut self, node: Node<'t>, parent: &'static str) -> Option<Fields<'t>> {
        match node.value() {
            Value::Table => Some(Fields { node, parent, known: Vec::new() }),
            _ => {
                self.wrong_type(node, "a table in braces");
                None
            }
        }
    }

    pub(super) fn text<'t>(&mut self, node: Node<'t>) -> Option<&'t str> {
        match node.value() {
            Value::Text(text) => Some(text),
            _ => {
                self.wrong_type(node, "a text in quotes");
                None
            }
        }
    }

    pub(super) fn flag(&mut self, node: Node<'_>) -> Option<bool> {
        match node.value() {
            Value::Flag(flag) => Some(flag),
            _ => {
                self.wrong_type(node, "true or false");
                None
            }
        }
    }

    /// A number from 1 to 255.
    pub(super) fn count(&mut self, node: Node<'_>) -> Option<u8> {
        let count = match node.value() {
            Value::Number(Some(number)) => u8::try_from(number).ok().filter(|number| *number > 0),
            _ => None,
        };
        if count.is_none() {
            self.wrong_type(node, "a number from 1 to 255");
        }
        count
    }

    pub(super) fn list<'t>(&mut self, node: Node<'t>) -> Vec<Node<'t>> {
        match node.value() {
            Value::List => node.children().collect(),
            _ => {
                self.wrong_type(node, "a list in brackets");
                Vec::new()
            }
        }
    }

    /// A list that names something.
    pub(super) fn filled_list<'t>(&mut self, node: Node<'t>) -> Vec<Node<'t>> {
        if matches!(node.value(), Value::List) && node.children().next().is_none() {
            self.report(node, Part::Value, Problem::Empty);
        }
        self.list(node)
    }

    /// A value that is written as a text.
    pub(super) fn parse<T: Written>(&mut self, node: Node<'_>) -> Option<T> {
        let text = self.text(node)?;
        self.parse_text(node, Part::Value, text)
    }

    /// The values of a list, without those that cannot be read.
    pub(super) fn parse_list<T: Written>(&mut self, node: Node<'_>) -> Vec<T> {
        self.filled_list(node).into_iter().filter_map(|element| self.parse(element)).collect()
    }

    pub(super) fn parse_text<T: Written>(&mut self, node: Node<'_>, part: Part, text: &str) -> Option<T> {
        match text.parse::<T>() {
            Ok(value) => Some(value),
            Err(error) => {
                let (code, remedy) = T::explain(&error, text);
                let (text, reason) = (text.chars().take(LONGEST_VALUE).collect(), error.to_string());
                self.report(node, part, Problem::Value { kind: T::KIND, text, reason, code, remedy });
                None
            }
        }
    }
}

/// The fields of a table while they are read; what nobody asked for by the end is unknown.
pub(super) struct Fields<'t> {
    node: Node<'t>,
    parent: &'static str,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The fields of what is no table, and reported as that.
    pub(super) fn none(node: Node<'t>) -> Self {
        Self { node, parent: "", known: Vec::new() }
    }

    pub(super) fn node(&self) -> Node<'t> {
        self.node
    }

    pub(super) fn get(&mut self, field: &'static str) -> Option<Node<'t>> {
        self.known.push(field);
        self.node.get(field)
    }

    pub(super) fn need(&mut self, walker: &mut Walker, field: &'static str, example: &'static str) -> Option<Node<'t>> {
        let found = self.get(field);
        if found.is_none() && matches!(self.node.value(), Value::Table) {
            walker.report(self.node, Part::Key, Problem::Missing { parent: self.parent, field, example });
        }
        found
    }

    /// Reports every field that was not asked for. Those of `later` are part of the syntax that nothing enforces yet.
    pub(super) fn finish(self, walker: &mut Walker, later: &[&'static str]) {
        for child in self.node.children().filter(|child| !self.known.contains(&child.key())) {
            let problem = match later.contains(&child.key()) {
                true => Problem::Unsupported { what: child.key().to_owned() },
                false => Problem::UnknownField {
                    parent: self.parent,
                    field: child.key().chars().take(LONGEST_VALUE).collect(),
                    nearest: self.near(child.key()),
                },
            };
            walker.report(child, Part::Key, problem);
        }
    }

    fn near(&self, field: &str) -> Vec<&'static str> {
        nearest(field, self.known.iter().copied())
    }
}

/// chosen: more mistakes than anybody repairs in one go, few enough to be found and shown at once.
pub(super) const LISTED: usize = 200;
/// chosen: messages quote less than this.
const LONGEST_VALUE: usize = 80;
