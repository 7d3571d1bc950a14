//! Touched: what of a state a change of its intent can reach.
//!
//! **Invariant**: whatever differs between the states of two revisions differs because of something that is listed here, and the
//! time that listing takes grows with the change and with whom it concerns, not with the workspace.

use std::collections::BTreeSet;

use nanami_model::{
    Difference, GroupId, Intent, Mode, NetworkId, ObjectId, PeerId, PolicyId, RoutingMode, Slot, SlotSet, UserId,
};

use crate::access::side::Closures;

/// What a change of intent can reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// The slots of peers that come, go, are other ones, or belong to other groups and networks.
    pub(crate) peers: BTreeSet<Slot<PeerId>>,
    /// The slots of policies that come, go or are other ones.
    pub(crate) policies: BTreeSet<Slot<PolicyId>>,
    /// Whether any slot of a peer is somebody else's, or nobody's, or was.
    pub(crate) moved: bool,
    /// Whether groups are nested otherwise.
    pub(crate) nesting: bool,
    /// Whether networks have other addresses, which every host routes.
    pub(crate) pools: bool,
    /// Whether gateways, routes or regions are other ones, or what they stand on.
    pub(crate) ways: bool,
    /// Those for whom other settings may hold.
    pub(crate) settings: BTreeSet<Slot<PeerId>>,
}

impl Touched {
    /// What differs between two revisions; `None` if they do not descend from each other, so that their slots mean different
    /// things.
    pub(crate) fn between(before: &Intent, after: &Intent, work: &mut u64) -> Option<Self> {
        Self::by(&after.difference(before), before, after, work)
    }

    /// The same where it is known which objects differ.
    pub(crate) fn by(difference: &Difference, before: &Intent, after: &Intent, work: &mut u64) -> Option<Self> {
        if !difference.keeps_slots() || before.name() != after.name() {
            return None;
        }
        let mut touched = Self::default();
        if before.preference() != after.preference() {
            touched.ways = true;
            touched.settings.extend(after.occupied::<PeerId>().map(|(slot, ..)| slot));
            *work += touched.settings.len() as u64;
        }
        let all = difference.added().iter().chain(difference.removed()).chain(difference.changed());
        for id in all {
            *work += 1;
            touched.note(before, after, *id, work);
        }
        Some(touched)
    }

    fn note(&mut self, before: &Intent, after: &Intent, id: ObjectId, work: &mut u64) {
        match id {
            ObjectId::Peer(id) => {
                let slots = [before.slot(id), after.slot(id)];
                self.peers.extend(slots.into_iter().flatten());
                self.moved |= slots.contains(&None);
                // What a gateway's peer is a member of decides about its own reach alone.
                let stands = |intent: &Intent| {
                    let peer = intent.get(id)?;
                    Some((peer.status(), peer.key(), peer.networks().to_vec(), intent.live_addresses(id)))
                };
                let bears = before.gateway_of(id).is_some() || after.gateway_of(id).is_some();
                self.ways |= bears && stands(before) != stands(after);
                self.ways |= asks(before, id) || asks(after, id);
                let says = |intent: &Intent| intent.get(id).map(|peer| (peer.preference(), peer.mode(), peer.owner()));
                if says(before) != says(after) {
                    self.settings.extend(after.slot(id));
                }
            }
            ObjectId::Policy(id) => self.policies.extend([before.slot(id), after.slot(id)].into_iter().flatten()),
            ObjectId::User(id) => {
                let preference = |intent: &Intent| intent.get(id).map(|user| user.preference());
                if preference(before) != preference(after) {
                    self.ways = true;
                    // Nobody keeps a list of a user's peers, and preferences of users change seldom.
                    let own = after.occupied::<PeerId>().filter(|(.., peer)| peer.owner() == Some(id));
                    self.settings.extend(own.map(|(slot, ..)| slot));
                    *work += after.slot_bound::<PeerId>() as u64;
                }
                self.user(before, after, id);
            }
            ObjectId::Group(id) => self.group(before, after, id, work),
            ObjectId::Network(id) => self.network(before, after, id),
            ObjectId::Gateway(_) | ObjectId::Route(_) | ObjectId::Region(_) => self.ways = true,
            _ => {}
        }
    }

    /// A user's peers are members of the user's groups.
    fn user(&mut self, before: &Intent, after: &Intent, id: UserId) {
        let groups = |intent: &Intent| intent.get(id).map(|user| user.groups().to_vec()).unwrap_or_default();
        let (was, is) = (groups(before), groups(after));
        if was != is {
            let members = |intent: &Intent, group| members(intent, group);
            for group in was.into_iter().chain(is) {
                self.differing(&members(before, group), &members(after, group));
            }
        }
    }

    fn group(&mut self, before: &Intent, after: &Intent, id: GroupId, work: &mut u64) {
        let nested = |intent: &Intent| intent.get(id).map(|group| group.groups().to_vec()).unwrap_or_default();
        if nested(before) != nested(after) {
            self.nesting = true;
            let (was, is) = (Closures::default().of(before, id), Closures::default().of(after, id));
            *work += (was.len() + is.len()) as u64;
            self.differing(&was, &is);
        }
    }

    fn network(&mut self, before: &Intent, after: &Intent, id: NetworkId) {
        let says = |intent: &Intent| intent.get(id).map(|network| (network.pools().to_vec(), network.lifecycle()));
        let (was, is) = (says(before), says(after));
        let preference = |intent: &Intent| intent.get(id).map(|network| network.preference());
        if preference(before) != preference(after) {
            self.ways = true;
            let members = after.slot(id).map(|slot| after.network_members(slot));
            self.settings.extend(members.into_iter().flat_map(SlotSet::iter));
        }
        if was.as_ref().map(|(pools, _)| pools) != is.as_ref().map(|(pools, _)| pools) {
            self.pools = true;
            self.ways = true;
        }
        if was != is {
            for intent in [before, after] {
                let members = intent.slot(id).map(|slot| intent.network_members(slot));
                self.peers.extend(members.into_iter().flat_map(SlotSet::iter));
            }
            // A gateway may have lost the addresses that it is reached by.
            self.ways = true;
        }
    }

    fn differing(&mut self, was: &SlotSet, is: &SlotSet) {
        self.peers.extend(was.without(is).chain(is.without(was)));
    }
}

/// Whether a peer asks for a gateway of its own choice, or has one tunnel only.
fn asks(intent: &Intent, peer: PeerId) -> bool {
    let limited = intent.get(peer).is_some_and(|peer| peer.mode() != Mode::Managed);
    limited || matches!(intent.preference_of(peer).routing().value(), RoutingMode::Manual { .. })
}

fn members(intent: &Intent, group: GroupId) -> SlotSet {
    intent.slot(group).map(|slot| intent.direct_members(slot).clone()).unwrap_or_default()
}
