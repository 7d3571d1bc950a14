//! Names that a question uses: a destination, a host, and which names are near one that is nobody's.

use nanami_model::{
    AssertionId, Destination, GatewayId, GroupId, Intent, JoinKeyId, Name, NetworkId, PeerId, PolicyId, RegionId,
    RouteId, UnknownName, UserId,
};

use crate::trouble::Trouble;

/// A peer or a route, by its name or an address of it.
pub(super) fn destination(intent: &Intent, name: &str) -> Result<Destination, Trouble> {
    match intent.destination(name)? {
        Destination::Address(at) => {
            let message = format!("{at} is nobody's address, and behind no route");
            Err(Trouble::new("UnknownName", "name.unknown", message, "name a peer, a route, or an address of one"))
        }
        to => Ok(to),
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
