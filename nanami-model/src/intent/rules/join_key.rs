//! A pending peer is filled once.

use super::contradiction;
use crate::entity::Uses;
use crate::id::JoinKeyId;
use crate::intent::Tables;
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: JoinKeyId, found: &mut Vec<Violation>) {
    let Some(key) = tables.join_keys.get(&id) else { return };
    if let (Some(peer), false) = (key.peer(), key.uses() == Uses::OneOff) {
        let why = format!("{} is filled once", Label::new(peer, tables));
        let remedy = "let the key work once, or let it make peers of its own";
        found.push(contradiction(Label::new(id, tables), "uses", why, remedy));
    }
}
