//! What becomes of an object when something that it names goes.
//!
//! **Invariant**: what goes without widens nothing: a policy whose last gateway goes is gone, it does not become a direct one.

use crate::entity::{GatewaySelector, RoutingMode, RoutingPreference, Serves};
use crate::object::{Object, ObjectId};

/// The object without its references to another; `None` if it cannot be without.
pub(crate) fn without(object: Object, gone: ObjectId) -> Option<Object> {
    let needs = object.references().into_iter().filter(|(_, target)| *target == gone).map(|(field, _)| field);
    let single =
        |field: &str| matches!(field, "owner" | "peer" | "region" | "network" | "from" | "to" | "route" | "what");
    let mut needs = needs.filter(|field| single(field) || *field == "gateway");
    // A peer can be nobody's.
    let bound = needs.any(|field| !(field == "owner" && matches!(object, Object::Peer(..))));
    (!bound).then(|| released(object, gone)).flatten()
}

fn released(object: Object, gone: ObjectId) -> Option<Object> {
    Some(match object {
        Object::User(id, mut user) => {
            for (group, _) in user.roles().filter(|(group, _)| ObjectId::from(*group) == gone).collect::<Vec<_>>() {
                user = user.without_group_role(group);
            }
            let groups = left(user.groups(), gone);
            let preference = preference(user.preference(), gone);
            Object::User(id, user.with_groups(groups).with_preference(preference))
        }
        Object::Group(id, group) => {
            let groups = left(group.groups(), gone);
            Object::Group(id, group.with_groups(groups))
        }
        Object::Network(id, network) => {
            let preference = preference(network.preference(), gone);
            Object::Network(id, network.with_preference(preference))
        }
        Object::Peer(id, peer) => {
            let (groups, networks) = (left(peer.groups(), gone), left(peer.networks(), gone));
            let preference = preference(peer.preference(), gone);
            let orphaned = peer.owner().is_some_and(|owner| ObjectId::from(owner) == gone);
            let peer = if orphaned { peer.without_owner() } else { peer };
            Object::Peer(id, peer.with_groups(groups).with_networks(networks).with_preference(preference))
        }
        Object::Gateway(id, gateway) => match gateway.serves().clone() {
            Serves::Only(networks) => Object::Gateway(id, gateway.with_serves(Serves::Only(left(&networks, gone)))),
            Serves::Auto => Object::Gateway(id, gateway),
        },
        Object::Route(id, route) => {
            let gateways = match route.gateways() {
                GatewaySelector::Only(gateways) => GatewaySelector::Only(filled(gateways, gone)?),
                GatewaySelector::InRegion(regions) => GatewaySelector::InRegion(filled(regions, gone)?),
                GatewaySelector::All => GatewaySelector::All,
            };
            Object::Route(id, with_selector(route, gateways))
        }
        Object::Policy(id, policy) => {
            let via = left(policy.via(), gone);
            if via.is_empty() && !policy.via().is_empty() {
                return None;
            }
            Object::Policy(id, policy.with_via(via))
        }
        Object::JoinKey(id, key) => {
            let (groups, networks) = (left(key.groups(), gone), left(key.networks(), gone));
            Object::JoinKey(id, key.with_groups(groups).with_networks(networks))
        }
        Object::Workspace(id, workspace) => {
            let preference = preference(workspace.preference(), gone);
            Object::Workspace(id, workspace.with_preference(preference))
        }
        other => other,
    })
}

fn with_selector(route: crate::entity::Route, gateways: GatewaySelector) -> crate::entity::Route {
    let most = match &gateways {
        GatewaySelector::Only(gateways) => u8::try_from(gateways.len()).unwrap_or(u8::MAX),
        _ => u8::MAX,
    };
    let redundancy = route.redundancy().min(most);
    route.with_gateways(gateways).with_redundancy(redundancy)
}

fn left<I: Copy + Into<ObjectId>>(ids: &[I], gone: ObjectId) -> Vec<I> {
    ids.iter().copied().filter(|id| (*id).into() != gone).collect()
}

/// What is left of a list that must not run empty.
fn filled<I: Copy + Into<ObjectId>>(ids: &[I], gone: ObjectId) -> Option<Vec<I>> {
    Some(left(ids, gone)).filter(|left| !left.is_empty())
}

/// A pinned gateway that goes leaves the choice to the workspace.
fn preference(preference: RoutingPreference, gone: ObjectId) -> RoutingPreference {
    let Some(RoutingMode::Manual { ingress, egress }) = preference.routing() else { return preference };
    let keep = |gateway: &crate::id::GatewayId| ObjectId::from(*gateway) != gone;
    let (ingress, egress) = (ingress.filter(keep), egress.filter(keep));
    let routing = match (ingress, egress) {
        (None, None) => RoutingMode::Auto,
        _ => RoutingMode::Manual { ingress, egress },
    };
    preference.with_routing(routing)
}
