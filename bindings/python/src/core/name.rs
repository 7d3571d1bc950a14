//! Names that a question uses: a destination, a host, and which names are near one that is nobody's.

use nanami_model::{
    AssertionId, Destination, GatewayId, GroupId, Intent, JoinKeyId, Name, NetworkId, PeerId, PolicyId, RegionId,
    RouteId, UnknownName, UserId, parse_address,
};

use crate::trouble::Trouble;

/// A peer, else a route, else an address, which is its peer's or its route's.
pub(super) fn destination(intent: &Intent, name: &str) -> Result<Destination, Trouble> {
    if let Ok(at) = parse_address(name) {
        let peer = intent.peers().find(|(_, peer)| peer.addresses().contains(&at)).map(|(id, _)| id.into());
        let pooled = intent.networks().any(|(_, network)| network.pools().iter().any(|pool| pool.contains(at)));
        let route = || intent.route_to(at).filter(|_| !pooled).map(|(id, _)| id.into());
        return peer.or_else(route).ok_or_else(|| {
            let message = format!("{at} is nobody's address, and behind no route");
            Trouble::new("UnknownName", "name.unknown", message, "name a peer, a route, or an address of one")
        });
    }
    match intent.id::<RouteId>(name.strip_prefix("route:").unwrap_or(name)) {
        Ok(route) if name.starts_with("route:") || intent.id::<PeerId>(name).is_err() => Ok(route.into()),
        _ => Ok(intent.id::<PeerId>(name.strip_prefix("peer:").unwrap_or(name))?.into()),
    }
}

/// A host that some gateway stands on.
pub(super) fn host(intent: &Intent, text: &str) -> Result<Name, Trouble> {
    let mut hosts = intent.gateways().filter_map(|(_, gateway)| gateway.host());
    hosts.find(|host| host.as_str() == text).cloned().ok_or_else(|| {
        let message = format!("no gateway stands on a host {text:?}");
        let remedy = "a gateway's host stands in the document as gateways.NAME.host";
        Trouble::new("UnknownName", "name.unknown", message, remedy)
    })
}

/// Whether a section of the document has an object of this name.
pub(super) fn known(intent: &Intent, section: &str, name: &str) -> Result<(), UnknownName> {
    match section {
        "users" => intent.id::<UserId>(name).map(drop),
        "groups" => intent.id::<GroupId>(name).map(drop),
        "networks" => intent.id::<NetworkId>(name).map(drop),
        "regions" => intent.id::<RegionId>(name).map(drop),
        "gateways" => intent.id::<GatewayId>(name).map(drop),
        "routes" => intent.id::<RouteId>(name).map(drop),
        "policies" => intent.id::<PolicyId>(name).map(drop),
        "join_keys" => intent.id::<JoinKeyId>(name).map(drop),
        "assertions" => intent.id::<AssertionId>(name).map(drop),
        _ => intent.id::<PeerId>(name).map(drop),
    }
}
