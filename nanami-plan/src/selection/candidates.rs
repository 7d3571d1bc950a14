//! The gateways that may serve a route.
//!
//! **Invariant** (PLANNING.md I14): each is in the route's set and not switched off; one that is draining is a candidate only where
//! no other is left, for emptying a gateway must not cut anybody off.

use nanami_model::{Activity, GatewayId, Intent, RouteId};

use super::place::{Candidate, Order};

/// The gateways that may serve a route, in the order of the document.
pub(crate) fn of_route(intent: &Intent, route: RouteId) -> Vec<GatewayId> {
    let listed = intent.get(route).map(|route| route.gateways().to_vec()).unwrap_or_default();
    usable(intent, &listed)
}

/// Those of a list that may serve.
pub(crate) fn usable(intent: &Intent, listed: &[GatewayId]) -> Vec<GatewayId> {
    let with = |activity| {
        let is = move |id: &&GatewayId| intent.get(**id).is_some_and(|gateway| gateway.activity() == activity);
        listed.iter().filter(is).copied().collect::<Vec<_>>()
    };
    let active = with(Activity::Active);
    if active.is_empty() { with(Activity::Draining) } else { active }
}

/// What placing needs to know of a gateway.
pub(super) fn candidate(intent: &Intent, id: GatewayId, live: bool) -> Option<Candidate> {
    let gateway = intent.get(id)?;
    Some(Candidate { id, region: gateway.region(), host: None, capacity: None, live })
}

/// How a route wants its gateways chosen.
pub(super) fn order(intent: &Intent, route: RouteId) -> Order {
    let _ = intent.get(route);
    Order::Primary
}
