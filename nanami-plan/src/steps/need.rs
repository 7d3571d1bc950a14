//! Which policy needs the tunnel between two peers.
//!
//! **Invariant**: of all policies that send anything through the tunnel, directly or by one end as a gateway, the first by name.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Destination, GatewayId, PeerId, PolicyId};

use crate::desired::Desired;

/// The peers that gateways carry each peer to.
pub(crate) type Carried = BTreeMap<PeerId, BTreeSet<PeerId>>;

/// The peers that gateways carry each peer to in a state, whether or not one of these gateways may serve.
pub(crate) fn carried(desired: &Desired) -> Carried {
    let mut carried = Carried::new();
    for pair in desired.carried_ends().chunks_exact(2) {
        carried.entry(pair[0]).or_default().insert(pair[1]);
        carried.entry(pair[1]).or_default().insert(pair[0]);
    }
    carried
}

/// The first policy by name that needs the tunnel between two peers; `None` if none does.
pub(crate) fn need(desired: &Desired, carried: &Carried, a: PeerId, b: PeerId) -> Option<PolicyId> {
    let first = |from, to| desired.access().grants(from, to).first().map(|grant| grant.policy);
    let mut found = Vec::new();
    if desired.between(a, b).is_direct() {
        found.extend([first(a, b.into()), first(b, a.into())]);
    }
    for (client, bearer) in [(a, b), (b, a)] {
        let Some((gateway, _)) = desired.intent().gateway_of(bearer) else { continue };
        found.extend(sent_by(desired, carried, client, gateway).into_iter().map(|(from, to)| first(from, to)));
    }
    if desired.intent().gateway_of(a).is_some() && desired.intent().gateway_of(b).is_some() {
        let by_both = desired.links_of(a).remove(&b).unwrap_or_default();
        found.extend(by_both.into_iter().map(|(from, to)| first(from, to)));
    }
    found.into_iter().flatten().min_by(|a, b| desired.intent().name_of(*a).cmp(&desired.intent().name_of(*b)))
}

/// What a peer sends, or is sent, by a gateway.
fn sent_by(desired: &Desired, carried: &Carried, client: PeerId, gateway: GatewayId) -> Vec<(PeerId, Destination)> {
    let goes = |to: Destination| desired.way(client, to).entries().contains(&gateway);
    let slot = desired.intent().slot(client);
    let routes = slot.map(|slot| desired.access().routes_from(slot)).unwrap_or_default();
    let routes = routes.into_iter().map(|route| (client, Destination::Route(route))).filter(|(_, to)| goes(*to));
    let others = carried.get(&client).into_iter().flatten().filter(|other| goes((**other).into()));
    let pairs = others.flat_map(|other| [(client, Destination::Peer(*other)), (*other, client.into())]);
    routes.chain(pairs).collect()
}
