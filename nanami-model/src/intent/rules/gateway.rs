//! A gateway serves networks that its peer is in, and runs an agent.

use super::contradiction;
use crate::entity::{Mode, Serves};
use crate::id::GatewayId;
use crate::intent::Tables;
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: GatewayId, found: &mut Vec<Violation>) {
    let Some(gateway) = tables.gateways.get(&id) else { return };
    let subject = || Label::new(id, tables);
    let peer = tables.peers.get(&gateway.peer());
    if let (Serves::Only(networks), Some(peer)) = (gateway.serves(), peer) {
        for network in networks.iter().filter(|network| !peer.networks().contains(network)) {
            let why = format!("its peer is not in {}", Label::new(*network, tables));
            found.push(contradiction(subject(), "serves", why, "put the peer into the network, or leave that out"));
        }
    }
    if peer.is_some_and(|peer| peer.mode() != Mode::Managed) {
        let why = "its peer is a plain device, which enforces nothing".to_owned();
        found.push(contradiction(subject(), "peer", why, "run an agent on it, or choose another peer"));
    }
}
