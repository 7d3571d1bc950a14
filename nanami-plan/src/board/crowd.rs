//! The links of a workspace that are too many to list, counted by what stands for their ends.
//!
//! **Invariants**: each pair of a peer and what it may reach is counted exactly once, where both ends are, by the way that it goes
//! and in the state of the least of the peers on it; what has no way is no link. Peers that are alike are counted together, so
//! the work follows the number of different peers, not of pairs.

use std::collections::BTreeMap;

use nanami_model::{Destination, Gateway, GatewayId, Intent, PeerId, RouteId, Slot};

use super::Board;
use super::end::{End, Stops};
use super::observe::worst;
use super::overlay::Tally;
use super::state::State;
use crate::access::expand::Toward;
use crate::bitmap::Bitmap;
use crate::desired::Desired;

/// The links between the same ends by the same way.
pub(super) type Bundles = BTreeMap<(End, End, Stops), Bundle>;

/// How many links there are, in each state, and one of them to show.
#[derive(Debug, Clone, Default)]
pub(super) struct Bundle {
    /// By state, in the order of [`State::ALL`].
    pub(super) states: [usize; State::ALL.len()],
    pub(super) first: Option<(PeerId, Destination)>,
    /// What the plan does to them, and to those that it takes away.
    pub(super) tally: Tally,
}

/// The peers of an intent in parts with the same end and in the same state.
pub(super) struct Parts {
    /// By slot: in which part a peer is.
    of: Vec<u32>,
    pub(super) list: Vec<(End, State)>,
}

impl Parts {
    pub(super) fn of(board: &Board, intent: &Intent) -> Self {
        let mut numbers: BTreeMap<(End, State), u32> = BTreeMap::new();
        let mut parts = Self { of: vec![0; intent.slot_bound::<PeerId>()], list: Vec::new() };
        for (slot, id, _) in intent.occupied::<PeerId>() {
            let part = (board.end_of(id), board.state(id));
            parts.of[slot.index()] = *numbers.entry(part).or_insert_with(|| {
                parts.list.push(part);
                parts.list.len() as u32 - 1
            });
        }
        parts
    }

    pub(super) fn at(&self, slot: Slot<PeerId>) -> u32 {
        self.of[slot.index()]
    }
}

/// Pairs by their parts: how many, and one of them that goes directly.
type Pairs = BTreeMap<(u32, u32), (usize, Option<(PeerId, PeerId)>)>;

/// Every pair of peers that may meet, whichever way it goes.
fn pairs(desired: &Desired, parts: &Parts) -> Pairs {
    let (access, intent) = (desired.access(), desired.intent());
    // Peers with one signature, one end and one state reach as many others in each part, each without itself.
    let mut alike: BTreeMap<_, (usize, Slot<PeerId>)> = BTreeMap::new();
    for (slot, _, _) in intent.occupied::<PeerId>() {
        alike.entry((access.class(slot), parts.at(slot))).or_insert((0, slot)).0 += 1;
    }
    let mut pairs = Pairs::new();
    let mut found: Vec<(usize, Option<PeerId>)> = Vec::new();
    for ((_, from), (count, peer)) in alike {
        let Some((peer, _)) = intent.in_slot(peer) else { continue };
        found.clear();
        found.resize(parts.list.len(), (0, None));
        for slot in intent.slot(peer).map(|slot| access.partners(slot, Toward::There)).iter().flat_map(Bitmap::iter) {
            let (number, first) = &mut found[parts.at(slot) as usize];
            *number += 1;
            if first.is_none() {
                let other = intent.in_slot(slot).map(|(id, _)| id);
                *first = other.filter(|other| desired.between(peer, *other).is_direct());
            }
        }
        for (to, (number, first)) in (0..).zip(&found).filter(|(_, (number, _))| *number > 0) {
            let (counted, shown) = pairs.entry((from, to)).or_default();
            *counted += number * count;
            *shown = shown.or(first.map(|first| (peer, first)));
        }
    }
    pairs
}

impl Board {
    /// Counts the links of what this is the board of, with the states that its peers have now.
    pub(super) fn count(&self, desired: &Desired) -> Bundles {
        let intent = desired.intent();
        let parts = Parts::of(self, intent);
        let mut pairs = pairs(desired, &parts);
        let mut bundles = Bundles::new();
        for (from, to, way) in desired.detours() {
            let Some((a, b)) = intent.slot(from).zip(intent.slot(to)) else { continue };
            let at = (parts.at(a), parts.at(b));
            if let Some((count, _)) = pairs.get_mut(&at) {
                *count = count.saturating_sub(1);
            }
            if !way.is_nowhere() {
                let bearer = |id| self.objects.get(id).map(|gateway: &Gateway| gateway.peer());
                let via: Vec<_> = way.gateways().iter().copied().filter(|id| bearer(*id) != Some(from)).collect();
                let ends = [parts.list[at.0 as usize], parts.list[at.1 as usize]];
                let state = self.least(way.near(), &via, &ends.map(|(_, state)| state));
                let ends = ends.map(|(end, _)| end);
                add(
                    &mut bundles,
                    (ends[0], ends[1], self.stops_of(way.near(), &via)),
                    state,
                    1,
                    Some((from, to.into())),
                );
            }
        }
        for ((from, to), (count, first)) in pairs.into_iter().filter(|(_, (count, _))| *count > 0) {
            let [from, to] = [from, to].map(|part| parts.list[part as usize]);
            let first = first.map(|(from, to)| (from, to.into()));
            add(&mut bundles, (from.0, to.0, Stops::default()), worst([from.1, to.1].into_iter()), count, first);
        }
        for (route, _) in intent.routes() {
            self.count_clients(desired, &parts, route, &mut bundles);
        }
        if let Some(overlay) = &self.overlay {
            self.count_differences(overlay, desired, &parts, &mut bundles);
        }
        bundles
    }

    fn count_clients(&self, desired: &Desired, parts: &Parts, route: RouteId, bundles: &mut Bundles) {
        let ways = desired.ways_to(route);
        let mut clients: BTreeMap<(u32, usize), (usize, Slot<PeerId>)> = BTreeMap::new();
        desired.each_client(route, |slot, way| clients.entry((parts.at(slot), way)).or_insert((0, slot)).0 += 1);
        for ((part, way), (count, client)) in clients {
            let Some(way) = ways.get(way).filter(|way| !way.is_nowhere()) else { continue };
            let Some((client, _)) = desired.intent().in_slot(client) else { continue };
            let (from, state) = parts.list[part as usize];
            let key = (from, End::Route(route), self.stops_of(way.near(), way.gateways()));
            add(bundles, key, self.least(way.near(), way.gateways(), &[state]), count, Some((client, route.into())));
        }
    }

    /// The state of a link: of the least of its ends and of the gateways in use.
    pub(super) fn least(&self, near: Option<GatewayId>, via: &[GatewayId], ends: &[State]) -> State {
        let used = near.into_iter().chain(via.first().copied()).filter_map(|id| self.objects.get(id));
        let states: Vec<_> = ends.iter().copied().chain(used.map(|gateway| self.state(gateway.peer()))).collect();
        worst(states.into_iter())
    }
}

fn add(
    bundles: &mut Bundles,
    key: (End, End, Stops),
    state: State,
    count: usize,
    first: Option<(PeerId, Destination)>,
) {
    let bundle = bundles.entry(key).or_default();
    bundle.states[state as usize] += count;
    bundle.first = bundle.first.or(first);
}
