//! What an effect consists of, for whoever counts it by other things than its ends.
//!
//! **Invariant**: what is shown pair by pair and what is shown set by set are together exactly what [`Flows::count`](super::Flows)
//! counts, each once.

use std::fmt;

use nanami_model::{PeerId, PolicyId, Services};

use super::{Effect, Passage};
use crate::desired::Desired;
use crate::words::Words;

/// What a change does to something that may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    Gained,
    Lost,
    Rerouted,
    Disturbed,
}

impl Difference {
    /// The four, in the order of texts.
    pub(crate) const ALL: [Self; 4] = [Self::Gained, Self::Lost, Self::Rerouted, Self::Disturbed];
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::Rerouted => "rerouted",
            Self::Disturbed => "disturbed",
        })
    }
}

/// The same for each of many peers and each of others: nobody makes a pair with itself. Slots are of the state before the change if
/// it is lost, else of the one after.
pub(crate) struct Set<'a> {
    pub(crate) difference: Difference,
    pub(crate) from: &'a Words,
    pub(crate) to: &'a Words,
    /// Whether nothing of it was there before.
    pub(crate) is_new: bool,
}

impl Effect {
    /// The state before the change, if there was one.
    pub(crate) fn before(&self) -> Option<&Desired> {
        self.0.before.as_ref()
    }

    /// Shows all that was compared pair by pair, except what is kept as it was.
    pub(crate) fn each_pair(&self, mut with: impl FnMut(Difference, &Passage)) {
        let pairs = &self.0.pairs;
        pairs.gained.iter().for_each(|passage| with(Difference::Gained, passage));
        pairs.lost.iter().for_each(|passage| with(Difference::Lost, passage));
        for passage in &pairs.kept {
            if passage.before.is_some() {
                with(Difference::Rerouted, passage);
            }
            if passage.disturbance.is_some() {
                with(Difference::Disturbed, passage);
            }
        }
    }

    /// Whether a policy let something through between two peers that is lost, of what was compared class by class.
    pub(crate) fn loses(&self, from: PeerId, to: PeerId, policy: PolicyId) -> bool {
        let Some(before) = self.before() else { return false };
        let (Some(a), Some(b)) = (before.intent().slot(from), before.intent().slot(to)) else { return false };
        let blocks =
            self.0.blocks.iter().flatten().filter(|block| a != b && block.from.contains(a) && block.to.contains(b));
        let mut lost = blocks.filter_map(|block| block.lost.as_ref()).peekable();
        if lost.peek().is_none() {
            return false;
        }
        let grants = before.access().grants(from, to.into());
        let gives = |services: &Services| {
            grants.iter().any(|grant| grant.policy == policy && grant.services.intersection(services).is_some())
        };
        lost.any(gives)
    }

    /// Shows all that was compared class by class; all of it goes directly.
    pub(crate) fn each_set(&self, mut with: impl FnMut(Set<'_>)) {
        for block in self.0.blocks.iter().flatten() {
            let all = [
                (Difference::Gained, block.gained.is_some()),
                (Difference::Lost, block.lost.is_some()),
                (Difference::Disturbed, block.disturbed().is_some()),
            ];
            for (difference, _) in all.into_iter().filter(|(_, is)| *is) {
                let is_new = block.lost.is_none() && block.kept.is_none();
                with(Set { difference, from: &block.from, to: &block.to, is_new });
            }
        }
    }

    /// Shows every passage that is gained, lost, rerouted or disturbed: they are listed now.
    pub(crate) fn each_passage(&self, mut with: impl FnMut(Difference, &Passage)) {
        let flows = [self.gained(), self.lost(), self.rerouted(), self.disturbed()];
        for (difference, flows) in Difference::ALL.into_iter().zip(flows) {
            flows.iter().for_each(|passage| with(difference, passage));
        }
    }

    /// How much is gained, lost, rerouted and disturbed. Nothing is listed for it.
    pub(crate) fn counts(&self) -> [usize; Difference::ALL.len()] {
        [self.gained(), self.lost(), self.rerouted(), self.disturbed()].map(|flows| flows.count())
    }
}
