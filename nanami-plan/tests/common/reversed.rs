//! A workspace whose revisions do not descend from each other.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use nanami_model::{Intent, ObjectId};

/// The same workspace, object for object, with everything in another slot: there nothing is known of what was touched.
pub(crate) fn reversed(intent: &Intent) -> Intent {
    let ids = std::iter::empty()
        .chain(intent.users().map(|(id, _)| ObjectId::from(id)))
        .chain(intent.groups().map(|(id, _)| id.into()))
        .chain(intent.networks().map(|(id, _)| id.into()))
        .chain(intent.regions().map(|(id, _)| id.into()))
        .chain(intent.peers().map(|(id, _)| id.into()))
        .chain(intent.gateways().map(|(id, _)| id.into()))
        .chain(intent.routes().map(|(id, _)| id.into()))
        .chain(intent.policies().map(|(id, _)| id.into()))
        .chain([intent.workspace().into()]);
    let objects: Vec<_> = ids.filter_map(|id| intent.object(id)).collect();
    Intent::from_objects(intent.name().clone(), objects.into_iter().rev()).unwrap()
}
