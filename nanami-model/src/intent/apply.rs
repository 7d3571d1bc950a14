//! Making changes: all of them or none, with every reason against them at once.
//!
//! **Invariant**: the work grows with what changes, not with the workspace: objects, index and sets copy one path each, and
//! rules look at what a change can affect.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::Touched;
use super::{Intent, Tables, permissions, rules};
use crate::change::{Actor, Change, ChangeSet};
use crate::entity::{Permission, User};
use crate::object::{Label, Object, ObjectId};
use crate::refused::{Refused, Violation};

pub(super) fn apply(before: &Intent, by: Actor, changes: &ChangeSet) -> Result<Intent, Refused> {
    let mut net = Net { before: before.tables(), touched: Vec::new(), places: BTreeMap::new() };
    let mut violations = Vec::new();
    for change in changes.iter() {
        violations.extend(permissions::forbidden(before, by, change));
        violations.extend(net.make(change));
    }
    violations.extend(may_acknowledge(before, by, changes));
    violations.extend(crate::rename::impossible(before.tables(), changes));
    net.end_sessions();
    let touched = net.touched;
    violations.extend(mass_removal(before.tables(), changes, &touched));
    let mut tables = Tables::clone(before.tables());
    tables.make(before.tables(), &touched);
    violations.extend(in_use(before, &tables, &touched));
    violations.extend(rules::changed(before.tables(), &tables, &touched));
    let violations = rules::new_ones(before.tables(), violations);
    settled(before, changes, tables, &touched, violations)
}

/// What was made and acknowledged is not judged again: no permissions, no limit on removals, no rules but those that every
/// intent stands on. A later release may have rules that an older one did not ask (see [`Intent::violations`]).
pub(super) fn replay(before: &Intent, changes: &ChangeSet) -> Result<Intent, Refused> {
    let mut net = Net { before: before.tables(), touched: Vec::new(), places: BTreeMap::new() };
    let mut violations: Vec<_> = changes.iter().filter_map(|change| net.make(change)).collect();
    net.end_sessions();
    let touched = net.touched;
    let mut tables = Tables::clone(before.tables());
    tables.make(before.tables(), &touched);
    violations.extend(in_use(before, &tables, &touched));
    violations.extend(rules::changed(before.tables(), &tables, &touched));
    violations.retain(rules::breaks_structure);
    settled(before, changes, tables, &touched, violations)
}

/// What the changes make of a revision, whatever stands against them; for texts only.
pub(super) fn unchecked(before: &Intent, changes: &ChangeSet) -> Intent {
    let mut net = Net { before: before.tables(), touched: Vec::new(), places: BTreeMap::new() };
    changes.iter().for_each(|change| _ = net.make(change));
    let mut tables = Tables::clone(before.tables());
    tables.make(before.tables(), &net.touched);
    Intent { tables: Arc::new(tables), renamed: Arc::default(), ..before.clone() }
}

/// The next revision with the addresses that follow, if nothing stands against it.
fn settled(
    before: &Intent,
    changes: &ChangeSet,
    mut tables: Tables,
    touched: &[Touched],
    mut violations: Vec<Violation>,
) -> Result<Intent, Refused> {
    let revision = before.revision.next();
    if violations.is_empty() {
        let touched = touched.iter().map(|change| change.id);
        violations.extend(crate::ipam::settle(before.tables(), &mut tables, touched, revision, changes.acknowledged()));
    }
    match violations.is_empty() {
        true => Ok(Intent {
            name: before.name.clone(),
            revision,
            tables: Arc::new(tables),
            renamed: Arc::default(),
            origin: before.origin.clone(),
        }),
        false => Err(Refused::new(violations)),
    }
}

/// What a change set comes to, object by object, in the order in which it first touches them.
struct Net<'a> {
    before: &'a Tables,
    touched: Vec<Touched>,
    places: BTreeMap<ObjectId, usize>,
}

