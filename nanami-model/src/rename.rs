//! Renames: what a document says about names that changed, so that an object keeps its identity under a new one.
//!
//! **Invariant**: a change set that renames says so, and is made only if the old name was somebody's and the new one nobody's:
//! a misspelt old name never ends in one object gone and another one new.

use serde::{Deserialize, Serialize};

use crate::change::ChangeSet;
use crate::intent::{Intent, Tables};
use crate::name::Name;
use crate::object::{Label, ObjectId};
use crate::refused::Violation;

/// An object that keeps its identity under another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    id: ObjectId,
    from: Name,
    to: Name,
}

impl Rename {
    /// The object; if there is none of the old name, one that is not there.
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// The name that it has before.
    pub fn from(&self) -> &Name {
        &self.from
    }

    /// The name that it gets.
    pub fn to(&self) -> &Name {
        &self.to
    }
}

/// What `wanted` renames of `live`. Where the new name is there already and the old one is not, it is done: a document may go on
/// saying where its names come from.
pub(crate) fn between(live: &Intent, wanted: &Intent) -> Vec<Rename> {
    let renames = wanted.renamed().iter().filter_map(|(id, from)| {
        let to = id.name_in(wanted.tables())?.clone();
        let (old, new) = (id.of_name(from, live.tables()), id.of_name(&to, live.tables()));
        match (old, new) {
            (None, Some(_)) => None,
            (old, _) => Some(Rename { id: old.unwrap_or(*id), from: from.clone(), to }),
        }
    });
    renames.collect()
}

/// The renames that cannot be made.
pub(crate) fn impossible(before: &Tables, changes: &ChangeSet) -> Vec<Violation> {
    let problem = |rename: &Rename| {
        let (old, new) = (rename.id.of_name(&rename.from, before), rename.id.of_name(&rename.to, before));
        let subject = Label::named(rename.id, rename.to.clone());
        match (old, new) {
            (Some(_), None) => None,
            (old, _) => Some(Violation::NotRenamed { subject, from: rename.from.clone(), both: old.is_some() }),
        }
    };
    changes.renames().iter().filter_map(problem).collect()
}
