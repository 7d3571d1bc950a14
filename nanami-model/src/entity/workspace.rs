//! The workspace itself: what holds of all that is in it.

use serde::{Deserialize, Serialize};

use super::RoutingPreference;
use super::words::is_default;
use crate::id::WorkspaceId;
use crate::name::Name;
use crate::object::{Entity, ObjectId};

/// The tenant. Every [`Intent`](crate::Intent) has exactly one, which is there from the start; nothing crosses it, and it is
/// neither removed nor renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    name: Name,
    #[serde(default, skip_serializing_if = "is_default")]
    preference: RoutingPreference,
}

impl Workspace {
    /// A workspace of this name.
    pub fn new(name: Name) -> Self {
        Self { name, preference: RoutingPreference::none() }
    }

    /// Sets what peers prefer where nobody else says.
    pub fn with_preference(self, preference: RoutingPreference) -> Self {
        Self { preference, ..self }
    }

    /// What peers prefer where nobody else says.
    pub fn preference(&self) -> RoutingPreference {
        self.preference
    }

    /// What this one says, under another name: what a document says of a live workspace.
    pub(crate) fn named(self, name: Name) -> Self {
        Self { name, ..self }
    }
}

impl Entity for Workspace {
    type Id = WorkspaceId;

    fn name(&self) -> &Name {
        &self.name
    }

    fn visit(&mut self, with: &mut dyn FnMut(&'static str, ObjectId) -> ObjectId) {
        self.preference.visit(with);
    }
}
