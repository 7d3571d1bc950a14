//! The pairs of peers that gateways carry in either of two states: these are compared pair by pair, and are in no block.

use std::collections::BTreeMap;

use nanami_model::{PeerId, Slot};

use crate::bitmap::Bitmap;
use crate::desired::Desired;

/// Pairs of peers that gateways carry before or after, or that none may carry though one has to.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pairs: Vec<(PeerId, PeerId)>,
    /// By slot, before and after alike.
    of: BTreeMap<Slot<PeerId>, Bitmap>,
}

impl Carried {
    pub(super) fn between(before: Option<&Desired>, after: &Desired) -> Self {
        let mut carried = Self::default();
        let states = || [before, Some(after)].into_iter().flatten();
        for state in states() {
            for pair in state.carried_ends().chunks_exact(2) {
                let [a, b] = [pair[0], pair[1]].map(|id| state.intent().slot(id));
                let (Some(a), Some(b)) = (a, b) else { continue };
                carried.of.entry(a).or_default().insert(b);
                carried.of.entry(b).or_default().insert(a);
            }
        }
        // A slot may be somebody else's than before; blocks leave out whoever is in it.
        for state in states() {
            let id = |slot| state.intent().in_slot(slot).map(|(id, _)| id);
            for (a, others) in &carried.of {
                let Some(from) = id(*a) else { continue };
                carried.pairs.extend(others.iter().filter_map(id).map(|to| (from, to)));
            }
        }
        carried.pairs.sort_unstable();
        carried.pairs.dedup();
        carried
    }

    /// The pairs, each both ways.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (PeerId, PeerId)> + '_ {
        self.pairs.iter().copied()
    }

    /// Whom gateways carry a peer to.
    pub(super) fn of(&self, slot: Slot<PeerId>) -> Option<&Bitmap> {
        self.of.get(&slot)
    }
}
