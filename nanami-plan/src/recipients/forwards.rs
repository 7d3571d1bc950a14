//! Who goes to what is behind a route, by whom, and which gateways are told of it.
//!
//! **Invariant**: a gateway that is named certain has another map in any case; of one that may have the same, its map is made.

use nanami_model::{Destination, PeerId, Slot};

use super::{Comparison, is_there};
use crate::access::Grant;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::paths::bearers;

impl Comparison<'_> {
    /// The gateways that forward something else for a client than they did.
    pub(super) fn forwards(&mut self, id: PeerId) {
        let grants = [self.before, self.after].map(|desired| route_grants(desired, id));
        for n in [0, 1] {
            grants[n]
                .iter()
                .filter(|grant| !grants[1 - n].contains(grant))
                .for_each(|grant| self.forwarded(n, id, grant));
        }
    }

    /// The gateways by which a client goes to a route in one of the states, and not so in the other.
    pub(super) fn forwarded(&mut self, n: usize, id: PeerId, (to, own): &(Destination, Vec<Grant>)) {
        let desired = [self.before, self.after][n];
        let bearers: Vec<_> = bearers(desired.intent(), desired.way(id, *to)).collect();
        let there = desired.intent().live_addresses(id);
        let territory = if let Destination::Route(route) = to { desired.territory(*route) } else { &[] };
        let rules = territory.iter().any(|range| there.iter().any(|at| at.is_ipv4() == range.is_ipv4()));
        let certain = rules && !own.is_empty();
        self.scratch.work += (1 + bearers.len()) as u64;
        // A gateway that takes no part still has a map, though no way leads by it.
        let away = bearers.is_empty() || bearers.iter().any(|bearer| !is_there(desired, *bearer));
        if let (true, Destination::Route(route)) = (away, to) {
            let listed = desired.intent().gateways_of(*route);
            let listed = listed.into_iter().filter_map(|gateway| desired.intent().get(gateway));
            let around: Vec<_> = listed.map(|gateway| gateway.peer()).chain([id]).collect();
            self.doubtful.extend_with(&around, self.after.intent());
        }
        let into = if certain && !away { &mut self.changed } else { &mut self.doubtful };
        into.extend_with(&bearers, self.after.intent());
    }
}

/// Adds those that have joined and that a peer has a tunnel to because one of the two carries a route for the other. Says how much
/// was looked at.
pub(super) fn carried(desired: &Desired, slot: Slot<PeerId>, joined: &Bitmap, into: &mut Bitmap) -> u64 {
    let intent = desired.intent();
    let Some((id, _)) = intent.in_slot(slot) else { return 0 };
    let mut tunnels = Bitmap::default();
    let looked = match desired.borne_by(id) {
        Some(gateway) => desired.clients_of(|way| way.gateways().contains(&gateway), &mut tunnels),
        None => 0,
    };
    let routes = routes(desired, id);
    routes.iter().for_each(|(_, bearers)| tunnels.extend_with(bearers, intent));
    tunnels.remove(slot);
    tunnels.intersect(joined);
    into.union(&tunnels);
    looked + routes.len() as u64
}

/// What a peer is granted on routes.
pub(super) fn route_grants(desired: &Desired, id: PeerId) -> Vec<(Destination, Vec<Grant>)> {
    let routes = desired.intent().slot(id).map(|slot| desired.access().routes_from(slot)).unwrap_or_default();
    let grants = |route| (Destination::Route(route), desired.access().grants(id, Destination::Route(route)));
    routes.into_iter().map(grants).filter(|(_, grants)| !grants.is_empty()).collect()
}

/// The routes that a peer reaches by gateways that have joined, with those.
pub(super) fn open(desired: &Desired, id: PeerId) -> Vec<(Destination, Vec<PeerId>)> {
    let mut all = routes(desired, id);
    all.iter_mut().for_each(|(_, bearers)| bearers.retain(|bearer| is_there(desired, *bearer)));
    all.retain(|(_, bearers)| !bearers.is_empty());
    all
}

/// The routes that a peer reaches, with the peers that bear their gateways.
pub(super) fn routes(desired: &Desired, id: PeerId) -> Vec<(Destination, Vec<PeerId>)> {
    let reached = route_grants(desired, id).into_iter().map(|(to, _)| to);
    reached.map(|to| (to, bearers(desired.intent(), desired.way(id, to)).collect())).collect()
}
