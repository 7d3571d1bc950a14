//! From the desired state to the links of a board.

use nanami_model::{Destination, Services};

use super::{Board, Link};
use crate::access::Grant;
use crate::desired::Desired;

impl Board {
    /// The board of a desired state of which nothing was observed: everything is planned.
    pub fn of(desired: &Desired) -> Self {
        let access = desired.access();
        let links = access.iter().filter_map(|(from, to, grants)| {
            let way = desired.way(from, to);
            let via = way.gateways().to_vec();
            // A gateway on the way to itself, or to what is behind it, is no stop.
            let own = |id: &nanami_model::GatewayId| {
                let peer = desired.intent().get(*id).map(|gateway| gateway.peer());
                peer == Some(from) && !matches!(to, Destination::Route(_))
            };
            let link = Link::new(from, to, services(&grants)?).with_near(way.near());
            Some(link.with_via(via.into_iter().filter(|id| !own(id))))
        });
        links.fold(Self::new(desired.intent()), Self::with_link)
    }
}

/// All that the grants allow together.
fn services(grants: &[Grant]) -> Option<Services> {
    Services::new(grants.iter().flat_map(|grant| grant.services.iter().copied())).ok()
}
