//! Who must approve a change: the owners of the networks where a destination gains or loses reach.

use std::collections::BTreeSet;

use nanami_model::{Destination, GroupId, Intent, NetworkId};

use super::blocks::Block;
use super::pairs::Lists;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::names::Names;

/// The groups that must approve, by name.
pub(super) fn approvals(
    before: Option<&Desired>,
    after: &Desired,
    pairs: &Lists,
    blocks: &[Block],
    names: &Names,
) -> Vec<GroupId> {
    let mut owners = BTreeSet::new();
    let destinations: BTreeSet<Destination> =
        pairs.gained.iter().chain(&pairs.lost).map(|passage| passage.to).collect();
    let mut reached = Bitmap::default();
    let changing = blocks.iter().filter(|block| block.gained.is_some() || block.lost.is_some());
    // Of a block with nobody but one peer on both sides nothing is left.
    changing.filter(|block| block.pairs() > 0).for_each(|block| block.to.add_to(&mut reached));
    for intent in [before, Some(after)].into_iter().flatten().map(Desired::intent) {
        let networks = destinations.iter().flat_map(|to| networks_of(intent, *to));
        owners.extend(networks.filter_map(|id| intent.get(id)).map(|network| network.owner()));
        for (slot, _, network) in intent.occupied::<NetworkId>() {
            if intent.network_members(slot).words().any(|(index, word)| word & reached.word(index) != 0) {
                owners.insert(network.owner());
            }
        }
    }
    let mut owners: Vec<_> = owners.into_iter().collect();
    owners.sort_by_cached_key(|group| names.of(*group));
    owners
}

/// The networks that a destination belongs to.
pub(crate) fn networks_of(intent: &Intent, to: Destination) -> Vec<NetworkId> {
    match to {
        Destination::Peer(id) => intent.get(id).map(|peer| peer.networks().to_vec()).unwrap_or_default(),
        Destination::Route(id) => intent.get(id).map(|route| vec![route.network()]).unwrap_or_default(),
        Destination::Address(_) => Vec::new(),
    }
}
