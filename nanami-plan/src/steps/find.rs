//! From two states to what peers do, class by class.
//!
//! **Invariant**: what is found is what comparing the shares of every peer finds. Tunnels and rules between peers that no gateway
//! carries to each other come of the sets that rules lead to; what is about gateways, routes, carried pairs and addresses
//! that change is compared share by share, once for all peers that are alike.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use nanami_model::{Destination, GatewayId, ObjectId, PeerId, PolicyId};

use super::bundle::{Bundle, Deed};
use super::difference::{Difference, Needs};
use super::forwards::clients;
use super::group::Group;
use super::need::{Carried, need};
use super::scope::Scope;
use crate::access::expand::{Scratch, Toward};
use crate::around::{Around, Between, Surroundings};
use crate::atoms::Atoms;
use crate::base::Base;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::lets::lets;
use crate::paths::{Way, first_hops};
use crate::places::Places;
use crate::share::Among;
use crate::stage::Stage;
use crate::step::{Action, Reason};
use crate::touched::Touched;
use crate::words::Words;

/// What peers do between two states, of which this was touched; everything, if there was no former state.
pub(super) fn find(base: &Base, after: &Desired, touched: Option<(&Touched, &Surroundings<'_>)>) -> Vec<Bundle> {
    let (touched, surroundings) = touched.unzip();
    let states = [base.desired.as_ref(), Some(after)];
    let mut scope = Scope::of(states, touched);
    scope.add_partners_of_odd();
    let atoms = Atoms::between(base.intent(), after.intent());
    let mut finding = Finding {
        base,
        after,
        atoms: &atoms,
        scope: &scope,
        surroundings,
        places: states.map(|state| state.map(Places::of_routes).unwrap_or_default()),
        scratch: Scratch::default(),
        twice: BTreeSet::new(),
        found: Vec::new(),
    };
    for group in scope.groups() {
        finding.group(&group);
    }
    finding.forwards(touched);
    finding.between_bearers();
    finding.found
}

pub(super) struct Finding<'a> {
    pub(super) base: &'a Base,
    pub(super) after: &'a Desired,
    pub(super) atoms: &'a Atoms,
    pub(super) scope: &'a Scope<'a>,
    surroundings: Option<&'a Surroundings<'a>>,
    /// What prefixes lead to routes, before and after.
    places: [Places; 2],
    scratch: Scratch,
    /// What the bearers of gateways do about each other, which both ends find.
    twice: BTreeSet<(Stage, Reason, Deed, PeerId, PeerId)>,
    pub(super) found: Vec<Bundle>,
}

/// Who has a tunnel to a group, in one state.
#[derive(Default)]
pub(super) struct Tied {
    /// Because no gateway carries the pair.
    pub(super) direct: Words,
    /// Because one end carries something for the other.
    pub(super) carrying: Words,
    /// The peers that carry anything for the group.
    bearers: BTreeSet<PeerId>,
}

