//! How many passages an effect has, and which: counted class by class, and listed when somebody asks.
//!
//! **Invariant**: as many are listed as are counted, and nothing is listed for a count.

use std::collections::BTreeSet;

use nanami_model::{PeerId, Services};

use super::blocks::Block;
use super::pairs::Comparison;
use super::{PAGE, Parts, Passage, Which, sort};
use crate::desired::Desired;

impl Parts {
    pub(super) fn count(&self, which: Which) -> usize {
        let sum = |counts: &dyn Fn(&Block) -> bool| {
            self.blocks.iter().flatten().filter(|block| counts(block)).map(Block::pairs).sum::<usize>()
        };
        let pairs = &self.pairs;
        match which {
            Which::Gained => pairs.gained.len() + sum(&|block| block.gained.is_some()),
            Which::Lost => pairs.lost.len() + sum(&|block| block.lost.is_some()),
            Which::Rerouted => pairs.kept.iter().filter(|passage| passage.before.is_some()).count(),
            Which::Disturbed => {
                let moved = pairs.kept.iter().filter(|passage| passage.disturbance.is_some()).count();
                moved + sum(&|block| block.disturbance.is_some())
            }
            Which::Kept if self.blocks.is_none() => pairs.kept.len(),
            Which::Kept => *self.kept_count.get_or_init(|| {
                let Some(before) = &self.before else { return 0 };
                let compared = match self.has_ranges {
                    true => pairs.kept.len(),
                    false => {
                        let ranges = Comparison::new(Some(before), &self.after).ranges_before();
                        ranges - self.vanished_ranges + self.of_carried.kept
                    }
                };
                before.pairs() - self.of_carried.before - sum(&Block::vanishes) + compared
            }),
        }
    }

    pub(super) fn list(&self, which: Which) -> &[Passage] {
        let expanded = |of: fn(&Block) -> Option<&Services>, desired: Option<&Desired>, pairs: &[Passage]| {
            let mut all = pairs.to_vec();
            for (block, services) in self.blocks.iter().flatten().filter_map(|block| Some((block, of(block)?))) {
                let Some(desired) = desired else { continue };
                block.from.iter().for_each(|from| block.expand(desired, from, services, &mut all));
            }
            sort(&mut all, &self.names);
            all
        };
        let whole = self.blocks.is_none();
        match which {
            Which::Gained if whole => &self.pairs.gained,
            Which::Lost if whole => &self.pairs.lost,
            _ if whole => &self.pairs.kept,
            Which::Gained => self.gained.get_or_init(|| {
                let mut all = expanded(|block| block.gained.as_ref(), Some(&self.after), &self.pairs.gained);
                all.iter_mut().for_each(|passage| passage.disturbance = None);
                all
            }),
            Which::Lost => self.lost.get_or_init(|| {
                let mut all = expanded(|block| block.lost.as_ref(), self.before.as_ref(), &self.pairs.lost);
                all.iter_mut().for_each(|passage| passage.disturbance = None);
                all
            }),
            Which::Rerouted | Which::Disturbed => {
                self.moved.get_or_init(|| expanded(Block::disturbed, Some(&self.after), &self.pairs.kept))
            }
            // Everything that is kept is as much as there are pairs.
            Which::Kept if self.before.is_none() => &[],
            Which::Kept => self.kept.get_or_init(|| {
                let mut kept = Comparison::new(self.before.as_ref(), &self.after).whole().kept;
                sort(&mut kept, &self.names);
                kept
            }),
        }
    }

    /// The first of what is gained or lost, by the names of its ends.
    pub(super) fn first(&self, which: Which, most: usize) -> Vec<Passage> {
        if most > PAGE {
            return self.list(which).iter().take(most).cloned().collect();
        }
        let page = &self.page[usize::from(which == Which::Lost)];
        page.get_or_init(|| self.first_by_name(which)).iter().take(most).cloned().collect()
    }

    /// As many as a page could hold, peer by peer in the order of names, until there are enough.
    fn first_by_name(&self, which: Which) -> Vec<Passage> {
        let blocks = self.blocks.as_deref().unwrap_or_default();
        let (desired, pairs) = match which {
            Which::Gained => (Some(&self.after), &self.pairs.gained),
            _ => (self.before.as_ref(), &self.pairs.lost),
        };
        let Some(desired) = desired.filter(|_| !blocks.is_empty()) else {
            return pairs.iter().take(PAGE).cloned().collect();
        };
        let of = |block: &Block| if which == Which::Gained { block.gained.clone() } else { block.lost.clone() };
        let blocks: Vec<_> = blocks.iter().filter_map(|block| Some((block, of(block)?))).collect();
        let mut begins: BTreeSet<PeerId> = pairs.iter().map(|passage| passage.from).collect();
        let all = blocks.iter().flat_map(|(block, _)| block.from.iter());
        begins.extend(all.filter_map(|slot| Some(desired.intent().in_slot(slot)?.0)));
        let mut found = Vec::new();
        let in_order = desired.intent().peers().map(|(id, _)| id).filter(|id| begins.contains(id));
        for (id, slot) in in_order.filter_map(|id| Some((id, desired.intent().slot(id)?))) {
            let mut own: Vec<_> = pairs.iter().filter(|passage| passage.from == id).cloned().collect();
            for (block, services) in &blocks {
                block.expand_first(desired, slot, services, PAGE, &mut own);
            }
            own.iter_mut().for_each(|passage| passage.disturbance = None);
            sort(&mut own, &self.names);
            found.extend(own);
            if found.len() >= PAGE {
                break;
            }
        }
        found.truncate(PAGE);
        found
    }
}
