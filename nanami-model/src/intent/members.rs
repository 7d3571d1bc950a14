//! Who belongs to a group or a network directly, as sets of slots.

use std::sync::Arc;

use super::Tables;
use crate::slot::{Slot, SlotSet};

/// By slot of the group, or of the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    pub(super) groups: Arc<Vec<SlotSet>>,
    pub(super) networks: Arc<Vec<SlotSet>>,
}

impl Members {
    pub(super) fn of(tables: &Tables) -> Self {
        let mut groups = vec![SlotSet::new(); tables.groups.bound()];
        let mut networks = vec![SlotSet::new(); tables.networks.bound()];
        for (slot, _, peer) in tables.peers.occupied() {
            for group in peer.groups().iter().filter_map(|id| tables.groups.slot(id)) {
                groups[group as usize].insert(Slot::new(slot));
            }
            for network in peer.networks().iter().filter_map(|id| tables.networks.slot(id)) {
                networks[network as usize].insert(Slot::new(slot));
            }
        }
        Self { groups: Arc::new(groups), networks: Arc::new(networks) }
    }
}