impl Finding<'_> {
    fn group(&mut self, group: &Group) {
        let around = self.around(group);
        let tied = [0, 1].map(|n| self.tied(group, n, &around.states[n]));
        if group.rows && !self.scope.odd.contains(&group.id) {
            self.rules(group, &around);
            self.tunnels(group, &around.states, &tied);
        }
        match group.there[1] {
            true => self.share(group, &around.states, &tied),
            false => self.gone(group, &tied[0].bearers),
        }
        if group.there == [true, true] {
            self.key(group, &tied);
        }
    }

    /// What rules lead to around a group: to those with whom anything may be different, or to everybody.
    fn around(&mut self, group: &Group) -> Rc<Between> {
        let surroundings = self.surroundings.filter(|_| group.there == [true, true]);
        if let Some(known) = surroundings.filter(|_| !self.scope.others_differ.contains(&group.id)) {
            return known.of(group.first);
        }
        self.scratch.with_itself = true;
        let around = [0, 1].map(|n| {
            let Some(state) = self.scope.states[n].filter(|_| group.there[n]) else { return Around::default() };
            let [here, there] = [Toward::Here, Toward::There]
                .map(|toward| lets(state.access(), group.first, toward, &mut self.scratch));
            Around::new(here, there)
        });
        self.scratch.with_itself = false;
        Rc::new(Between::new(around))
    }

    fn tied(&self, group: &Group, n: usize, around: &Around) -> Tied {
        let Some(state) = self.scope.states[n].filter(|_| group.there[n]) else { return Tied::default() };
        let mut direct = around.everybody();
        group.leave_out_itself(&mut direct);
        for other in self.scope.carried[n].get(&group.id).into_iter().flatten() {
            state.intent().slot(*other).into_iter().for_each(|slot| direct.remove(slot));
        }
        let bearers = by_bearers(state, &self.scope.carried[n], group);
        Tied { direct, carrying: carrying(state, &bearers, group), bearers }
    }

    /// The slots of peers that are compared share by share with a group.
    pub(super) fn apart(&self, group: &Group) -> Words {
        let states = self.scope.states.iter().enumerate().filter_map(|(n, state)| Some((n, (*state)?)));
        let slots = states.flat_map(|(n, state)| {
            let carried = self.scope.carried[n].get(&group.id).into_iter().flatten();
            carried.chain(&self.scope.odd).filter_map(|id| state.intent().slot(*id))
        });
        slots.collect()
    }

    /// The others in the parts in which they are compared: with what was and what is there, with what was, and with what is.
    pub(super) fn split(&self, others: Words) -> [(Words, [bool; 2]); 3] {
        let mut swapped = others.clone();
        swapped.intersect(&self.scope.swapped);
        let mut same = others;
        same.subtract(&swapped);
        [(same, [true, true]), (swapped.clone(), [true, false]), (swapped, [false, true])]
    }

    /// Adds what a group does about others, or what the others do about it.
    pub(super) fn add(
        &mut self,
        stage: Stage,
        policy: PolicyId,
        deed: Deed,
        group: &Group,
        others: &Words,
        by_group: bool,
    ) {
        let reason = self.because(policy);
        // Who is not there any more does nothing.
        let bundle = match by_group {
            true if !group.there[1] => None,
            true => Bundle::new(stage, reason, deed, &group.members, others),
            false => Bundle::new(stage, reason, deed, others, &group.members),
        };
        self.found.extend(bundle);
    }

    pub(super) fn because(&self, id: impl Into<ObjectId>) -> Reason {
        let id = id.into();
        let label = self.after.intent().label(id);
        let gone = self.base.intent().filter(|_| label.name().is_none());
        Reason::Because(gone.map_or(label, |before| before.label(id)))
    }

    /// What is compared share by share: tunnels to gateways, prefixes, what gateways carry between peers, the peer itself.
    fn share(&mut self, group: &Group, around: &[Around; 2], tied: &[Tied; 2]) {
        let mut among = Among::default();
        for (n, state) in self.scope.states.iter().enumerate().filter_map(|(n, state)| Some((n, (*state)?))) {
            among.ties.extend(&tied[n].bearers);
            among.rules.extend(self.scope.carried[n].get(&group.id).into_iter().flatten());
            if self.scope.odd.contains(&group.id) {
                let all = around[n].everybody();
                among.rules.extend(all.iter().filter_map(|slot| Some(state.intent().in_slot(slot)?.0)));
            }
        }
        among.rules.extend(&self.scope.odd);
        among.ties.extend(&among.rules);
        // What changes between a gateway and its own end is found there; what goes on by another one instead is found here.
        let bears = self.scope.bearers.contains(&group.id);
        let states = self.scope.states.into_iter().flatten().filter(|_| bears);
        let chained: BTreeSet<PeerId> = states.flat_map(|state| chained_ends(state, group.id)).collect();
        let found_there: BTreeSet<PeerId> = chained.difference(&among.ties).copied().collect();
        among.ties.extend(&found_there);
        among.ties.remove(&group.id);
        among.rules.remove(&group.id);
        if bears {
            among.routes = self.entangled();
        }
        if self.keeps_share(group, &among) {
            return;
        }
        let mut everybody: BTreeSet<PeerId> = among.ties.iter().chain([&group.id]).copied().collect();
        for state in self.scope.states.into_iter().flatten() {
            let own = state.intent().gateway_of(group.id).map(|(gateway, _)| state.pairs_carried_by(gateway));
            everybody.extend(own.into_iter().flatten().map(|(from, _)| from));
            let clients =
                among.routes.iter().flat_map(|route| clients(state, *route, group.id).iter().collect::<Vec<_>>());
            everybody.extend(clients.filter_map(|slot| Some(state.intent().in_slot(slot)?.0)));
        }
        let places = [0, 1].map(|n| match self.scope.states[n] {
            Some(state) => self.places[n].with(state, &everybody),
            None => Places::default(),
        });
        let was = self.scope.states[0].map(|state| state.part_of_share(group.id, &among)).unwrap_or_default();
        let is = self.after.part_of_share(group.id, &among);
        let mut difference = Difference {
            base: self.base,
            after: self.after,
            peer: group.id,
            needs: Needs::Asked(&self.scope.carried),
            places: &places,
            atoms: self.atoms,
            found: BTreeMap::new(),
        };
        difference.run(&was, &is);
        let mut found = difference.found;
        let there = |action: &Action| matches!(action, Action::Connect { to } | Action::Disconnect { to } if found_there.contains(to));
        found.values_mut().for_each(|actions| actions.retain(|action| !there(action)));
        for ((stage, reason), action) in
            found.into_iter().flat_map(|(key, actions)| actions.into_iter().map(move |action| (key.clone(), action)))
        {
            self.single(group, stage, reason, action);
        }
    }

    /// Whether nothing that is compared share by share can be another thing than it was: nobody else is compared so, no route is in
    /// reach, and the peer itself says what it said.
    fn keeps_share(&self, group: &Group, among: &Among) -> bool {
        let alone = among.ties.is_empty() && among.rules.is_empty() && !self.scope.bearers.contains(&group.id);
        let same = group.there == [true, true] && group.same_traffic && self.scope.same_pools;
        let slot = |state: &Desired| state.intent().slot(group.id);
        let mut states = self.scope.states.into_iter().flatten();
        let routed = |state: &Desired| slot(state).is_some_and(|slot| !state.access().routes_from(slot).is_empty());
        alone && same && !self.scope.others_differ.contains(&group.id) && !states.any(routed)
    }

    /// What those who carried anything for peers that are not there any more do about them.
    fn gone(&mut self, group: &Group, bearers: &BTreeSet<PeerId>) {
        let Some(before) = self.scope.states[0] else { return };
        let carried = &self.scope.carried[0];
        for bearer in bearers.iter().copied() {
            let policy = need(before, carried, bearer, group.id).filter(|_| before.intent().is_effective(bearer));
            if let (Some(policy), Some(at)) = (policy, self.after.intent().slot(bearer)) {
                let who: Words = [at].into_iter().collect();
                let reason = self.because(policy);
                self.found.extend(Bundle::new(Stage::Retire, reason, Deed::Disconnect, &who, &group.members));
            }
        }
    }

    fn single(&mut self, group: &Group, stage: Stage, reason: Reason, action: Action) {
        let (to, deed) = match action {
            // Said for all others at once by the peer that has another key.
            Action::Rekey { .. } => return,
            Action::Connect { .. } if !matches!(reason, Reason::Because(_)) => return,
            Action::Connect { to } => (to, Deed::Connect),
            Action::Disconnect { to } => (to, Deed::Disconnect),
            action => {
                let bundle = Bundle::new(stage, reason, Deed::Only(action), &group.members, &Words::default());
                return self.found.extend(bundle);
            }
        };
        let state = if deed == Deed::Connect { self.scope.states[1] } else { self.scope.states[0] };
        let Some(at) = state.and_then(|state| state.intent().slot(to)) else { return };
        let whom: Words = [at].into_iter().collect();
        let odd = self.scope.odd.contains(&to) || self.scope.odd.contains(&group.id);
        let [own, other] = [group.id, to].map(|id| self.scope.bearers.contains(&id));
        if odd || !other {
            return self.found.extend(Bundle::new(stage, reason, deed, &group.members, &whom));
        }
        if own {
            let ends = [(group.id, to), (to, group.id)];
            return self.twice.extend(ends.map(|(a, b)| (stage, reason.clone(), deed.clone(), a, b)));
        }
        self.found.extend(Bundle::new(stage, reason.clone(), deed.clone(), &group.members, &whom));
        if let Some(there) = self.after.intent().slot(to) {
            let who: Words = [there].into_iter().collect();
            self.found.extend(Bundle::new(stage, reason, deed, &who, &group.members));
        }
    }

    fn between_bearers(&mut self) {
        for (stage, reason, deed, own, other) in std::mem::take(&mut self.twice) {
            let state = if deed == Deed::Connect { self.scope.states[1] } else { self.scope.states[0] };
            let who = self.after.intent().slot(own);
            let (Some(who), Some(whom)) = (who, state.and_then(|state| state.intent().slot(other))) else { continue };
            let [who, whom] = [who, whom].map(|slot| [slot].into_iter().collect::<Words>());
            self.found.extend(Bundle::new(stage, reason, deed, &who, &whom));
        }
    }

    /// What others do about a peer that joined, or has another key.
    fn key(&mut self, group: &Group, tied: &[Tied; 2]) {
        let key = |n: usize| self.scope.states[n]?.intent().get(group.id)?.key();
        let label = || self.after.intent().label(group.id);
        let (stage, reason, deed) = match (key(0), key(1)) {
            (None, Some(_)) => (Stage::Prepare, Reason::Joined(label()), Deed::Connect),
            (Some(was), Some(is)) if was != is => (Stage::Move, Reason::Rekeyed(label()), Deed::Rekey),
            _ => return,
        };
        let [was, mut who] = [0, 1].map(|n| Words::all_of([&tied[n].direct, &tied[n].carrying]));
        who.intersect(&was);
        who.subtract(&self.scope.swapped);
        self.found.extend(Bundle::new(stage, reason, deed, &who, &group.members));
    }
}

