//! Expansion: everything that one peer reaches, or that reaches it, word by word of the far sides.
//!
//! **Invariant**: each pair of a peer and a rule that grants it something comes once, with what is left of the rule's services.
//! Nothing is allocated but what a deny leaves of a rule, once for each rule and set of denies.

use std::sync::Arc;

use nanami_model::{PeerId, Services, Slot};

use super::Access;
use super::rule::{End, Rule};
use super::side::Use;
use crate::bitmap::{Bitmap, bits};

/// Which way is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toward {
    /// What others may begin.
    Here,
    /// What the peer may begin.
    There,
}

/// Memory for expansions, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Whether a peer that rules lead to itself is shown to itself, as one of those who are on the same sides.
    pub(crate) with_itself: bool,
    uses: Vec<Use>,
    partners: Bitmap,
    far: Bitmap,
    denied: Bitmap,
    denies: Vec<(usize, usize)>,
    /// What sets of denies, one bit each, leave of the rule that is expanded.
    left: Vec<(u64, Option<Services>)>,
}

impl Access {
    /// Shows every rule that grants something between a peer and other peers: with a word of 64 peers at a time, its index, the
    /// rule, and what is left of its services for those peers.
    pub(crate) fn expand<'a>(
        &'a self,
        peer: Slot<PeerId>,
        toward: Toward,
        scratch: &mut Scratch,
        mut with: impl FnMut(usize, u64, &'a Arc<Rule>, &Services),
    ) {
        let bound = self.intent.slot_bound::<PeerId>();
        let Scratch { with_itself, uses, partners, far, denied, denies, left } = scratch;
        uses.clear();
        uses.extend(self.uses(peer).filter(|at| at.begins == (toward == Toward::There)));
        uses.sort_unstable();
        self.families.partners(peer, bound, partners);
        // Who has no address at all meets nobody who is alike.
        if *with_itself && self.families.has(peer) != (false, false) {
            partners.insert(peer);
        }
        // Runs of uses by one rule; those that deny are needed for the others.
        denies.clear();
        runs(uses, |first, last| {
            if self.rule(uses[first].rule).is_some_and(|rule| !rule.is_allow()) {
                denies.push((first, last));
            }
        });
        runs(uses, |first, last| {
            let Some(rule) = self.rule(uses[first].rule).filter(|rule| rule.is_allow()) else { return };
            let run = &uses[first..last];
            let overlaps = |at: &&(usize, usize)| {
                let deny = self.rule(uses[at.0].rule);
                deny.is_some_and(|deny| overlap(&deny.services, &rule.services))
            };
            if !denies.iter().any(|at| overlaps(&at)) {
                if let [only] = run {
                    let Some(set) = self.far(rule, only, toward) else { return };
                    for (index, word) in set.words() {
                        let word = word & partners.word(index);
                        if word != 0 {
                            with(index, word, rule, &rule.services);
                        }
                    }
                    return;
                }
                self.unite(rule, run, toward, bound, far);
                far.intersect(partners);
                far.words().for_each(|(index, word)| with(index, word, rule, &rule.services));
                return;
            }
            self.unite(rule, run, toward, bound, far);
            far.intersect(partners);
            denied.reset(bound);
            for at in denies.iter().filter(overlaps) {
                let Some(deny) = self.rule(uses[at.0].rule) else { continue };
                uses[at.0..at.1].iter().filter_map(|at| self.far(deny, at, toward)).for_each(|set| denied.add(set));
            }
            left.clear();
            for (index, word) in far.words() {
                let free = word & !denied.word(index);
                if free != 0 {
                    with(index, free, rule, &rule.services);
                }
                for slot in bits(index, word & denied.word(index)) {
                    let by = |at: &(usize, usize)| {
                        let Some(deny) = self.rule(uses[at.0].rule) else { return false };
                        uses[at.0..at.1]
                            .iter()
                            .any(|at| self.far(deny, at, toward).is_some_and(|set| set.contains(slot)))
                    };
                    let denying = || denies.iter().filter(overlaps).filter(|at| by(at));
                    let mask = denying().fold(0u64, |mask, at| mask | 1u64.rotate_left(at.0 as u32));
                    // More uses than bits: two sets may have one mask.
                    let known = left.iter().position(|(known, _)| *known == mask && uses.len() <= 64);
                    let at = match known {
                        Some(at) => at,
                        None => {
                            let taken = denying().filter_map(|at| self.rule(uses[at.0].rule));
                            let rest = taken.map(|deny| &deny.services);
                            let rest = rest.into_iter().try_fold(rule.services.clone(), |left, deny| left.minus(deny));
                            left.push((mask, rest));
                            left.len() - 1
                        }
                    };
                    if let Some(services) = &left[at].1 {
                        with(index, 1 << (slot.index() % 64), rule, services);
                    }
                }
            }
        });
    }

    /// The side at the far end of an arrow, if there are peers.
    fn far(&self, rule: &Rule, at: &Use, toward: Toward) -> Option<&nanami_model::SlotSet> {
        let arrow = rule.arrows.get(usize::from(at.arrow))?;
        match (toward, arrow.end) {
            (Toward::Here, _) => Some(self.members(arrow.begin)),
            (Toward::There, End::Side(side)) => Some(self.members(side)),
            (Toward::There, End::Route(_)) => None,
        }
    }

    fn unite(&self, rule: &Rule, run: &[Use], toward: Toward, bound: usize, into: &mut Bitmap) {
        into.reset(bound);
        run.iter().filter_map(|at| self.far(rule, at, toward)).for_each(|set| into.add(set));
    }

    /// The peers that a peer reaches, or that reach it.
    pub(crate) fn partners(&self, peer: Slot<PeerId>, toward: Toward) -> Bitmap {
        let mut found = Bitmap::new(self.intent.slot_bound::<PeerId>());
        self.expand(peer, toward, &mut Scratch::default(), |index, word, _, _| found.set_word(index, word));
        found
    }
}

/// Calls `with` for each run of uses by the same rule.
fn runs(uses: &[Use], mut with: impl FnMut(usize, usize)) {
    let mut first = 0;
    while first < uses.len() {
        let length = uses[first..].iter().take_while(|at| at.rule == uses[first].rule).count();
        with(first, first + length);
        first += length;
    }
}

/// Whether two lists have a packet in common.
pub(crate) fn overlap(a: &Services, b: &Services) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.intersection(b).is_some()))
}
