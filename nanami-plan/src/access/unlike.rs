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

impl Access {
    /// The rules that may let something else through for a peer than in the other state, by the slots of their policies. The slots
    /// of the two must mean the same peers.
    pub(crate) fn unlike(&self, other: &Access, peer: Slot<PeerId>, toward: Toward) -> BTreeSet<u32> {
        let both = [self, other];
        let uses = both.map(|access| {
            let mut uses: Vec<Use> = access.uses(peer).filter(|at| at.begins == (toward == Toward::There)).collect();
            uses.sort_unstable();
            uses
        });
        let mut all = BTreeSet::new();
        uses.iter().flatten().for_each(|at| _ = all.insert(at.rule));
        if !self.families.shares(&other.families) {
            return all;
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
        let mut unlike: BTreeSet<u32> = all.into_iter().filter(|slot| !alike(*slot)).collect();
        self.denied_otherwise(other, &uses, &mut unlike);
        unlike
    }

    /// Adds the rules that a deny takes something from, if one of the denies is among the unlike.
    fn denied_otherwise(&self, other: &Access, uses: &[Vec<Use>; 2], unlike: &mut BTreeSet<u32>) {
        let denies: Vec<_> = unlike
            .iter()
            .flat_map(|slot| [self.rule(*slot), other.rule(*slot)])
            .flatten()
            .filter(|rule| !rule.is_allow())
            .cloned()
            .collect();
        if denies.is_empty() {
            return;
        }
        for (access, uses) in [self, other].into_iter().zip(uses) {
            runs(uses, |first, _| {
                let slot = uses[first].rule;
                let touches = |allow: &super::Rule| denies.iter().any(|deny| overlap(&deny.services, &allow.services));
                if access.rule(slot).is_some_and(|rule| touches(rule)) {
                    unlike.insert(slot);
                }
            });
        }
    }
}
