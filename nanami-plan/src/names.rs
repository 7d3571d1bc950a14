//! The names of things in texts, also of those that a change removes.

use nanami_model::{Destination, Intent, Name, ObjectId};

/// Finds names in the newer revision, else in the older one.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    after: Intent,
    before: Option<Intent>,
}

impl Names {
    pub(crate) fn new(after: &Intent, before: Option<&Intent>) -> Self {
        Self { after: after.clone(), before: before.cloned() }
    }

    pub(crate) fn get(&self, id: impl Into<ObjectId>) -> Option<&Name> {
        let id = id.into();
        self.after.name_of(id).or_else(|| self.before.as_ref()?.name_of(id))
    }

    /// The name, or the id of what has none any more.
    pub(crate) fn of(&self, id: impl Into<ObjectId>) -> String {
        let id = id.into();
        self.get(id).map_or_else(|| id.to_string(), ToString::to_string)
    }

    pub(crate) fn destination(&self, to: Destination) -> String {
        match to {
            Destination::Peer(id) => self.of(id),
            Destination::Route(id) => self.of(id),
            Destination::Address(at) => at.to_string(),
        }
    }

    pub(crate) fn list<I: Into<ObjectId> + Copy>(&self, ids: &[I]) -> String {
        ids.iter().map(|id| self.of(*id)).collect::<Vec<_>>().join(", ")
    }

    /// `direct`, or `via us-east, standby eu-west`; by two that follow each other `via ap-south then us-east`.
    pub(crate) fn way(&self, way: &crate::paths::Way) -> String {
        let to = way.near().map(|near| format!("{} then ", self.of(near))).unwrap_or_default();
        match way.gateways() {
            [] if way.is_nowhere() => "no way".to_owned(),
            [] => "direct".to_owned(),
            [only] => format!("via {to}{}", self.of(*only)),
            [first, rest @ ..] => format!("via {to}{}, standby {}", self.of(*first), self.list(rest)),
        }
    }

    /// Whether there is no older revision.
    pub(crate) fn is_first(&self) -> bool {
        self.before.is_none()
    }

    /// The revisions that names come from, the newer one first.
    pub(crate) fn revisions(&self) -> impl Iterator<Item = &Intent> {
        std::iter::once(&self.after).chain(&self.before)
    }

    /// Whether a route is of a network in either revision.
    pub(crate) fn belongs(&self, route: nanami_model::RouteId, what: nanami_model::Selector) -> bool {
        self.revisions().filter_map(|intent| intent.get(route)).any(|route| what == route.network().into())
    }
}
