//! What stands on a board: the objects of its intent, and under a plan those too that the plan removes.
//!
//! **Invariant**: what is in the newer intent is looked up there; everything is by name.

use nanami_model::{
    Entity, Gateway, GatewayId, GroupId, Id, Intent, Name, Network, NetworkId, ObjectId, Peer, PeerId, Route, RouteId,
};

/// The objects of an intent, and those of the one before it.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    after: Intent,
    before: Option<Intent>,
}

impl Objects {
    pub(super) fn of(intent: &Intent) -> Self {
        Self { after: intent.clone(), before: None }
    }

    /// The same with those that were there before.
    pub(super) fn with_former(self, before: Option<&Intent>) -> Self {
        Self { before: before.cloned(), ..self }
    }

    /// The intent that the board is of.
    pub(super) fn intent(&self) -> &Intent {
        &self.after
    }

    pub(super) fn get<I: Id>(&self, id: I) -> Option<&I::Entity> {
        self.after.get(id).or_else(|| self.before.as_ref()?.get(id))
    }

    pub(super) fn name_of(&self, id: impl Into<ObjectId>) -> Option<&Name> {
        let id = id.into();
        self.after.name_of(id).or_else(|| self.before.as_ref()?.name_of(id))
    }

    /// Whether the plan removes an object.
    pub(super) fn is_removed(&self, id: impl Into<ObjectId>) -> bool {
        let id = id.into();
        self.after.name_of(id).is_none() && self.before.as_ref().is_some_and(|before| before.name_of(id).is_some())
    }

    /// Whether the plan adds an object.
    pub(super) fn is_added(&self, id: impl Into<ObjectId>) -> bool {
        let id = id.into();
        self.before.as_ref().is_some_and(|before| before.name_of(id).is_none()) && self.after.name_of(id).is_some()
    }

    pub(super) fn peers(&self) -> impl ExactSizeIterator<Item = (PeerId, &Peer)> {
        self.all(self.after.peers(), self.before.as_ref().map(Intent::peers))
    }

    pub(super) fn gateways(&self) -> impl ExactSizeIterator<Item = (GatewayId, &Gateway)> {
        self.all(self.after.gateways(), self.before.as_ref().map(Intent::gateways))
    }

    pub(super) fn routes(&self) -> impl ExactSizeIterator<Item = (RouteId, &Route)> {
        self.all(self.after.routes(), self.before.as_ref().map(Intent::routes))
    }

    pub(super) fn networks(&self) -> impl ExactSizeIterator<Item = (NetworkId, &Network)> {
        self.all(self.after.networks(), self.before.as_ref().map(Intent::networks))
    }

    pub(super) fn groups(&self) -> impl ExactSizeIterator<Item = (GroupId, &nanami_model::Group)> {
        self.all(self.after.groups(), self.before.as_ref().map(Intent::groups))
    }

    /// The gateway whose role a peer bears, or bore if it is removed.
    pub(super) fn gateway_of(&self, peer: PeerId) -> Option<(GatewayId, &Gateway)> {
        self.holding(peer)?.gateway_of(peer)
    }

    /// The gateways that a route is behind, or was if it is removed.
    pub(super) fn gateways_of(&self, route: RouteId) -> Vec<GatewayId> {
        self.holding(route).map(|intent| intent.gateways_of(route)).unwrap_or_default()
    }

    pub(super) fn groups_of(&self, peer: PeerId) -> Vec<GroupId> {
        self.holding(peer).map(|intent| intent.groups_of(peer)).unwrap_or_default()
    }

    fn holding(&self, id: impl Into<ObjectId>) -> Option<&Intent> {
        let id = id.into();
        [Some(&self.after), self.before.as_ref()].into_iter().flatten().find(|intent| intent.name_of(id).is_some())
    }

    fn all<'a, I: Id>(
        &'a self,
        after: impl Iterator<Item = (I, &'a I::Entity)>,
        before: Option<impl Iterator<Item = (I, &'a I::Entity)>>,
    ) -> std::vec::IntoIter<(I, &'a I::Entity)> {
        let mut all: Vec<_> = after.collect();
        let kept = all.len();
        all.extend(before.into_iter().flatten().filter(|(id, _)| self.after.get(*id).is_none()));
        if all.len() > kept {
            all.sort_by(|(_, a), (_, b)| a.name().cmp(b.name()));
        }
        all.into_iter()
    }
}
