//! A key and an address belong to one peer each (PLANNING section 8, cases 2 and 8); a revoked key is nobody's (SEC-11); an
//! address that was asked for is in a pool.

use super::{contradiction, first_by_name, preference};
use crate::entity::{Duty, Lifecycle, Mode, Peer};
use crate::id::PeerId;
use crate::intent::Tables;
use crate::intent::gateways::serves;
use crate::intent::index::Touched;
use crate::intent::ranges::holders;
use crate::object::{Label, Object};
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: PeerId, found: &mut Vec<Violation>) {
    let Some(peer) = tables.peers.get(&id) else { return };
    let label = || Label::new(id, tables);
    if !peer.preference().is_none() {
        preference::check(tables, &label(), peer.preference(), Some(peer.networks()), found);
    }
    limited(tables, id, peer, found);
    if let Some(key) = peer.key()
        && let Some(first) = first_by_name(tables, holders(&tables.index.keys, &key)).filter(|first| *first != id)
    {
        found.push(Violation::DuplicateKey { subject: label(), other: Label::new(first, tables) });
    }
    if peer.key().is_some_and(|key| tables.workspace().is_some_and(|workspace| workspace.is_revoked(&key))) {
        let why = "its key is revoked".to_owned();
        found.push(contradiction(label(), "key", why, "make a key pair of its own on the machine, or remove the peer"));
    }
    for address in peer.fixed_addresses() {
        let mut pools = peer.networks().iter().filter_map(|n| tables.networks.get(n)).flat_map(|n| n.pools());
        if !pools.any(|pool| pool.contains(*address)) {
            let why = format!("{address} is in no pool of the peer's networks");
            found.push(contradiction(label(), "addresses", why, "choose an address of a pool, or add the network"));
        }
    }
    let mut own = [peer.addresses(), peer.fixed_addresses()].concat();
    own.sort_unstable();
    own.dedup();
    for address in own {
        let first = first_by_name(tables, holders(&tables.index.addresses, &address));
        if let Some(first) = first.filter(|first| *first != id) {
            let (subject, other) = (label(), Label::new(first, tables));
            found.push(Violation::DuplicateAddress { subject, other, address });
        }
        if let Some(since) = tables.ipam.quarantined_for_other(address, id) {
            found.push(Violation::Quarantined { subject: label(), address, since });
        }
    }
}

/// A plain device has a key from the start, for nobody joins on it, and one tunnel, to a gateway that lets such devices in.
fn limited(tables: &Tables, id: PeerId, peer: &Peer, found: &mut Vec<Violation>) {
    let Mode::Limited { gateway: gateway_id } = peer.mode() else { return };
    let label = || Label::new(id, tables);
    if peer.key().is_none() {
        let why = "a plain device does not join, so that it needs a key".to_owned();
        found.push(contradiction(label(), "key", why, "say its public key"));
    }
    preference::able(tables, &label(), "gateway", (Duty::Ingress, gateway_id), found);
    let Some(gateway) = tables.gateways.get(&gateway_id) else { return };
    if !peer.networks().iter().any(|network| serves(tables, gateway, *network)) {
        let why = format!("{} serves no network of it", Label::new(gateway_id, tables));
        found.push(contradiction(label(), "gateway", why, "name a gateway of one of its networks"));
    }
}

/// A network at its end takes nobody in any more; who is there stays.
pub(super) fn enters(tables: &Tables, change: &Touched, found: &mut Vec<Violation>) {
    let Some(Object::Peer(id, new)) = &change.new else { return };
    let was_in = match &change.old {
        Some(Object::Peer(_, old)) => old.networks(),
        _ => &[],
    };
    for network_id in new.networks().iter().filter(|network| !was_in.contains(network)) {
        if tables.networks.get(network_id).is_some_and(|network| network.lifecycle() == Lifecycle::Retired) {
            let why = format!("{} is retired and takes nobody in", Label::new(*network_id, tables));
            found.push(contradiction(Label::new(*id, tables), "networks", why, "choose another network"));
        }
    }
}
