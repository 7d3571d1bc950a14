//! Collecting what is wrong with a document.
//!
//! **Invariant**: nothing stops at an error. A value that cannot be read is reported once and missing afterwards; nodes that
//! hold an error are known as damaged, so that later rules do not complain about what follows from it.

use std::collections::BTreeSet;

use super::error::{DocumentError, Problem};
use super::place::{Place, quoted};
use super::tree::{Fault, Node, Tree, What};

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
}

/// chosen: more mistakes than anybody repairs in one go, few enough to be found and shown at once.
pub(super) const LISTED: usize = 200;
