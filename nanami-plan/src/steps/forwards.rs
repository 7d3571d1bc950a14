//! What gateways let pass to routes, before and after: by policy, class by class of clients.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Cidr, Destination, PeerId, RouteId};

use super::bundle::{Bundle, Deed};
use super::find::Finding;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::lets::{Lets, Rewrite};
use crate::paths::{Way, bearers};
use crate::stage::Stage;
use crate::step::Action;
use crate::touched::Touched;
use crate::words::Words;

impl Finding<'_> {
    /// What gateways let pass to routes.
    pub(super) fn forwards(&mut self, touched: Option<&Touched>) {
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
        routes.union(&entangled).copied().for_each(|route| self.masquerades(route));
        for route in routes.difference(&entangled).copied() {
            let granted = self.scope.states.map(|state| state.map(|state| granted(state, route)).unwrap_or_default());
            let hops: BTreeSet<PeerId> =
                self.scope.states.into_iter().flatten().flat_map(|state| hops(state, route)).collect();
            for hop in hops {
                self.forward(hop, route, &granted);
            }
        }
    }

    /// The gateways that begin, or cease, to masquerade towards a route.
    fn masquerades(&mut self, route: RouteId) {
        let [was, is] =
            self.scope.states.map(|state| state.map(|state| masquerading(state, route)).unwrap_or_default());
        for (set, other, stage, action) in [
            (&is, &was, Stage::Prepare, Action::Masquerade { to: route }),
            (&was, &is, Stage::Retire, Action::StopMasquerading { to: route }),
        ] {
            let who: Words = set.difference(other).filter_map(|hop| self.after.intent().slot(*hop)).collect();
            let reason = self.because(route);
            self.found.extend(Bundle::new(stage, reason, Deed::Only(action), &who, &Words::default()));
        }
    }

    /// The routes that have other ranges to themselves than before, or of which somebody is forwarded other ranges: gateways compare
    /// these range by range.
    pub(super) fn entangled(&self) -> BTreeSet<RouteId> {
        let all = self.scope.states.into_iter().flatten().flat_map(|state| state.intent().routes().map(|(id, _)| id));
        let differ = |route: &RouteId| {
            let [was, is] = [0, 1].map(|state| self.atoms.of(state, *route));
            let others = |state: usize, atoms: &[Cidr]| {
                atoms.iter().any(|atom| self.atoms.owner(state, atom).is_some_and(|owner| owner != *route))
            };
            let apart = was.is_empty() || is.is_empty();
            let both = |atoms: &[Cidr]| [true, false].iter().all(|v4| atoms.iter().any(|atom| atom.is_ipv4() == *v4));
            let families = self.scope.families_differ && (both(was) || both(is));
            families || (!apart && was != is) || others(0, is) || others(1, was)
        };
        all.filter(differ).collect()
    }

    fn forward(&mut self, hop: PeerId, route: RouteId, granted: &[Lets; 2]) {
        let Some(at) = self.after.intent().slot(hop) else { return };
        let who: Words = [at].into_iter().collect();
        let here = [0, 1].map(|n| {
            let Some(state) = self.scope.states[n] else { return Lets::new() };
            let clients = clients(state, route, hop);
            let mut lets = granted[n].clone();
            lets.values_mut().for_each(|set| set.intersect(&clients));
            lets
        });
        let none = Lets::new();
        let to = Destination::Route(route);
        let others = Words::all_of(here.iter().flat_map(BTreeMap::values));
        for (others, [old, new]) in self.split(others) {
            let (was, before) = if old { (&here[0], &granted[0]) } else { (&none, &none) };
            let (is, after) = if new { (&here[1], &granted[1]) } else { (&none, &none) };
            let deed = |stage, services| match (stage, services) {
                (_, None) => Deed::Attribute(Some(to)),
                (Stage::Tighten | Stage::Retire, Some(services)) => Deed::StopForwarding(to, services),
                (_, Some(services)) => Deed::Forward(to, services),
            };
            for ((stage, policy, deed), part) in (Rewrite { was, is, before, after }).of(&others, deed) {
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
        lets.entry((rule.policy, services.clone())).or_default().union(&peers.into());
    });
    lets
}

/// The peers that bear the gateways of the ways to a route.
fn hops(state: &Desired, route: RouteId) -> Vec<PeerId> {
    state.ways_to(route).iter().flat_map(|way| bearers(state.intent(), way)).collect()
}

/// The peers that masquerade, as gateways, what at least one client may send to a route.
fn masquerading(state: &Desired, route: RouteId) -> BTreeSet<PeerId> {
    let mut hops: BTreeSet<PeerId> = hops(state, route).into_iter().collect();
    hops.retain(|hop| state.masquerades(*hop, route));
    if hops.is_empty() {
        return hops;
    }
    let mut granted_to = Bitmap::default();
    granted(state, route).values().for_each(|who| who.iter().for_each(|slot| granted_to.insert(slot)));
    hops.retain(|hop| {
        let own = state.borne_by(*hop);
        let mut clients = leaving(state, route, |way| way.leaves_by(own));
        clients.intersect(&granted_to);
        !clients.is_empty()
    });
    hops
}

/// The clients of a route that a peer carries, and that have an address of a family that the route leads to.
pub(super) fn clients(state: &Desired, route: RouteId, hop: PeerId) -> Bitmap {
    leaving(state, route, |way| bearers(state.intent(), way).any(|bearer| bearer == hop))
}

/// The same for those who go one of these ways.
fn leaving(state: &Desired, route: RouteId, by: impl Fn(&Way) -> bool) -> Bitmap {
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
