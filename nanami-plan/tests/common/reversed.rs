//! A workspace whose revisions do not descend from each other.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use nanami_model::Intent;

/// The same workspace, object for object, with everything in another slot: there nothing is known of what was touched.
pub(crate) fn reversed(intent: &Intent) -> Intent {
    let objects: Vec<_> = intent.ids().filter_map(|id| intent.object(id)).collect();
    Intent::from_objects(intent.name().clone(), objects.into_iter().rev()).unwrap()
}
