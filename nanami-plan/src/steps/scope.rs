//! What has to be looked at to find what peers do between two states: whom a change touches, and who is concerned besides.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{PeerId, Slot};

use super::group::{Group, Grouping};
use super::need::{Carried, carried};
use crate::access::expand::Toward;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::touched::Touched;

/// What has to be looked at.
pub(super) struct Scope<'a> {
    pub(super) states: [Option<&'a Desired>; 2],
    /// Whom the change touches; everybody, if there was no former state.
    pub(super) touched: Bitmap,
    /// Slots that are somebody else's than before.
    pub(super) swapped: Bitmap,
    /// Peers whose prefixes are compared with everybody: they have other addresses, or another slot.
    pub(super) odd: BTreeSet<PeerId>,
    /// The peers that bear gateways, before or after.
    pub(super) bearers: BTreeSet<PeerId>,
    /// Peers with other addresses or another key: all others are looked at.
    pub(super) others_differ: BTreeSet<PeerId>,
    /// Whether anybody who stays has addresses of other families, so that another part of a route is forwarded for them.
    pub(super) families_differ: bool,
    /// Whether every host sends the same ranges of the overlay into the tunnel.
    pub(super) same_pools: bool,
    /// Peers that are like nobody else.
    pub(super) alone: BTreeSet<PeerId>,
    pub(super) carried: [Carried; 2],
    /// Those on sides of policies that were touched.
    pub(super) rows: Bitmap,
    /// Whose shares are compared besides.
    pub(super) others: Bitmap,
}

impl<'a> Scope<'a> {
    pub(super) fn of(states: [Option<&'a Desired>; 2], touched: Option<&Touched>) -> Self {
        let [before, after] = states;
        let all = |state: Option<&Desired>| -> Bitmap {
            state.into_iter().flat_map(|state| state.intent().occupied::<PeerId>()).map(|(slot, ..)| slot).collect()
        };
        let mut scope = Self {
            states,
            touched: touched.map_or_else(|| all(after), |touched| touched.peers.iter().copied().collect()),
            swapped: Bitmap::default(),
            odd: BTreeSet::new(),
            others_differ: BTreeSet::new(),
            families_differ: false,
            same_pools: touched.is_some_and(|touched| !touched.pools),
            bearers: BTreeSet::new(),
            alone: BTreeSet::new(),
            carried: states.map(|state| state.map(carried).unwrap_or_default()),
            rows: Bitmap::default(),
            others: Bitmap::default(),
        };
        for state in states.into_iter().flatten() {
            scope.bearers.extend(state.intent().gateways().map(|(_, gateway)| gateway.peer()));
        }
        scope.alone.extend(&scope.bearers);
        scope.alone.extend(scope.carried.iter().flat_map(|carried| carried.keys()));
        scope.alone.extend(states.into_iter().flatten().flat_map(|state| state.selection().on_link()));
        if let (Some(before), Some(touched)) = (before, touched) {
            scope.note_oddities(before, touched);
            scope.note_rows(touched);
            let ways = touched.ways || touched.pools || before.selection() != after.map_or(before, |a| a).selection();
            if ways {
                scope.others = all(after);
            }
            // What a gateway lets pass between peers is compared there, and what it does range by range.
            if scope.families_differ || scope.carried.iter().any(|carried| !carried.is_empty()) {
                let ends = scope.carried.iter().flat_map(|carried| carried.keys()).chain(&scope.bearers);
                for id in ends {
                    let slots = states.into_iter().flatten().filter_map(|state| state.intent().slot(*id));
                    scope.others.extend(slots);
                }
            }
        }
        scope
    }

    /// Notes who is another one, or has other addresses or another key.
    fn note_oddities(&mut self, before: &Desired, touched: &Touched) {
        let Some(after) = self.states[1] else { return };
        let (before, after) = (before.intent(), after.intent());
        let mut released: BTreeMap<_, PeerId> = BTreeMap::new();
        for slot in &touched.peers {
            let (was, is) = (before.in_slot(*slot), after.in_slot(*slot));
            if let (Some((was, _)), Some((is, _))) = (was, is)
                && was != is
            {
                self.swapped.insert(*slot);
                self.alone.extend([was, is]);
            }
            if let Some((id, peer)) = was {
                let now = after.get(id).map(|peer| peer.addresses()).unwrap_or_default();
                released.extend(peer.addresses().iter().filter(|at| !now.contains(at)).map(|at| (*at, id)));
            }
            let Some((id, peer)) = is else { continue };
            let Some(old) = before.get(id) else { continue };
            let (had, has) = (before.live_addresses(id), after.live_addresses(id));
            let families = self.states.map(|state| state.map(|state| state.access().class(*slot).1));
            if had != has || families[0] != families[1] {
                self.others_differ.insert(id);
            }
            self.families_differ |= families[0] != families[1];
            if had != has {
                self.alone.insert(id);
                if !had.is_empty() && !has.is_empty() {
                    self.odd.insert(id);
                }
            }
            if old.key() != peer.key() {
                self.alone.insert(id);
                self.others_differ.insert(id);
            }
        }
        for (_, id, peer) in
            touched.peers.iter().filter_map(|slot| Some((slot, after.in_slot(*slot)?.0, after.in_slot(*slot)?.1)))
        {
            for at in peer.addresses() {
                if let Some(from) = released.get(at).filter(|from| **from != id) {
                    self.odd.extend([*from, id]);
                }
            }
        }
        self.alone.extend(&self.odd);
        self.others_differ.extend(&self.odd);
    }

    fn note_rows(&mut self, touched: &Touched) {
        for state in self.states.into_iter().flatten() {
            let rules = touched.policies.iter().filter_map(|slot| state.access().rule(slot.index() as u32));
            for (_, _, side) in rules.flat_map(|rule| rule.sides()) {
                self.rows.add(state.access().members(side));
            }
        }
        self.rows.subtract(&self.touched);
    }

    /// Whoever meets a peer whose prefixes are compared with everybody compares theirs with it.
    pub(super) fn add_partners_of_odd(&mut self) {
        for state in self.states.into_iter().flatten() {
            for slot in self.odd.iter().filter_map(|id| state.intent().slot(*id)) {
                for toward in [Toward::Here, Toward::There] {
                    self.others.union(&state.access().partners(slot, toward));
                }
            }
        }
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        let mut grouping = Grouping::new(self.states, &self.alone);
        self.touched.iter().for_each(|slot| grouping.put(slot, true, true));
        self.rows.iter().for_each(|slot| grouping.put(slot, false, true));
        let mut others = self.others.clone();
        others.subtract(&self.touched);
        others.subtract(&self.rows);
        others.iter().for_each(|slot| grouping.put(slot, false, false));
        grouping.finish().collect()
    }
}

impl Bitmap {
    pub(super) fn extend(&mut self, slots: impl IntoIterator<Item = Slot<PeerId>>) {
        slots.into_iter().for_each(|slot| self.insert(slot));
    }
}