/// The ends of the chains that a peer is a gateway of.
fn chained_ends(state: &Desired, peer: PeerId) -> Vec<PeerId> {
    let chained = state.intent().gateway_of(peer).map(|(gateway, _)| state.chained_by(gateway));
    let ends = |(from, to)| [Some(from), if let Destination::Peer(to) = to { Some(to) } else { None }];
    chained.into_iter().flatten().flat_map(ends).flatten().collect()
}

/// The peers that carry anything for a group.
fn by_bearers(state: &Desired, carried: &Carried, group: &Group) -> BTreeSet<PeerId> {
    let mut found = BTreeSet::new();
    let Some(slot) = state.intent().slot(group.id) else { return found };
    for to in state.access().routes_from(slot).into_iter().map(Destination::Route) {
        if !state.access().grants(group.id, to).is_empty() {
            found.extend(first_hops(state.intent(), state.way(group.id, to)));
        }
    }
    for other in carried.get(&group.id).into_iter().flatten() {
        found.extend(first_hops(state.intent(), state.between(group.id, *other)));
    }
    found.extend(state.links_of(group.id).into_keys());
    found
}

/// The slots of the peers that carry anything for a group, and of those that it carries anything for.
fn carrying(state: &Desired, bearers: &BTreeSet<PeerId>, group: &Group) -> Words {
    let intent = state.intent();
    let bearers = bearers.iter().filter_map(|id| intent.slot(*id));
    let Some((gateway, _)) = intent.gateway_of(group.id) else { return bearers.collect() };
    let mut found: Bitmap = bearers.collect();
    // Of two gateways that follow each other each has tunnels to its own end alone.
    let by = |way: &Way, gateway: GatewayId| way.entries().contains(&gateway);
    for (route, _) in intent.routes() {
        let ways: Vec<bool> = state.ways_to(route).iter().map(|way| by(way, gateway)).collect();
        if ways.contains(&true) {
            state.each_client(route, |slot, number| {
                if ways[number] {
                    found.insert(slot);
                }
            });
        }
    }
    for (from, _) in state.pairs_carried_by(gateway).into_iter().filter(|(from, to)| by(state.way(*from, *to), gateway))
    {
        intent.slot(from).into_iter().for_each(|slot| found.insert(slot));
    }
    (&found).into()
}
