//! There is one workspace from the start; its id follows from its name.

use super::contradiction;
use crate::generation::Revision;
use crate::id::WorkspaceId;
use crate::intent::Tables;
use crate::object::{Entity, Label};
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: WorkspaceId, found: &mut Vec<Violation>) {
    let Some(workspace) = tables.workspaces.get(&id) else { return };
    let (subject, name) = (Label::new(id, tables), workspace.name());
    super::preference::check(tables, &subject, workspace.preference(), None, found);
    if tables.workspaces.iter().next().is_some_and(|(first, _)| first != id) {
        let why = "there is one workspace already".to_owned();
        found.push(contradiction(subject, "name", why, "change the workspace that is there"));
    } else if id != WorkspaceId::derive(name, name, Revision::ZERO) {
        let why = "a workspace keeps its name, for all ids follow from it".to_owned();
        found.push(contradiction(subject, "name", why, "leave the name as it is"));
    }
}
