//! From the desired state to the links of a board.

use nanami_model::{Destination, Services};

use super::detail::Cards;
use super::{Board, Detail, Link};
use crate::access::Grant;
use crate::desired::Desired;

impl Board {
    /// The board of a desired state of which nothing was observed: everything is planned.
    pub fn of(desired: &Desired) -> Self {
        Self::in_detail(desired, Detail::default())
    }

    /// The same, with so much detail. Where cards stand for many peers links are counted, never listed.
    pub fn in_detail(desired: &Desired, detail: Detail) -> Self {
        let board = Self::new(desired.intent()).with_detail(detail);
        if board.cards != Cards::Peers {
            return Self { crowd: Some(desired.clone()), ..board };
        }
        let links = desired.access().iter().filter_map(|(from, to, grants)| {
            let way = desired.way(from, to);
            if way.is_nowhere() {
                return None;
            }
            // A gateway on the way to itself, or to what is behind it, is no stop.
            let own = |id: &nanami_model::GatewayId| {
                let peer = desired.intent().get(*id).map(|gateway| gateway.peer());
                peer == Some(from) && !matches!(to, Destination::Route(_))
            };
            let via = way.gateways().iter().copied().filter(|id| !own(id));
            Some(Link::new(from, to, services(&grants)?).with_near(way.near()).with_via(via))
        });
        links.fold(board, Self::with_link)
    }
}

/// All that the grants allow together.
fn services(grants: &[Grant]) -> Option<Services> {
    Services::new(grants.iter().flat_map(|grant| grant.services.iter().copied())).ok()
}
