//! The rules between objects. Each kind has a file with its rules; each rule lists what breaks it.
//!
//! **Invariant**: `check` of a kind looks at one object, at what that refers to, and at the index, so that its work does not grow
//! with the workspace. [`affected`] names every object whose verdict a change can alter; so what [`changed`] finds is what
//! [`all`] would find, given that nothing was wrong before.
//!
//! **A rule that a release adds finds a [`Violation::Contradiction`]**: a log that an older release wrote may break it, and is
//! replayed all the same ([`breaks_structure`] names what a replay does not let pass). What was broken before a change is not
//! held against it ([`new_ones`]), so that a gateway of such a workspace can be drained at night.

use std::collections::BTreeSet;

use super::Tables;
use super::index::Touched;
use crate::object::{Entity, Label, Object, ObjectId};
use crate::refused::Violation;

mod affected;
mod assertion;
mod gateway;
mod group;
mod join_key;
mod network;
mod peer;
mod policy;
mod preference;
mod route;
mod session;
mod user;
mod workspace;

/// What breaks a rule in the whole workspace.
pub(super) fn all(tables: &Tables) -> Vec<Violation> {
    let groups = tables.groups.iter().map(|(id, _)| id).collect();
    let mut found = found(tables, tables.ids(), groups, &BTreeSet::new());
    if tables.have_namesakes() {
        tables.ids().for_each(|subject| names(tables, subject, &mut found));
    }
    found
}

/// What breaks a rule now and did not in `before`, where nothing did.
pub(super) fn changed(before: &Tables, tables: &Tables, touched: &[Touched]) -> Vec<Violation> {
    // What came and went within the change was never there for anybody to need.
    let gone = |change: &&Touched| change.old.is_some() && change.new.is_none();
    let gone = touched.iter().filter(gone).map(|change| change.id).collect();
    let mut subjects = BTreeSet::new();
    touched.iter().for_each(|change| affected::by(before, tables, change, &mut subjects));
    // A new circle goes through a group that was touched.
    let nesting = |change: &Touched| match &change.new {
        Some(Object::Group(id, group)) if !group.groups().is_empty() => Some(*id),
        _ => None,
    };
    let groups = group::reachable(tables, touched.iter().filter_map(nesting).collect());
    // Documents and people go by names; ids are as good as random.
    let mut subjects: Vec<_> = subjects.into_iter().collect();
    subjects.sort_by_cached_key(|id| (id.kind_order(), id.name_in(tables).cloned()));
    let mut found = found(tables, subjects.iter().copied(), groups, &gone);
    subjects.into_iter().for_each(|subject| names(tables, subject, &mut found));
    touched.iter().for_each(|change| peer::enters(tables, change, &mut found));
    found
}

/// Whether an intent cannot stand with it: what it names is there, names and keys and addresses are one object's, there is an
/// owner, and groups end. Every release has asked these.
pub(super) fn breaks_structure(violation: &Violation) -> bool {
    match violation {
        // A circle; and a workspace beside the first, or of another name.
        Violation::Contradiction { subject, field, .. } => {
            matches!((subject.id(), *field), (ObjectId::Group(_), _) | (ObjectId::Workspace(_), "name"))
        }
        _ => true,
    }
}

/// Those of the violations that were not there before.
pub(super) fn new_ones(before: &Tables, mut violations: Vec<Violation>) -> Vec<Violation> {
    let subjects: BTreeSet<_> =
        violations.iter().filter(|v| !breaks_structure(v)).filter_map(Violation::subject).collect();
    if !subjects.is_empty() {
        let old = found(before, subjects.into_iter(), BTreeSet::new(), &BTreeSet::new());
        violations.retain(|violation| breaks_structure(violation) || !old.contains(violation));
    }
    violations
}

fn found(
    tables: &Tables,
    subjects: impl Iterator<Item = ObjectId>,
    groups: BTreeSet<crate::id::GroupId>,
    gone: &BTreeSet<ObjectId>,
) -> Vec<Violation> {
    let mut found = Vec::new();
    if tables.index.owners.len() == 0 || tables.workspaces.len() == 0 {
        found.push(Violation::LastOwner);
    }
    group::nesting(tables, groups, &mut found);
    for subject in subjects {
        references(tables, subject, gone, &mut found);
        match subject {
            ObjectId::Network(id) => network::check(tables, id, &mut found),
            ObjectId::User(id) => user::check(tables, id, &mut found),
            ObjectId::Gateway(id) => gateway::check(tables, id, &mut found),
            ObjectId::JoinKey(id) => join_key::check(tables, id, &mut found),
            ObjectId::Assertion(id) => assertion::check(tables, id, &mut found),
            ObjectId::Peer(id) => peer::check(tables, id, &mut found),
            ObjectId::Route(id) => route::check(tables, id, &mut found),
            ObjectId::Policy(id) => policy::check(tables, id, &mut found),
            ObjectId::Session(id) => session::check(tables, id, &mut found),
            ObjectId::Workspace(id) => workspace::check(tables, id, &mut found),
            ObjectId::Group(_) | ObjectId::Region(_) => {}
        }
    }
    found
}

/// Of several with one name, the first by id has it.
fn names(tables: &Tables, subject: ObjectId, found: &mut Vec<Violation>) {
    let Some(name) = subject.name_in(tables) else { return };
    if subject.namesakes(name, tables).into_iter().min().is_some_and(|first| first != subject) {
        found.push(Violation::DuplicateName { what: Label::new(subject, tables) });
    }
}

/// What an object names is there. Of what was taken away it is said who needs it instead.
fn references(tables: &Tables, subject: ObjectId, gone: &BTreeSet<ObjectId>, found: &mut Vec<Violation>) {
    subject.references_in(tables, |field, id| {
        if !gone.contains(&id) && id.name_in(tables).is_none() {
            let (subject, reference) = (Label::new(subject, tables), Label::new(id, tables));
            found.push(Violation::Dangling { subject, field, reference });
        }
    });
}

fn contradiction(subject: Label, field: &'static str, why: String, remedy: &str) -> Violation {
    Violation::Contradiction { subject, field, why, remedy: remedy.to_owned() }
}

/// The first of these that stands twice.
fn twice<T: Ord>(ids: &[T]) -> Option<&T> {
    let mut seen = BTreeSet::new();
    ids.iter().find(|id| !seen.insert(*id))
}

/// Who of several that hold the same thing has it: the first by name. Among more than a few the first few are asked, so that
/// a document in which everybody claims the same is read in time.
fn first_by_name<I: crate::object::Id>(tables: &Tables, holders: impl Iterator<Item = I>) -> Option<I>
where
    I::Entity: Entity<Id = I>,
{
    const ASKED: usize = 16;
    let mut holders = holders.take(ASKED).peekable();
    let first = holders.next()?;
    match holders.peek() {
        None => Some(first),
        Some(_) => std::iter::once(first).chain(holders).min_by_key(|id| (*id).into().name_in(tables).cloned()),
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests;
