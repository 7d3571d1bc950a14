//! Whose maps have to be made, as a whole or as far as they are about routes, to know whether they differ: those whom gateways
//! serve, and the gateways.
//!
//! **Invariant**: whoever is left out has the same map in both states, as far as gateways and routes decide about it.

use std::collections::BTreeSet;

use nanami_model::{PeerId, RouteId, Slot};

use super::Comparison;
use super::forwards::routes;
use crate::access::expand::Toward;
use crate::desired::Desired;
use crate::paths::bearers;

impl Comparison<'_> {
    pub(super) fn doubt_around(&mut self, slot: Slot<PeerId>) {
        self.doubtful.insert(slot);
        for desired in [self.before, self.after] {
            for toward in [Toward::Here, Toward::There] {
                self.doubtful.union(&desired.access().partners(slot, toward));
            }
            let id = desired.intent().in_slot(slot).map(|(id, _)| id);
            for (_, way) in id.into_iter().flat_map(|id| routes(desired, id)) {
                self.doubtful.extend_with(&way, self.after.intent());
            }
        }
    }

    pub(super) fn doubt_gateways(&mut self) {
        for desired in [self.before, self.after] {
            let bearers: Vec<_> = desired.intent().gateways().map(|(_, gateway)| gateway.peer()).collect();
            self.doubtful.extend_with(&bearers, self.after.intent());
        }
    }

    /// Whoever reaches a route that is another one, or by other gateways, and those gateways.
    pub(super) fn doubt_ways(&mut self) {
        let all = [self.before, self.after].map(|desired| desired.intent().routes().map(|(id, _)| id));
        let all: BTreeSet<RouteId> = all.into_iter().flatten().collect();
        for route in all {
            if self.is_alike(route) {
                continue;
            }
            for desired in [self.before, self.after] {
                self.served.union(&desired.access().sources(route));
                let listed: Vec<_> = desired.access().bearers(route).collect();
                self.doubtful.extend_with(&listed, self.after.intent());
                let ways: Vec<_> =
                    desired.ways_to(route).iter().flat_map(|way| bearers(desired.intent(), way)).collect();
                self.doubtful.extend_with(&ways, self.after.intent());
            }
        }
    }

    /// Whether a route is the same in both states, with the ways to it and what is at their ends.
    fn is_alike(&self, route: RouteId) -> bool {
        let [before, after] = [self.before, self.after];
        let active = |desired: &Desired| {
            desired.intent().get(route).is_some_and(|route| desired.intent().is_active(route.network()))
        };
        let touched = |peer: PeerId| {
            let slots = [before, after].map(|desired| desired.intent().slot(peer));
            slots.iter().flatten().any(|slot| self.touched.peers.contains(slot))
        };
        let listed = |desired: &Desired| desired.access().bearers(route).collect::<Vec<_>>();
        before.intent().get(route) == after.intent().get(route)
            && active(before) == active(after)
            && before.territory(route) == after.territory(route)
            && before.goes_as(after, route)
            && listed(before) == listed(after)
            && !listed(after).into_iter().any(touched)
    }

    /// Whoever reaches anything by a gateway.
    pub(super) fn doubt_clients(&mut self) {
        for desired in [self.before, self.after] {
            for (route, _) in desired.intent().routes() {
                self.doubtful.union(&desired.access().sources(route));
            }
            let ends = desired.carried_ends();
            self.doubtful.extend_with(&ends, self.after.intent());
        }
    }
}
