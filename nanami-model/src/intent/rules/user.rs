//! An identity belongs to one user.

use super::{contradiction, first_by_name, preference, twice};
use crate::id::UserId;
use crate::intent::Tables;
use crate::intent::ranges::holders;
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: UserId, found: &mut Vec<Violation>) {
    let Some(user) = tables.users.get(&id) else { return };
    let subject = Label::new(id, tables);
    let remedy = "give each identity to one user, once";
    if let Some(identity) = twice(user.identities()) {
        found.push(contradiction(subject.clone(), "identities", format!("{identity} stands twice"), remedy));
    }
    for identity in user.identities() {
        let first = first_by_name(tables, holders(&tables.index.identities, identity));
        if let Some(other) = first.filter(|first| *first != id) {
            let why = format!("{identity} is {}", Label::new(other, tables));
            found.push(contradiction(subject.clone(), "identities", why, remedy));
        }
    }
    preference::check(tables, &subject, user.preference(), None, found);
}
