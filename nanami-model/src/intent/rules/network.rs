//! Pools of a workspace share no address.

use super::first_by_name;
use crate::cidr::Cidr;
use crate::id::NetworkId;
use crate::intent::Tables;
use crate::intent::ranges::{covering, holders};
use crate::object::Label;
use crate::refused::Violation;

pub(super) fn check(tables: &Tables, id: NetworkId, found: &mut Vec<Violation>) {
    let Some(network) = tables.networks.get(&id) else { return };
    super::preference::check(tables, &Label::new(id, tables), network.preference(), Some(&[id]), found);
    for (position, pool) in network.pools().iter().enumerate() {
        let (other, other_pool) = match covering(&tables.index.pools, pool).last() {
            Some(wider) if wider != *pool => {
                let Some(other) = first_by_name(tables, holders(&tables.index.pools, &wider)) else { continue };
                (other, wider)
            }
            _ if network.pools()[..position].contains(pool) => (id, *pool),
            _ => match first_by_name(tables, holders(&tables.index.pools, pool)) {
                Some(first) if first != id => (first, *pool),
                _ => continue,
            },
        };
        found.push(overlap(tables, (id, *pool), (other, other_pool)));
    }
}

/// Of the two, the one that comes later by name is at fault.
fn overlap(tables: &Tables, one: (NetworkId, Cidr), two: (NetworkId, Cidr)) -> Violation {
    let name = |id: &NetworkId| crate::object::ObjectId::from(*id).name_in(tables);
    let (first, second) = if name(&one.0) < name(&two.0) { (one, two) } else { (two, one) };
    let (subject, other) = (Label::new(second.0, tables), Label::new(first.0, tables));
    Violation::Overlap { subject, pool: second.1, other, other_pool: first.1 }
}
