//! Which rules may say something else of a peer in one state than in another.
//!
//! **Invariant**: of a rule that is not listed the two states say the same between the peer and those who are alike in both; a rule
//! may be listed for nothing. Sides are compared by what they share in memory, so that looking costs nothing where nothing
//! changed.

use std::collections::BTreeSet;

use nanami_model::{PeerId, Slot};

use super::Access;
use super::expand::{Toward, overlap, runs};
use super::side::Use;
use crate::bitmap::Bitmap;

/// Rules that may say something else of a peer in one state than in the other, by the slots of their policies.
#[derive(Debug, Default)]
pub(crate) struct UnlikeRules {
    /// Those that may do so for anybody.
    pub(crate) rules: BTreeSet<u32>,
    /// Those that are alike, and may be denied otherwise.
    pub(crate) denied: BTreeSet<u32>,
    /// To whom those may be.
    pub(crate) by: Bitmap,
}

impl UnlikeRules {
    /// Whether the two states say the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.denied.is_empty()
    }
}

impl Access {
    /// The rules that may let something else through for a peer than in the other state. The slots of the two must mean the same
    /// peers.
    pub(crate) fn unlike(&self, other: &Access, peer: Slot<PeerId>, toward: Toward) -> UnlikeRules {
        let both = [self, other];
        let uses = both.map(|access| {
            let mut uses: Vec<Use> = access.uses(peer).filter(|at| at.begins == (toward == Toward::There)).collect();
            uses.sort_unstable();
            uses
        });
        let mut all = BTreeSet::new();
        uses.iter().flatten().for_each(|at| _ = all.insert(at.rule));
        if !self.families.shares(&other.families) {
            return UnlikeRules { rules: all, ..UnlikeRules::default() };
        }
        let run = |n: usize, rule: u32| {
            let list = uses[n].as_slice();
            let first = list.partition_point(|at| at.rule < rule);
            let length = list[first..].iter().take_while(|at| at.rule == rule).count();
            &list[first..first + length]
        };
        let alike = |slot: u32| {
            let (Some(a), Some(b)) = (self.rule(slot), other.rule(slot)) else { return false };
            let (one, two) = (run(0, slot), run(1, slot));
            let far = |at: &Use| match (self.far(a, at, toward), other.far(b, at, toward)) {
                (Some(one), Some(two)) => one.shares(two),
                (one, two) => one.is_none() && two.is_none(),
            };
            (std::sync::Arc::ptr_eq(a, b) || a == b) && one == two && one.iter().all(far)
        };
        let rules: BTreeSet<u32> = all.into_iter().filter(|slot| !alike(*slot)).collect();
        let mut unlike = UnlikeRules { rules, ..UnlikeRules::default() };
        both.into_iter().zip(&uses).for_each(|(access, uses)| access.denied_otherwise(toward, uses, both, &mut unlike));
        unlike
    }

    /// Adds the rules that one of the unlike denies takes something from, and those of whom that one speaks.
    fn denied_otherwise(&self, toward: Toward, uses: &[Use], both: [&Access; 2], unlike: &mut UnlikeRules) {
        let rules = unlike.rules.iter().flat_map(|slot| both.map(|access| access.rule(*slot))).flatten();
        let denies: Vec<_> = rules.filter(|rule| !rule.is_allow()).collect();
        if denies.is_empty() {
            return;
        }
        runs(uses, |first, last| {
            let slot = uses[first].rule;
            let Some(rule) = self.rule(slot) else { return };
            match (rule.is_allow(), unlike.rules.contains(&slot)) {
                (true, false) if denies.iter().any(|deny| overlap(&deny.services, &rule.services)) => {
                    unlike.denied.insert(slot);
                }
                (false, true) => {
                    let sides = uses[first..last].iter().filter_map(|at| self.far(rule, at, toward));
                    sides.for_each(|side| unlike.by.add(side));
                }
                _ => {}
            }
        });
    }
}
