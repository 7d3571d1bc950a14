//! Which pairs could ever meet, whatever policies say.
//!
//! **Invariant**: nobody meets themselves, nobody meets what they have no address family in common with, and a gateway does not
//! meet what is behind it: it stands there, and never sends its own prefix to a sibling.

use nanami_model::{Destination, Intent, Lifecycle, Network, NetworkId, PeerId, RouteId, Slot, SlotSet};

use super::Access;
use crate::bitmap::Bitmap;

/// Who has an address of which family, by the pools of the networks that they are in.
#[derive(Debug, Clone)]
pub(crate) struct Families {
    v4: SlotSet,
    v6: SlotSet,
}

impl Families {
    pub(crate) fn of(intent: &Intent) -> Self {
        let with = |v4: bool| {
            let has = |pools: &[nanami_model::Cidr]| pools.iter().any(|pool| pool.is_ipv4() == v4);
            let in_use = |network: &Network| network.lifecycle() == Lifecycle::Active && has(network.pools());
            let networks = intent.occupied::<NetworkId>().filter(|(_, _, network)| in_use(network));
            let mut sets = networks.map(|(slot, _, _)| intent.network_members(slot));
            let first = sets.next().cloned().unwrap_or_default();
            sets.fold(first, |all, set| {
                let mut both = Bitmap::new(intent.slot_bound::<PeerId>());
                both.add(&all);
                both.add(set);
                both.iter().collect()
            })
        };
        Self { v4: with(true), v6: with(false) }
    }

    /// Says anew which families a peer has.
    pub(crate) fn update(&mut self, intent: &Intent, peer: Slot<PeerId>) {
        let networks = intent.in_slot(peer).map(|(_, peer)| peer.networks().to_vec()).unwrap_or_default();
        let in_use = |network: &&Network| network.lifecycle() == Lifecycle::Active;
        let pools = networks.iter().filter_map(|id| intent.get(*id)).filter(in_use).flat_map(|n| n.pools());
        for (v4, set) in [(true, &mut self.v4), (false, &mut self.v6)] {
            match pools.clone().any(|pool| pool.is_ipv4() == v4) {
                true => set.insert(peer),
                false => set.remove(peer),
            };
        }
    }

    /// Whether the two are the same sets in memory. `false` says nothing.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        self.v4.shares(&other.v4) && self.v6.shares(&other.v6)
    }

    pub(crate) fn has(&self, peer: Slot<PeerId>) -> (bool, bool) {
        (self.v4.contains(peer), self.v6.contains(peer))
    }

    /// A word of those who have a family in common with a peer, itself left out unless it is wanted.
    pub(crate) fn partners_in(&self, peer: Slot<PeerId>, index: usize, with_itself: bool) -> u64 {
        let (v4, v6) = self.has(peer);
        let word = if v4 { self.v4.word(index) } else { 0 } | if v6 { self.v6.word(index) } else { 0 };
        match with_itself || index != peer.index() / 64 {
            true => word,
            false => word & !(1 << (peer.index() % 64)),
        }
    }

    /// Those who have a family in common with a peer, itself left out.
    pub(crate) fn partners(&self, peer: Slot<PeerId>, bound: usize, into: &mut Bitmap) {
        into.reset(bound);
        let (v4, v6) = self.has(peer);
        if v4 {
            into.add(&self.v4);
        }
        if v6 {
            into.add(&self.v6);
        }
        into.remove(peer);
    }
}

/// Which of the two ends is suspended or expired; the one that begins first.
pub(crate) fn absent(intent: &Intent, from: PeerId, to: Destination) -> Option<PeerId> {
    let to = if let Destination::Peer(to) = to { Some(to) } else { None };
    std::iter::once(from).chain(to).find(|peer| !intent.is_effective(*peer))
}

impl Access {
    /// Whether the two are different, and have a family in common.
    pub(crate) fn may_meet(&self, from: PeerId, to: Destination) -> bool {
        self.distinct(from, to) && self.share_family(from, to)
    }

    pub(crate) fn distinct(&self, from: PeerId, to: Destination) -> bool {
        match to {
            Destination::Peer(to) => from != to,
            Destination::Route(route) => !self.bears(from) || !self.bearers(route).any(|bearer| bearer == from),
            Destination::Address(_) => false,
        }
    }

    /// Whether a peer bears a gateway.
    pub(crate) fn bears(&self, peer: PeerId) -> bool {
        self.bearing.contains(&peer)
    }

    /// The peers that a route may lead through.
    pub(crate) fn bearers(&self, route: RouteId) -> impl Iterator<Item = PeerId> + '_ {
        let gateways = self.intent.gateways_of(route).into_iter();
        gateways.filter_map(|id| self.intent.get(id)).map(|gateway| gateway.peer())
    }

    pub(crate) fn share_family(&self, from: PeerId, to: Destination) -> bool {
        let Some(from) = self.intent.slot(from) else { return false };
        let (v4, v6) = self.families.has(from);
        let (other_v4, other_v6) = match to {
            Destination::Peer(to) => self.intent.slot(to).map_or((false, false), |to| self.families.has(to)),
            Destination::Route(route) => self.route_families(route),
            Destination::Address(_) => (false, false),
        };
        (v4 && other_v4) || (v6 && other_v6)
    }

    fn route_families(&self, route: RouteId) -> (bool, bool) {
        let route = self.intent.get(route).filter(|route| self.intent.is_active(route.network()));
        let prefixes = route.map(|route| route.prefixes()).unwrap_or_default();
        (prefixes.iter().any(|p| p.is_ipv4()), prefixes.iter().any(|p| !p.is_ipv4()))
    }

    /// Those who could reach a route.
    pub(crate) fn route_partners(&self, route: RouteId) -> Bitmap {
        let mut partners = Bitmap::new(self.intent.slot_bound::<PeerId>());
        let (v4, v6) = self.route_families(route);
        if v4 {
            partners.add(&self.families.v4);
        }
        if v6 {
            partners.add(&self.families.v6);
        }
        self.bearers(route).filter_map(|id| self.intent.slot(id)).for_each(|slot| partners.remove(slot));
        partners
    }

    /// Those who have an address of this family.
    pub(crate) fn family(&self, v4: bool) -> &SlotSet {
        if v4 { &self.families.v4 } else { &self.families.v6 }
    }
}