impl Net<'_> {
    /// What the changes so far have made of an object.
    fn now(&mut self, id: ObjectId) -> &mut Option<Object> {
        let place = *self.places.entry(id).or_insert_with(|| {
            let old = id.object_in(self.before);
            self.touched.push(Touched { id, old: old.clone(), new: old });
            self.touched.len() - 1
        });
        &mut self.touched[place].new
    }

    /// Peers that go take their sessions along; the two bear one name.
    fn end_sessions(&mut self) {
        let gone = |change: &Touched| match (&change.old, &change.new) {
            (Some(Object::Peer(id, _)), None) => Some(*id),
            _ => None,
        };
        for peer in self.touched.iter().filter_map(gone).collect::<Vec<_>>() {
            if let Some((session, _)) = self.before.session_of(peer) {
                *self.now(session.into()) = None;
            }
        }
    }

    fn make(&mut self, change: &Change) -> Option<Violation> {
        let id = change.id();
        let now = self.now(id);
        match (change, now.is_some()) {
            (Change::Add(object), false) | (Change::Update(object), true) => *now = Some(object.clone()),
            (Change::Remove(_), true) => *now = None,
            (Change::Add(object), true) => {
                return Some(Violation::DuplicateName { what: Label::named(id, object.name().clone()) });
            }
            (Change::Update(object), false) => {
                return Some(Violation::Missing { what: Label::named(id, object.name().clone()) });
            }
            (Change::Remove(_), false) => return Some(Violation::Missing { what: Label::new(id, self.before) }),
        }
        None
    }
}

/// A change set that takes away more than half of the peers, or of everything, says so on purpose (SEC-33): what it was made
/// from may have been read badly, or not at all.
fn mass_removal(before: &Tables, changes: &ChangeSet, touched: &[Touched]) -> Option<Violation> {
    let gone = |change: &&Touched| change.old.is_some() && change.new.is_none();
    let removed = touched.iter().filter(gone).count();
    let peers = touched.iter().filter(gone).filter(|change| matches!(change.id, ObjectId::Peer(_))).count();
    let (of_peers, of) = (before.peers.len(), before.len());
    let many = removed > Violation::FEW_REMOVALS && (peers * 2 > of_peers || removed * 2 > of);
    (many && !changes.allows_mass_removal()).then_some(Violation::MassRemoval { removed, of, peers, of_peers })
}

/// What is removed though others, which stay, refer to it.
fn in_use(before: &Intent, after: &Tables, touched: &[Touched]) -> Vec<Violation> {
    let mut naming = BTreeMap::<ObjectId, Vec<ObjectId>>::new();
    for object in touched.iter().filter_map(|change| change.new.as_ref()) {
        object.references().into_iter().for_each(|(_, target)| naming.entry(target).or_default().push(object.id()));
    }
    let mut found = Vec::new();
    for change in touched.iter().filter(|change| change.old.is_some() && change.new.is_none()) {
        let still = |id: &ObjectId| {
            let object = id.object_in(after);
            object.is_some_and(|object| object.references().iter().any(|(_, target)| *target == change.id))
        };
        let mut by: Vec<_> = before.tables().referrers(change.id).into_iter().filter(still).collect();
        by.extend(naming.remove(&change.id).unwrap_or_default());
        by.sort_by_cached_key(|id| (id.kind_order(), id.name_in(after).cloned(), *id));
        by.dedup();
        if !by.is_empty() {
            let by = by.into_iter().map(|id| Label::new(id, after)).collect();
            found.push(Violation::InUse { what: before.label(change.id), by });
        }
    }
    found
}

/// Who says that addresses may be given again: control, which hears the acknowledgements, or who may change everything.
fn may_acknowledge(before: &Intent, by: Actor, changes: &ChangeSet) -> Option<Violation> {
    let (Actor::User(actor), Some(_)) = (by, changes.acknowledged()) else { return None };
    let permitted = before.get(actor).and_then(User::role).is_some_and(|role| role.permits(Permission::WorkspaceWrite));
    (!permitted).then(|| Violation::ForbiddenAcknowledgement { by: before.label(actor) })
}
