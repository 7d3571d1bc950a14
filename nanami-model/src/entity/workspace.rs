//! The workspace itself: what holds of all that is in it.

use serde::{Deserialize, Serialize};

use super::RoutingPreference;
use super::words::is_default;
use crate::id::WorkspaceId;
use crate::key::PublicKey;
use crate::name::Name;
use crate::object::{Entity, ObjectId};

/// The tenant. Every [`Intent`](crate::Intent) has exactly one, which is there from the start; nothing crosses it, and it is
/// neither removed nor renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    name: Name,
    #[serde(default, skip_serializing_if = "is_default")]
    preference: RoutingPreference,
    #[serde(default, skip_serializing_if = "is_default")]
    revoked_keys: Vec<PublicKey>,
}

impl Workspace {
    /// A workspace of this name.
    pub fn new(name: Name) -> Self {
        Self { name, preference: RoutingPreference::none(), revoked_keys: Vec::new() }
    }

    /// Sets what peers prefer where nobody else says.
    pub fn with_preference(self, preference: RoutingPreference) -> Self {
        Self { preference, ..self }
    }

    /// Names the keys that never enter again, whoever brings them and whatever join key they hold: those of lost devices (SEC-11).
    pub fn with_revoked_keys(self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut revoked_keys: Vec<_> = keys.into_iter().collect();
        revoked_keys.sort_unstable();
        revoked_keys.dedup();
        Self { revoked_keys, ..self }
    }

    /// The keys that never enter again, in order.
    pub fn revoked_keys(&self) -> &[PublicKey] {
        &self.revoked_keys
    }

    /// Whether this key never enters again.
    pub fn is_revoked(&self, key: &PublicKey) -> bool {
        self.revoked_keys.binary_search(key).is_ok()
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
