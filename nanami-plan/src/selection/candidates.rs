//! The gateways that may serve a route, or carry for a `via`.
//!
//! **Invariant** (PLANNING.md I14, case 25): each is in the set that was asked for, has the duty, serves the network, is not switched
//! off, and its peer takes part. One that is draining is a candidate only where no other is left, for emptying a gateway must
//! not cut anybody off. A peer that has not joined is planned with like any other.

use std::collections::BTreeSet;

use nanami_model::{Activity, Duty, GatewayId, Intent, NetworkId, RouteId, RouteMode};

use super::place::Candidate;

/// The gateways that may serve a route, in the order of the document; of a pinned route the first of its set, or nobody.
pub(crate) fn of_route(intent: &Intent, id: RouteId) -> Vec<GatewayId> {
    without(intent, id, &BTreeSet::new())
}

/// The gateways that may serve a route while these are dead.
pub(crate) fn without(intent: &Intent, id: RouteId, dead: &BTreeSet<GatewayId>) -> Vec<GatewayId> {
    let Some(route) = intent.get(id) else { return Vec::new() };
    let mut listed = intent.gateways_of(id);
    if route.mode() == RouteMode::Pinned {
        listed.truncate(1);
    }
    usable(intent, listed, |id| !dead.contains(&id) && able(intent, id, Duty::Egress, Some(route.network())))
}

/// Whether this gateway may serve a route, draining or not.
pub(crate) fn may_serve(intent: &Intent, route: RouteId, gateway: GatewayId) -> bool {
    intent.get(route).is_some_and(|route| able(intent, gateway, Duty::Egress, Some(route.network())))
}

/// Whether this gateway may carry for the plain devices behind it, draining or not.
pub(crate) fn may_let_in(intent: &Intent, gateway: GatewayId) -> bool {
    able(intent, gateway, Duty::Ingress, None)
}

/// The gateways of a list that may carry traffic between peers, in its order.
pub(crate) fn of_via(intent: &Intent, listed: &[GatewayId]) -> Vec<GatewayId> {
    usable(intent, listed.to_vec(), |id| able(intent, id, Duty::Transit, None))
}

/// Whether a gateway may do this at all, draining or not.
fn able(intent: &Intent, id: GatewayId, duty: Duty, network: Option<NetworkId>) -> bool {
    intent.get(id).is_some_and(|gateway| {
        gateway.activity() != Activity::Disabled
            && gateway.duties().contains(duty)
            && network.is_none_or(|network| intent.serves(id, network))
            && intent.get(gateway.peer()).is_some_and(|peer| peer.status().is_effective())
    })
}

fn usable(intent: &Intent, mut listed: Vec<GatewayId>, able: impl Fn(GatewayId) -> bool) -> Vec<GatewayId> {
    listed.retain(|id| able(*id));
    let active = |id: &GatewayId| intent.get(*id).is_some_and(|gateway| gateway.activity() == Activity::Active);
    if listed.iter().any(active) {
        listed.retain(active);
    }
    listed
}

/// What placing needs to know of a gateway.
pub(super) fn candidate(intent: &Intent, id: GatewayId, live: bool) -> Option<Candidate> {
    let gateway = intent.get(id)?;
    let (region, host) = (gateway.region(), gateway.host().cloned());
    Some(Candidate { id, region, host, capacity: gateway.capacity().map(std::num::NonZeroU32::get), live })
}
