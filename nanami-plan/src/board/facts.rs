//! What the picture and the page say about nodes and links, in words and as data for filters.

use nanami_model::{Entity, GroupId, Peer, PeerId, RouteId};

use super::Board;
use super::end::End;

impl Board {
    /// A peer in words.
    pub(super) fn peer_label(&self, id: PeerId) -> String {
        let Some(peer) = self.objects.get(id) else { return String::new() };
        let names = |ids: Vec<Option<&nanami_model::Name>>| {
            ids.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let groups = names(peer.groups().iter().map(|id| self.objects.name_of(*id)).collect());
        let networks = names(peer.networks().iter().map(|id| self.objects.name_of(*id)).collect());
        let addresses: Vec<_> = peer.addresses().iter().map(ToString::to_string).collect();
        let mut text = format!("{}, {}{}", Entity::name(peer), self.state(id), self.comes_or_goes(id));
        for (word, list) in [("groups", groups), ("networks", networks), ("addresses", addresses.join(", "))] {
            if !list.is_empty() {
                text += &format!("; {word} {list}");
            }
        }
        let posture = self.postures.get(&id);
        if let Some((desired, applied)) = posture.and_then(|p| Some((p.desired?, p.applied?))) {
            text += &format!("; desired generation {desired}, applied {applied}");
        }
        if let Some(age) = posture.and_then(|p| p.age) {
            text += &format!("; reported {} s ago", age.as_secs());
        }
        text
    }

    /// What a plan that is shown does to a peer or a route itself, in words that follow others.
    pub(super) fn comes_or_goes(&self, id: impl Into<nanami_model::ObjectId>) -> &'static str {
        let id = id.into();
        match (self.objects.is_added(id), self.objects.is_removed(id)) {
            (true, _) => ", added",
            (_, true) => ", removed",
            _ => "",
        }
    }

    /// Which generation runs, beside which one should.
    pub(super) fn generations(&self, id: PeerId) -> String {
        match self.postures.get(&id).and_then(|posture| Some((posture.desired?, posture.applied?))) {
            Some((desired, applied)) if desired == applied => format!("map {applied}"),
            Some((desired, applied)) => format!("map {applied} of {desired}"),
            None => String::new(),
        }
    }

    /// What filters ask of a peer.
    pub(super) fn peer_data(&self, id: PeerId) -> String {
        let Some(peer) = self.objects.get(id) else { return String::new() };
        let name = Entity::name(peer);
        let groups: Vec<_> = self.objects.groups_of(id).into_iter().map(|id: GroupId| self.word(id)).collect();
        let networks: Vec<_> = peer.networks().iter().map(|id| self.word(*id)).collect();
        let (groups, networks, owners) = (groups.join(" "), networks.join(" "), self.owners(peer));
        let addresses: String = peer.addresses().iter().map(|address| format!(" {address}")).collect();
        format!(
            " id=\"{}\" data-hub=\"{}\" data-names=\"{name}{addresses}\" data-groups=\"{groups}\" data-networks=\"{networks}\" data-owners=\"{owners}\" data-status=\"{}\"{}",
            self.end_id(End::Peer(id)),
            self.end_id(self.hub(End::Peer(id))),
            self.state(id),
            if self.objects.is_removed(id) { " data-removed=\"yes\"" } else { "" }
        )
    }

    /// What filters ask of a route. It belongs to the group that owns its network.
    pub(super) fn route_data(&self, id: RouteId) -> String {
        let Some((route, name)) = self.objects.get(id).zip(self.objects.name_of(id)) else { return String::new() };
        let owner = self.objects.get(route.network()).map(|network| self.word(network.owner())).unwrap_or_default();
        let network = self.word(route.network());
        let prefixes: String = route.prefixes().iter().map(|prefix| format!(" {prefix}")).collect();
        format!(
            " id=\"{}\" data-names=\"{name}{prefixes}\" data-groups=\"{owner}\" data-networks=\"{network}\" data-owners=\"{owner}\" \
             data-status=\"\"",
            self.end_id(End::Route(id))
        )
    }

    /// What filters ask of a card that stands for several peers.
    pub(super) fn members_data(&self, end: End, peers: &[PeerId]) -> String {
        let (id, name) = (self.end_id(end), self.end_name(end));
        let states: Vec<_> = self.states_of(peers).into_iter().map(|(_, state)| state.to_string()).collect();
        format!(
            " id=\"{id}\" tabindex=\"0\" role=\"button\" data-hub=\"{id}\" data-names=\"{name}\" data-status=\"{}\"",
            states.join(" ")
        )
    }

    /// Such a card in words.
    pub(super) fn members_label(&self, end: End, peers: &[PeerId]) -> String {
        let states: Vec<_> = self.states_of(peers).into_iter().map(|(n, state)| format!("{n} {state}")).collect();
        let peers_word = if peers.len() == 1 { "peer" } else { "peers" };
        let plan = self.members_change(peers);
        let plan = if plan.is_empty() { plan } else { format!("; plan: {plan}") };
        format!("{}, {} {peers_word}: {}{plan}", self.end_name(end), peers.len(), states.join(", "))
    }

    /// How many of these peers a plan adds and removes; nothing if none.
    pub(super) fn members_change(&self, peers: &[PeerId]) -> String {
        let count = |is: &dyn Fn(PeerId) -> bool| peers.iter().filter(|id| is(**id)).count();
        let (added, removed) = (count(&|id| self.objects.is_added(id)), count(&|id| self.objects.is_removed(id)));
        let words = [(added, "added"), (removed, "removed")].into_iter().filter(|(n, _)| *n > 0);
        words.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
    }

    /// The groups that own a peer's networks.
    pub(super) fn owners(&self, peer: &Peer) -> String {
        let networks = peer.networks().iter().filter_map(|id| self.objects.get(*id));
        let owners: std::collections::BTreeSet<_> = networks.map(|network| self.word(network.owner())).collect();
        owners.into_iter().collect::<Vec<_>>().join(" ")
    }

    /// How many there are of everything.
    pub(super) fn counts(&self, links: usize) -> String {
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let intent = self.objects.intent();
        [
            count(intent.peers().len(), "peer"),
            count(intent.gateways().len(), "gateway"),
            count(intent.networks().len(), "network"),
            count(intent.routes().len(), "route"),
            count(links, "link"),
        ]
        .join(", ")
    }

    /// How many peers are in which state, those states that occur.
    pub(super) fn summary(&self) -> String {
        let peers: Vec<_> = self.objects.intent().peers().map(|(id, _)| id).collect();
        let text: Vec<_> = self.states_of(&peers).into_iter().map(|(n, state)| format!("{n} {state}")).collect();
        format!("peers: {}", text.join(", "))
    }
}
