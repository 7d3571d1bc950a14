//! Making changes: all of them or none, with every reason against them at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Intent, Tables, rules};
use crate::change::{Actor, Change, ChangeSet};
use crate::entity::{Permission, Role, User};
use crate::object::{Label, Object, ObjectId};
use crate::refused::{Refused, Violation};

pub(super) fn apply(before: &Intent, by: Actor, changes: &ChangeSet) -> Result<Intent, Refused> {
    let mut tables = Tables::clone(before.tables());
    let mut violations = Vec::new();
    for change in changes.iter() {
        violations.extend(forbidden(before, by, change));
        violations.extend(make(&mut tables, change));
    }
    end_sessions(before, &mut tables, changes);
    violations.extend(in_use(before, &tables, changes));
    let removed = |id: ObjectId| changes.iter().any(|c| matches!(c, Change::Remove(gone) if *gone == id));
    violations.extend(rules::check(&tables).into_iter().filter(|v| match v {
        Violation::Dangling { reference, .. } => !removed(reference.id()),
        _ => true,
    }));
    if violations.is_empty() {
        violations.extend(crate::ipam::allocate(&mut tables));
        let networks = tables.networks.clone();
        tables.ipam.retain(|id| networks.get(id).is_some());
        tables.members = super::members::Members::of(&tables);
    }
    match violations.is_empty() {
        true => Ok(Intent { name: before.name.clone(), revision: before.revision.next(), tables: Arc::new(tables) }),
        false => Err(Refused::new(violations)),
    }
}

fn make(tables: &mut Tables, change: &Change) -> Option<Violation> {
    let (object, adds) = match change {
        Change::Add(object) => (object, true),
        Change::Update(object) => (object, false),
        Change::Remove(id) => {
            let missing = id.object_in(tables).is_none().then(|| Violation::Missing { what: Label::new(*id, tables) });
            id.remove_from(tables);
            return missing;
        }
    };
    let (id, name) = (object.id(), object.name());
    let label = || Label::named(id, name.clone());
    let holder = id.of_name(name, tables);
    if holder.is_some_and(|holder| holder != id) || (adds && id.object_in(tables).is_some()) {
        return Some(Violation::DuplicateName { what: label() });
    }
    if !adds && id.object_in(tables).is_none() {
        return Some(Violation::Missing { what: label() });
    }
    object.clone().put(tables);
    None
}

/// Peers take their sessions along; the two bear one name.
fn end_sessions(before: &Intent, tables: &mut Tables, changes: &ChangeSet) {
    for change in changes.iter() {
        let Change::Remove(ObjectId::Peer(peer)) = change else { continue };
        let session = before.name_of(*peer).and_then(|name| tables.sessions.id(name.as_str()));
        if let Some(id) = session.filter(|id| tables.sessions.get(id).is_some_and(|own| own.peer() == *peer)) {
            tables.sessions.remove(&id);
        }
    }
}

/// What is removed though others, which stay, refer to it.
fn in_use(before: &Intent, after: &Tables, changes: &ChangeSet) -> Vec<Violation> {
    let mut users: BTreeMap<ObjectId, Vec<Label>> = BTreeMap::new();
    for mut object in after.objects() {
        let label = Label::named(object.id(), object.name().clone());
        object.visit(&mut |field, id| {
            if !field.is_empty() && id.object_in(after).is_none() {
                users.entry(id).or_default().push(label.clone());
            }
            id
        });
    }
    let removed = changes.iter().filter_map(|c| if let Change::Remove(id) = c { Some(*id) } else { None });
    removed.filter_map(|id| Some(Violation::InUse { what: before.label(id), by: users.remove(&id)? })).collect()
}

/// Whether the actor may make this change. An admin of a group may change what the group alone owns; who may do what on the
/// workspace follows from the role there; nobody gives more than they hold.
fn forbidden(before: &Intent, by: Actor, change: &Change) -> Option<Violation> {
    let Actor::User(actor) = by else { return None };
    let label = Label::new(actor, before.tables());
    let what = match change {
        Change::Add(object) | Change::Update(object) => Label::named(object.id(), object.name().clone()),
        Change::Remove(id) => before.label(*id),
    };
    let Some(user) = before.get(actor) else {
        return Some(Violation::Forbidden { by: label, what, permission: Permission::Write });
    };
    let old = change.id().object_in(before.tables());
    let new = match change {
        Change::Add(object) | Change::Update(object) => Some(object.clone()),
        Change::Remove(_) => None,
    };
    let allowed = user.role().is_some_and(|role| role.permits(Permission::Write))
        || [&old, &new].into_iter().flatten().all(|object| owns(user, object));
    if !allowed {
        return Some(Violation::Forbidden { by: label, what, permission: Permission::Write });
    }
    let grants = |object: &Option<Object>| match object {
        Some(Object::User(_, user)) => user.role().max(user.roles().map(|(_, role)| role).max()),
        _ => None,
    };
    let owner_moves = grants(&old) != grants(&new) && grants(&old).max(grants(&new)) == Some(Role::Owner);
    if owner_moves && user.role() != Some(Role::Owner) {
        return Some(Violation::Forbidden { by: label, what, permission: Permission::GrantOwner });
    }
    (grants(&new) > grants(&old) && grants(&new) > user.role()).then_some(Violation::Escalation { by: label, to: what })
}

/// Whether all that the object touches belongs to groups that the user administers.
fn owns(user: &User, object: &Object) -> bool {
    let admin = |group| user.role_on(group).is_some_and(|role| role.permits(Permission::Write));
    match object {
        Object::Peer(_, peer) => !peer.groups().is_empty() && peer.groups().iter().all(|group| admin(*group)),
        Object::Network(_, network) => admin(network.owner()),
        _ => false,
    }
}
