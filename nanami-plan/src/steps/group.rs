//! Peers that do the same for a change: on the same sides before and after, by the same gateways.
//!
//! **Invariant**: what one member of a group does about any other peer, its routes and itself, every member does.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Layer, NetworkId, PeerId, RouteId, Slot, TrafficMode};

use crate::access::signature::SignatureId;
use crate::desired::Desired;
use crate::words::Words;

/// Peers that are alike.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) members: Words,
    /// One of them.
    pub(super) first: Slot<PeerId>,
    /// The same one by id.
    pub(super) id: PeerId,
    /// Whether they are there before and after.
    pub(super) there: [bool; 2],
    /// Whether the change touches them, so that what others do about them is said here too.
    pub(super) touched: bool,
    /// Whether what others may differ for them.
    pub(super) rows: bool,
    /// Whether the same goes through their tunnels before and after.
    pub(super) same_traffic: bool,
}

impl Group {
    /// Takes the one member of a group of one out of a set: rules may lead those who are alike to each other, and nobody to itself.
    pub(super) fn leave_out_itself(&self, set: &mut Words) {
        if self.members.is_one() {
            set.remove(self.first);
        }
    }
}

/// What peers that are alike have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    flags: (bool, bool),
    class: [Option<Class>; 2],
    /// Of somebody who is like nobody else: who that is.
    alone: Option<PeerId>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    sides: (SignatureId, (bool, bool)),
    ways: Vec<(RouteId, usize)>,
    /// What goes through its tunnels, and whether anybody says so.
    traffic: (TrafficMode, bool),
    network: Option<NetworkId>,
}

/// Gathers peers in groups.
pub(super) struct Grouping<'a> {
    states: [Option<&'a Desired>; 2],
    by_client: [bool; 2],
    alone: &'a BTreeSet<PeerId>,
    groups: BTreeMap<Key, Group>,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(states: [Option<&'a Desired>; 2], alone: &'a BTreeSet<PeerId>) -> Self {
        let by_client = states.map(|state| state.is_some_and(Desired::differs_by_client));
        Self { states, by_client, alone, groups: BTreeMap::new() }
    }

    /// Adds whoever has a slot before or after.
    pub(super) fn put(&mut self, slot: Slot<PeerId>, touched: bool, rows: bool) {
        let id = |state: Option<&Desired>| Some(state?.intent().in_slot(slot)?.0);
        let [was, is] = self.states.map(id);
        match (was, is) {
            (Some(was), Some(is)) if was == is => self.add(slot, was, [true, true], touched, rows),
            _ => {
                was.into_iter().for_each(|id| self.add(slot, id, [true, false], touched, rows));
                is.into_iter().for_each(|id| self.add(slot, id, [false, true], touched, rows));
            }
        }
    }

    fn add(&mut self, slot: Slot<PeerId>, id: PeerId, there: [bool; 2], touched: bool, rows: bool) {
        let class = |n: usize| self.states[n].filter(|_| there[n]).map(|state| self.class(n, state, slot, id));
        let class = [class(0), class(1)];
        // Who is in no network has its own name for a reason.
        let placed = class[1].as_ref().is_none_or(|class| class.network.is_some());
        let alone = (self.alone.contains(&id) || !placed).then_some(id);
        let [was, is] = class.each_ref().map(|class| class.as_ref().map(|class| class.traffic));
        let same_traffic = was == is;
        let key = Key { flags: (touched, rows), class, alone };
        let new = || Group { members: Words::default(), first: slot, id, there, touched, rows, same_traffic };
        self.groups.entry(key).or_insert_with(new).members.insert(slot);
    }

    fn class(&self, n: usize, state: &Desired, slot: Slot<PeerId>, id: PeerId) -> Class {
        let ways = match self.by_client[n] {
            true => state.access().routes_from(slot).into_iter().map(|r| (r, state.number_of_way(r, slot))).collect(),
            false => Vec::new(),
        };
        let traffic = state.intent().preference_of(id).traffic();
        let network = state.intent().in_slot(slot).and_then(|(_, peer)| peer.networks().first().copied());
        Class {
            sides: state.access().class(slot),
            ways,
            traffic: (traffic.value(), traffic.layer() != Layer::Default),
            network,
        }
    }

    pub(super) fn finish(self) -> impl Iterator<Item = Group> {
        self.groups.into_values()
    }
}
