//! A gateway serves networks that its peer is in, and runs an agent; what it runs on stands in one region, or a standby in
//! another region would be counted on that dies with it.

use super::{contradiction, first_by_name};
use crate::entity::{Gateway, Mode, Serves};
use crate::id::GatewayId;
use crate::intent::Tables;
use crate::intent::ranges::holders;
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
    host(tables, id, gateway, found);
}

/// The first by name says in which region a host stands.
fn host(tables: &Tables, id: GatewayId, gateway: &Gateway, found: &mut Vec<Violation>) {
    let Some(host) = gateway.host() else { return };
    let Some(first) = first_by_name(tables, holders(&tables.index.hosts, host)) else { return };
    let Some(region) = tables.gateways.get(&first).map(Gateway::region) else { return };
    if region != gateway.region() {
        let (subject, first) = (Label::new(id, tables), Label::new(first, tables));
        let why = format!("{first} runs on {host} too, and says that it stands in {}", Label::new(region, tables));
        found.push(contradiction(subject, "host", why, "give both the same region, or each a host of its own"));
    }
}
