//! From two states to what peers do, class by class.
//!
//! **Invariant**: what is found is what comparing the shares of every peer finds. Tunnels and rules between peers that no gateway
//! carries to each other come of the sets that rules lead to; what is about gateways, routes, carried pairs and addresses
//! that change is compared share by share, once for all peers that are alike.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Cidr, Destination, GatewayId, ObjectId, PeerId, PolicyId, RouteId, Slot};

use super::bundle::{Bundle, Deed};
use super::difference::{Difference, Needs};
use super::group::{Group, Grouping};
use super::need::{Carried, carried, need};
use crate::access::expand::{Scratch, Toward};
use crate::atoms::Atoms;
use crate::base::Base;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::lets::{Lets, Rewrite, everybody, lets};
use crate::paths::{Way, bearers};
use crate::places::Places;
use crate::share::Among;
use crate::stage::Stage;
use crate::step::{Action, Reason};
use crate::touched::Touched;

/// What peers do between two states, of which this was touched; everything, if there was no former state.
pub(super) fn find(base: &Base, after: &Desired, touched: Option<&Touched>) -> Vec<Bundle> {
    let states = [base.desired.as_ref(), Some(after)];
    let mut scope = Scope::of(states, touched);
    scope.add_partners_of_odd();
    let atoms = Atoms::between(base.intent(), after.intent());
    let mut finding = Finding {
        base,
        after,
        atoms: &atoms,
        scope: &scope,
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

/// What has to be looked at.
struct Scope<'a> {
    states: [Option<&'a Desired>; 2],
    /// Whom the change touches; everybody, if there was no former state.
    touched: Bitmap,
    /// Slots that are somebody else's than before.
    swapped: Bitmap,
    /// Peers whose prefixes are compared with everybody: they have other addresses, or another slot.
    odd: BTreeSet<PeerId>,
    /// The peers that bear gateways, before or after.
    bearers: BTreeSet<PeerId>,
    /// Peers that are like nobody else.
    alone: BTreeSet<PeerId>,
    carried: [Carried; 2],
    /// Those on sides of policies that were touched.
    rows: Bitmap,
    /// Whose shares are compared besides.
    others: Bitmap,
}

impl<'a> Scope<'a> {
    fn of(states: [Option<&'a Desired>; 2], touched: Option<&Touched>) -> Self {
        let [before, after] = states;
        let all = |state: Option<&Desired>| -> Bitmap {
            state.into_iter().flat_map(|state| state.intent().occupied::<PeerId>()).map(|(slot, ..)| slot).collect()
        };
        let mut scope = Self {
            states,
            touched: touched.map_or_else(|| all(after), |touched| touched.peers.iter().copied().collect()),
            swapped: Bitmap::default(),
            odd: BTreeSet::new(),
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
        if let (Some(before), Some(touched)) = (before, touched) {
            scope.note_oddities(before, touched);
            scope.note_rows(touched);
            let ways = touched.ways || touched.pools || before.selection() != after.map_or(before, |a| a).selection();
            if ways {
                scope.others = all(after);
            }
            // What a gateway lets pass between peers is compared there.
            if scope.carried.iter().any(|carried| !carried.is_empty()) {
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
            if had != has {
                self.alone.insert(id);
                if !had.is_empty() && !has.is_empty() {
                    self.odd.insert(id);
                }
            }
            if old.key() != peer.key() {
                self.alone.insert(id);
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
    fn add_partners_of_odd(&mut self) {
        for state in self.states.into_iter().flatten() {
            for slot in self.odd.iter().filter_map(|id| state.intent().slot(*id)) {
                for toward in [Toward::Here, Toward::There] {
                    self.others.union(&state.access().partners(slot, toward));
                }
            }
        }
    }

    fn groups(&self) -> Vec<Group> {
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

struct Finding<'a> {
    base: &'a Base,
    after: &'a Desired,
    atoms: &'a Atoms,
    scope: &'a Scope<'a>,
    scratch: Scratch,
    /// What the bearers of gateways do about each other, which both ends find.
    twice: BTreeSet<(Stage, Reason, Deed, PeerId, PeerId)>,
    found: Vec<Bundle>,
}

/// What rules lead to around a group, in one state.
#[derive(Default)]
struct Around {
    here: Lets,
    there: Lets,
    /// Those who have a tunnel because no gateway carries the pair.
    direct: Bitmap,
    /// Those who have a tunnel because one end carries something for the other.
    carrying: Bitmap,
}

impl Finding<'_> {
    fn group(&mut self, group: &Group) {
        let around = [0, 1].map(|n| self.around(group, n));
        if group.rows && !self.scope.odd.contains(&group.id) {
            self.rules(group, &around);
            self.tunnels(group, &around);
        }
        match group.there[1] {
            true => self.share(group, &around),
            false => self.gone(group),
        }
        if group.there == [true, true] {
            self.key(group, &around);
        }
    }

    fn around(&mut self, group: &Group, n: usize) -> Around {
        let Some(state) = self.scope.states[n].filter(|_| group.there[n]) else { return Around::default() };
        self.scratch.with_itself = group.members.count() > 1;
        let here = lets(state.access(), group.first, Toward::Here, &mut self.scratch);
        let there = lets(state.access(), group.first, Toward::There, &mut self.scratch);
        self.scratch.with_itself = false;
        let mut direct = everybody(here.values().chain(there.values()));
        for other in self.scope.carried[n].get(&group.id).into_iter().flatten() {
            state.intent().slot(*other).into_iter().for_each(|slot| direct.remove(slot));
        }
        Around { here, there, direct, carrying: carrying(state, &self.scope.carried[n], group) }
    }

    /// The slots of peers that are compared share by share with a group.
    fn apart(&self, group: &Group) -> Bitmap {
        let mut apart = Bitmap::default();
        for (n, state) in self.scope.states.iter().enumerate().filter_map(|(n, state)| Some((n, (*state)?))) {
            let carried = self.scope.carried[n].get(&group.id).into_iter().flatten();
            let slots = carried.chain(&self.scope.odd).filter_map(|id| state.intent().slot(*id));
            apart.extend(slots);
        }
        apart
    }

    /// The others in the parts in which they are compared: with what was and what is there, with what was, and with what is.
    fn split(&self, others: Bitmap) -> [(Bitmap, [bool; 2]); 3] {
        let mut swapped = others.clone();
        swapped.intersect(&self.scope.swapped);
        let mut same = others;
        same.subtract(&swapped);
        [(same, [true, true]), (swapped.clone(), [true, false]), (swapped, [false, true])]
    }

    fn rules(&mut self, group: &Group, [was, is]: &[Around; 2]) {
        let none = Lets::new();
        for (toward, was, is) in [(Toward::Here, &was.here, &is.here), (Toward::There, &was.there, &is.there)] {
            let mut others = everybody(was.values().chain(is.values()));
            others.subtract(&self.apart(group));
            // What others let in from those who were touched is said here for those who were not.
            if toward == Toward::There || !group.touched {
                others.subtract(&self.scope.touched);
            }
            if toward == Toward::There && !group.touched {
                continue;
            }
            for (others, [old, new]) in self.split(others) {
                let (was, is) = (if old { was } else { &none }, if new { is } else { &none });
                let rewrite = Rewrite { was, is, before: was, after: is };
                let deed = |stage, services| match (stage, services) {
                    (_, None) => Deed::Attribute(None),
                    (Stage::Tighten | Stage::Retire, Some(services)) => Deed::Refuse(services),
                    (_, Some(services)) => Deed::Accept(services),
                };
                let mut found = Vec::new();
                rewrite.each(&others, deed, |changes, part| found.push((changes, part.clone())));
                for (changes, part) in found {
                    for (stage, policy, deed) in changes {
                        match toward {
                            Toward::Here => self.add(stage, policy, deed, group, &part, true),
                            Toward::There => self.add(stage, policy, deed, group, &part, false),
                        }
                    }
                }
            }
        }
    }

    fn tunnels(&mut self, group: &Group, around: &[Around; 2]) {
        let mut apart = self.apart(group);
        around.iter().for_each(|state| apart.union(&state.carrying));
        let [mut was, mut is] = [0, 1].map(|n| around[n].direct.clone());
        for set in [&mut was, &mut is] {
            set.subtract(&apart);
            if !group.touched {
                set.subtract(&self.scope.touched);
            }
        }
        let (mut come, mut go) = (is.clone(), was.clone());
        for (set, other) in [(&mut come, &was), (&mut go, &is)] {
            let mut kept = other.clone();
            kept.subtract(&self.scope.swapped);
            set.subtract(&kept);
        }
        for (n, stage, set, deed) in
            [(1, Stage::Prepare, come, Deed::Connect), (0, Stage::Retire, go, Deed::Disconnect)]
        {
            for (policy, part) in self.by_first_policy(n, &around[n], set) {
                self.add(stage, policy, deed.clone(), group, &part, true);
                if group.touched {
                    let mut untouched = part;
                    untouched.subtract(&self.scope.touched);
                    self.add(stage, policy, deed.clone(), group, &untouched, false);
                }
            }
        }
    }

    /// Those of a set by the first policy by name that lets anything through either way.
    fn by_first_policy(&self, n: usize, around: &Around, mut left: Bitmap) -> Vec<(PolicyId, Bitmap)> {
        let Some(state) = self.scope.states[n] else { return Vec::new() };
        let mut lets: Vec<_> =
            around.here.iter().chain(&around.there).map(|((policy, _), who)| (*policy, who)).collect();
        lets.sort_by(|a, b| state.intent().name_of(a.0).cmp(&state.intent().name_of(b.0)));
        let mut found: Vec<(PolicyId, Bitmap)> = Vec::new();
        for (policy, who) in lets {
            let mut own = left.clone();
            own.intersect(who);
            if own.is_empty() {
                continue;
            }
            left.subtract(&own);
            match found.last_mut().filter(|(last, _)| *last == policy) {
                Some((_, known)) => known.union(&own),
                None => found.push((policy, own)),
            }
        }
        found
    }

    /// Adds what a group does about others, or what the others do about it.
    fn add(&mut self, stage: Stage, policy: PolicyId, deed: Deed, group: &Group, others: &Bitmap, by_group: bool) {
        let reason = self.because(policy);
        // Who is not there any more does nothing.
        let bundle = match by_group {
            true if !group.there[1] => None,
            true => Bundle::new(stage, reason, deed, &group.members, others),
            false => Bundle::new(stage, reason, deed, others, &group.members),
        };
        self.found.extend(bundle);
    }

    fn because(&self, id: impl Into<ObjectId>) -> Reason {
        let id = id.into();
        let known = self.after.intent().name_of(id).is_some();
        let before = self.base.intent().filter(|_| !known);
        Reason::Because(before.unwrap_or(self.after.intent()).label(id))
    }

    /// What is compared share by share: tunnels to gateways, prefixes, what gateways carry between peers, the peer itself.
    fn share(&mut self, group: &Group, around: &[Around; 2]) {
        let mut among = Among::default();
        for (n, state) in self.scope.states.iter().enumerate().filter_map(|(n, state)| Some((n, (*state)?))) {
            among.ties.extend(by_bearers(state, &self.scope.carried[n], group));
            among.rules.extend(self.scope.carried[n].get(&group.id).into_iter().flatten());
            if self.scope.odd.contains(&group.id) {
                let all = everybody(around[n].here.values().chain(around[n].there.values()));
                among.rules.extend(all.iter().filter_map(|slot| Some(state.intent().in_slot(slot)?.0)));
            }
        }
        among.rules.extend(&self.scope.odd);
        among.ties.extend(&among.rules);
        among.ties.remove(&group.id);
        among.rules.remove(&group.id);
        if self.scope.bearers.contains(&group.id) {
            among.routes = self.entangled();
        }
        let mut everybody: BTreeSet<PeerId> = among.ties.iter().chain([&group.id]).copied().collect();
        for state in self.scope.states.into_iter().flatten() {
            let own = state.intent().gateway_of(group.id).map(|(gateway, _)| state.pairs_carried_by(gateway));
            everybody.extend(own.into_iter().flatten().map(|(from, _)| from));
            let clients =
                among.routes.iter().flat_map(|route| clients(state, *route, group.id).iter().collect::<Vec<_>>());
            everybody.extend(clients.filter_map(|slot| Some(state.intent().in_slot(slot)?.0)));
        }
        let places = |state: Option<&Desired>| state.map(|state| Places::among(state, &everybody)).unwrap_or_default();
        let places = self.scope.states.map(places);
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
        let found = difference.found;
        for ((stage, reason), action) in
            found.into_iter().flat_map(|(key, actions)| actions.into_iter().map(move |action| (key.clone(), action)))
        {
            self.single(group, stage, reason, action);
        }
    }

    /// What those who carried anything for peers that are not there any more do about them.
    fn gone(&mut self, group: &Group) {
        let Some(before) = self.scope.states[0] else { return };
        let carried = &self.scope.carried[0];
        for bearer in by_bearers(before, carried, group) {
            let policy = need(before, carried, bearer, group.id).filter(|_| before.intent().is_effective(bearer));
            if let (Some(policy), Some(at)) = (policy, self.after.intent().slot(bearer)) {
                let who: Bitmap = [at].into_iter().collect();
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
                let bundle = Bundle::new(stage, reason, Deed::Only(action), &group.members, &Bitmap::default());
                return self.found.extend(bundle);
            }
        };
        let state = if deed == Deed::Connect { self.scope.states[1] } else { self.scope.states[0] };
        let Some(at) = state.and_then(|state| state.intent().slot(to)) else { return };
        let whom: Bitmap = [at].into_iter().collect();
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
            let who: Bitmap = [there].into_iter().collect();
            self.found.extend(Bundle::new(stage, reason, deed, &who, &group.members));
        }
    }

    fn between_bearers(&mut self) {
        for (stage, reason, deed, own, other) in std::mem::take(&mut self.twice) {
            let state = if deed == Deed::Connect { self.scope.states[1] } else { self.scope.states[0] };
            let who = self.after.intent().slot(own);
            let (Some(who), Some(whom)) = (who, state.and_then(|state| state.intent().slot(other))) else { continue };
            let [who, whom] = [who, whom].map(|slot| [slot].into_iter().collect::<Bitmap>());
            self.found.extend(Bundle::new(stage, reason, deed, &who, &whom));
        }
    }

    /// What others do about a peer that joined, or has another key.
    fn key(&mut self, group: &Group, around: &[Around; 2]) {
        let key = |n: usize| self.scope.states[n]?.intent().get(group.id)?.key();
        let label = || self.after.intent().label(group.id);
        let (stage, reason, deed) = match (key(0), key(1)) {
            (None, Some(_)) => (Stage::Prepare, Reason::Joined(label()), Deed::Connect),
            (Some(was), Some(is)) if was != is => (Stage::Move, Reason::Rekeyed(label()), Deed::Rekey),
            _ => return,
        };
        let [was, mut who] = [0, 1].map(|n| everybody([&around[n].direct, &around[n].carrying]));
        who.intersect(&was);
        who.subtract(&self.scope.swapped);
        self.found.extend(Bundle::new(stage, reason, deed, &who, &group.members));
    }

    /// What gateways let pass to routes.
    fn forwards(&mut self, touched: Option<&Touched>) {
        let all = self.scope.states[0].is_none() || !self.scope.others.is_empty();
        let mut routes: BTreeSet<RouteId> = BTreeSet::new();
        for state in self.scope.states.into_iter().flatten() {
            if all || touched.is_none() {
                routes.extend(state.intent().routes().map(|(id, _)| id));
                continue;
            }
            routes.extend(self.scope.touched.iter().flat_map(|slot| state.access().routes_from(slot)));
            let policies = touched.into_iter().flat_map(|touched| &touched.policies);
            routes.extend(policies.filter_map(|slot| state.access().rule(slot.index() as u32)?.route()));
        }
        let entangled = self.entangled();
        for route in routes.difference(&entangled).copied() {
            let granted = self.scope.states.map(|state| state.map(|state| granted(state, route)).unwrap_or_default());
            let hops: BTreeSet<PeerId> =
                self.scope.states.into_iter().flatten().flat_map(|state| hops(state, route)).collect();
            for hop in hops {
                self.forward(hop, route, &granted);
            }
        }
    }

    /// The routes that have other ranges to themselves than before, which gateways compare range by range.
    fn entangled(&self) -> BTreeSet<RouteId> {
        let all = self.scope.states.into_iter().flatten().flat_map(|state| state.intent().routes().map(|(id, _)| id));
        let differ = |route: &RouteId| {
            let [was, is] = [0, 1].map(|state| self.atoms.of(state, *route));
            let others = |state: usize, atoms: &[Cidr]| {
                atoms.iter().any(|atom| self.atoms.owner(state, atom).is_some_and(|owner| owner != *route))
            };
            let apart = was.is_empty() || is.is_empty();
            (!apart && was != is) || others(0, is) || others(1, was)
        };
        all.filter(differ).collect()
    }

    fn forward(&mut self, hop: PeerId, route: RouteId, granted: &[Lets; 2]) {
        let Some(at) = self.after.intent().slot(hop) else { return };
        let who: Bitmap = [at].into_iter().collect();
        let here = [0, 1].map(|n| {
            let Some(state) = self.scope.states[n] else { return Lets::new() };
            let clients = clients(state, route, hop);
            let mut lets = granted[n].clone();
            lets.values_mut().for_each(|set| set.intersect(&clients));
            lets
        });
        let none = Lets::new();
        let to = Destination::Route(route);
        let others = everybody(here.iter().flat_map(BTreeMap::values));
        for (others, [old, new]) in self.split(others) {
            let (was, before) = if old { (&here[0], &granted[0]) } else { (&none, &none) };
            let (is, after) = if new { (&here[1], &granted[1]) } else { (&none, &none) };
            let deed = |stage, services| match (stage, services) {
                (_, None) => Deed::Attribute(Some(to)),
                (Stage::Tighten | Stage::Retire, Some(services)) => Deed::StopForwarding(to, services),
                (_, Some(services)) => Deed::Forward(to, services),
            };
            let mut found = Vec::new();
            Rewrite { was, is, before, after }.each(&others, deed, |changes, part| found.push((changes, part.clone())));
            for ((stage, policy, deed), part) in
                found.into_iter().flat_map(|(all, part)| all.into_iter().map(move |change| (change, part.clone())))
            {
                let reason = self.because(policy);
                self.found.extend(Bundle::new(stage, reason, deed, &who, &part));
            }
        }
    }
}

/// What is granted on a route, by policy and what is left of its services.
fn granted(state: &Desired, route: RouteId) -> Lets {
    let mut lets = Lets::new();
    state.access().expand_route(route, |peers, rule, services| {
        lets.entry((rule.policy, services.clone())).or_default().union(peers);
    });
    lets
}

/// The peers that bear the gateways of the ways to a route.
fn hops(state: &Desired, route: RouteId) -> Vec<PeerId> {
    state.ways_to(route).iter().flat_map(|way| bearers(state.intent(), way)).collect()
}

/// The clients of a route that a peer carries, and that have an address of a family that the route leads to.
fn clients(state: &Desired, route: RouteId, hop: PeerId) -> Bitmap {
    let by = |way: &Way| bearers(state.intent(), way).any(|bearer| bearer == hop);
    let ways: Vec<bool> = state.ways_to(route).iter().map(by).collect();
    let mut clients = Bitmap::default();
    if !ways.contains(&true) {
        return clients;
    }
    state.each_client(route, |slot, number| {
        if ways[number] {
            clients.insert(slot);
        }
    });
    let mut families = Bitmap::default();
    for v4 in [true, false] {
        if state.territory(route).iter().any(|range| range.is_ipv4() == v4) {
            families.add(state.access().family(v4));
        }
    }
    clients.intersect(&families);
    clients
}

/// The peers that carry anything for a group.
fn by_bearers(state: &Desired, carried: &Carried, group: &Group) -> BTreeSet<PeerId> {
    let mut found = BTreeSet::new();
    let Some(slot) = state.intent().slot(group.id) else { return found };
    for to in state.access().routes_from(slot).into_iter().map(Destination::Route) {
        if !state.access().grants(group.id, to).is_empty() {
            found.extend(bearers(state.intent(), state.way(group.id, to)));
        }
    }
    for other in carried.get(&group.id).into_iter().flatten() {
        found.extend(bearers(state.intent(), state.between(group.id, *other)));
    }
    found
}

/// The slots of the peers that carry anything for a group, and of those that it carries anything for.
fn carrying(state: &Desired, carried: &Carried, group: &Group) -> Bitmap {
    let intent = state.intent();
    let mut found: Bitmap = by_bearers(state, carried, group).into_iter().filter_map(|id| intent.slot(id)).collect();
    let Some((gateway, _)) = intent.gateway_of(group.id) else { return found };
    let by = |way: &Way, gateway: GatewayId| way.gateways().contains(&gateway);
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
    for (from, _) in state.pairs_carried_by(gateway) {
        intent.slot(from).into_iter().for_each(|slot| found.insert(slot));
    }
    found
}

impl Bitmap {
    fn extend(&mut self, slots: impl IntoIterator<Item = Slot<PeerId>>) {
        slots.into_iter().for_each(|slot| self.insert(slot));
    }
}
