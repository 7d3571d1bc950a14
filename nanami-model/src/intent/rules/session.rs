//! A session is one of a peer that is there, bears its name, and ends after it began.

use super::contradiction;
use crate::id::SessionId;
use crate::intent::Tables;
use crate::object::{Entity, Label};
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: SessionId, found: &mut Vec<Violation>) {
    let Some(session) = tables.sessions.get(&id) else { return };
    let subject = || Label::new(id, tables);
    match tables.peers.get(&session.peer()) {
        None => {
            let reference = Label::new(session.peer(), tables);
            found.push(Violation::Dangling { subject: subject(), field: "peer", reference });
        }
        Some(peer) if peer.name() != session.name() => {
            let why = format!("it is a session of {}", Label::new(session.peer(), tables));
            found.push(contradiction(subject(), "name", why, "give a session the name of its peer"));
        }
        Some(_) => {}
    }
    if session.ends() <= session.started() {
        let why = format!("it ends at {}, before it begins", session.ends());
        found.push(contradiction(subject(), "ends", why, "let it end after it begins"));
    }
}
