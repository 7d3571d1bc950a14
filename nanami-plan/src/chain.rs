//! Chains: ways by two gateways, from a plain device whose own gateway does not lead there itself.
//!
//! **Invariants** (PLANNING.md I5, I12): the near gateway, which the one tunnel of a device leads to, hands on to the far one alone, and
//! the far one to the end alone; each re-encrypts. The two are different, and neither is an end, for no plain device bears a gateway.
//! So every hop is nearer to the end than the one before, and there are three at most.
//!
//! A peer has one next hop to a prefix, whoever sends. A device is reached by its own gateway, from wherever it is; and to a route
//! the near gateway hands on as its own peer goes there, standbys included. So a chain never asks for a second next hop.

use nanami_model::{GatewayId, Intent};

use crate::names::Names;
use crate::paths::Way;
use crate::selection::candidates;

/// What keeps two gateways from making a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// This gateway may not let in the devices behind it.
    Shut(GatewayId),
    /// What goes there from the near gateway goes by that gateway itself.
    Itself(GatewayId),
    /// The near gateway has no way there.
    NoWay(GatewayId),
    /// The two reach each other by a third gateway alone.
    Apart(GatewayId, GatewayId),
    /// Policies ask for `via`, by neither of the two.
    NotAsked(GatewayId, GatewayId),
}

impl Obstacle {
    /// What follows: no way.
    pub(crate) fn way(self) -> Way {
        Way::by(Vec::new())
    }

    pub(crate) fn describe(self, names: &Names) -> String {
        match self {
            Self::Shut(id) => format!("{} may not let in the devices behind it", names.of(id)),
            Self::Itself(id) => {
                format!("what it leads to goes by {} itself, which does not stand before it", names.of(id))
            }
            Self::NoWay(id) => format!("{} has no way there either", names.of(id)),
            Self::Apart(a, b) => {
                format!("{} and {} reach each other by another gateway, as policies ask", names.of(a), names.of(b))
            }
            Self::NotAsked(a, b) => format!("policies ask for other gateways than {} and {}", names.of(a), names.of(b)),
        }
    }
}

/// The way from one plain device behind `near` to one behind another gateway. Of a `via` list one of the two is enough.
pub(crate) fn between(
    intent: &Intent,
    near: GatewayId,
    far: GatewayId,
    via: Option<&[GatewayId]>,
) -> Result<Way, Obstacle> {
    [near, far].into_iter().try_for_each(|gateway| lets_in(intent, gateway))?;
    if via.is_some_and(|list| !list.contains(&near) && !list.contains(&far)) {
        return Err(Obstacle::NotAsked(near, far));
    }
    Ok(Way::chained(near, vec![far]))
}

/// The way of a plain device behind `near` to a route that this one does not stand before, by the way of its own peer.
pub(crate) fn to_route(intent: &Intent, near: GatewayId, own: &Way) -> Result<Way, Obstacle> {
    lets_in(intent, near)?;
    if own.gateways().is_empty() {
        return Err(Obstacle::NoWay(near));
    }
    if own.passes(near) {
        return Err(Obstacle::Itself(near));
    }
    Ok(Way::chained(near, own.gateways().to_vec()))
}

fn lets_in(intent: &Intent, gateway: GatewayId) -> Result<(), Obstacle> {
    if candidates::may_let_in(intent, gateway) { Ok(()) } else { Err(Obstacle::Shut(gateway)) }
}
