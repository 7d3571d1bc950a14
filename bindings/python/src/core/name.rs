//! Names that a question uses: a destination, an object, and which names are near one that is nobody's.

use nanami_model::{
    AssertionId, Destination, Draft, GatewayId, GroupId, Intent, JoinKeyId, NetworkId, ObjectId, PeerId, PolicyId,
    RegionId, RouteId, UnknownName, UserId,
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

/// The object of this name in a section of the document; what declares a gateway declares a peer, which is the object.
pub(super) fn object(intent: &Intent, section: &str, name: &str) -> Result<ObjectId, UnknownName> {
    Ok(match section {
        "users" => intent.id::<UserId>(name)?.into(),
        "groups" => intent.id::<GroupId>(name)?.into(),
        "networks" => intent.id::<NetworkId>(name)?.into(),
        "regions" => intent.id::<RegionId>(name)?.into(),
        "gateways" => {
            let gateway = intent.id::<GatewayId>(name)?;
            intent.get(gateway).map_or(gateway.into(), |gateway| gateway.peer().into())
        }
        "routes" => intent.id::<RouteId>(name)?.into(),
        "policies" => intent.id::<PolicyId>(name)?.into(),
        "join_keys" => intent.id::<JoinKeyId>(name)?.into(),
        "assertions" => intent.id::<AssertionId>(name)?.into(),
        _ => intent.id::<PeerId>(name)?.into(),
    })
}

/// Removes an object with all that cannot be without it; gives back what else goes.
pub(super) fn bereave(draft: &mut Draft, id: ObjectId) -> Vec<ObjectId> {
    match id {
        ObjectId::User(id) => draft.remove_with_dependents(id),
        ObjectId::Group(id) => draft.remove_with_dependents(id),
        ObjectId::Network(id) => draft.remove_with_dependents(id),
        ObjectId::Region(id) => draft.remove_with_dependents(id),
        ObjectId::Peer(id) => draft.remove_with_dependents(id),
        ObjectId::Gateway(id) => draft.remove_with_dependents(id),
        ObjectId::Route(id) => draft.remove_with_dependents(id),
        ObjectId::Policy(id) => draft.remove_with_dependents(id),
        ObjectId::JoinKey(id) => draft.remove_with_dependents(id),
        ObjectId::Assertion(id) => draft.remove_with_dependents(id),
        ObjectId::Session(id) => draft.remove_with_dependents(id),
        ObjectId::Workspace(id) => draft.remove_with_dependents(id),
    }
}
