//! A key and an address belong to one peer each (PLANNING section 8, cases 2 and 8); an address that was asked for is in a pool.

use super::{contradiction, first_by_name};
use crate::id::PeerId;
use crate::intent::Tables;
use crate::intent::ranges::holders;
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: PeerId, found: &mut Vec<Violation>) {
    let Some(peer) = tables.peers.get(&id) else { return };
    let label = || Label::new(id, tables);
    if let Some(key) = peer.key()
        && let Some(first) = first_by_name(tables, holders(&tables.index.keys, &key)).filter(|first| *first != id)
    {
        found.push(Violation::DuplicateKey { subject: label(), other: Label::new(first, tables) });
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
