//! Expansion: everything that one peer reaches, or that reaches it, word by word of the far sides.
//!
//! **Invariant**: each pair of a peer and a rule that grants it something comes once, with what is left of the rule's services.
//! In memory that was used before nothing is allocated: what denies leave of a rule is kept from one expansion to the next.

use std::sync::Arc;

use nanami_model::{PeerId, Services, Slot};

use super::Access;
use super::rule::{End, Rule};
use super::side::Use;
use crate::bitmap::Bitmap;

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
    /// How much was looked at: places, words of peers, and parts of these of which the same denies speak.
    pub(crate) work: u64,
    pub(super) uses: Vec<Use>,
    pub(super) partners: Bitmap,
    far: Bitmap,
    denied: Bitmap,
    pub(super) denies: Vec<(usize, usize)>,
    /// Which denies speak of the peers that are looked at.
    pub(super) denying: Vec<Arc<Rule>>,
    /// Of whom in a word each deny speaks.
    pub(super) spoken: Vec<u64>,
    pub(super) left: Vec<Remainder>,
}

/// What denies leave of a rule. Rules are held, so that one that is the same in memory is the same.
#[derive(Debug)]
pub(super) struct Remainder {
    rule: Arc<Rule>,
    denies: Vec<Arc<Rule>>,
    services: Option<Services>,
}

/// chosen: so many remainders are kept from one expansion to the next; a workspace has as many as it has denies that overlap.
const REMAINDERS: usize = 64;

impl Access {
    /// Shows every rule that grants something between a peer and other peers: with a word of 64 peers at a time, its index, the
    /// rule, and what is left of its services for those peers.
    pub(crate) fn expand<'a>(
        &'a self,
        peer: Slot<PeerId>,
        toward: Toward,
        scratch: &mut Scratch,
        with: impl FnMut(usize, u64, &'a Arc<Rule>, &Services),
    ) {
        self.expand_rules(peer, toward, scratch, |_| true, with);
    }

    /// The same for those rules alone, by the slot of their policy, that are `wanted`.
    pub(crate) fn expand_rules<'a>(
        &'a self,
        peer: Slot<PeerId>,
        toward: Toward,
        scratch: &mut Scratch,
        wanted: impl Fn(u32) -> bool,
        mut with: impl FnMut(usize, u64, &'a Arc<Rule>, &Services),
    ) {
        let bound = self.intent.slot_bound::<PeerId>();
        self.gather(peer, toward, scratch);
        let Scratch { uses, partners, far, denied, denies, denying, spoken, left, work, .. } = scratch;
        runs(uses, |first, last| {
            let slot = uses[first].rule;
            let Some(rule) = self.rule(slot).filter(|rule| rule.is_allow() && wanted(slot)) else { return };
            let run = &uses[first..last];
            let overlaps = |at: &&(usize, usize)| self.overlaps(uses, at, rule);
            if !denies.iter().any(|at| overlaps(&at)) {
                if let [only] = run {
                    let Some(set) = self.far(rule, only, toward) else { return };
                    for (index, word) in set.words() {
                        *work += 1;
                        let word = word & partners.word(index);
                        if word != 0 {
                            with(index, word, rule, &rule.services);
                        }
                    }
                    return;
                }
                self.unite(rule, run, toward, bound, far);
                far.intersect(partners);
                for (index, word) in far.words() {
                    *work += run.len() as u64;
                    with(index, word, rule, &rule.services);
                }
                return;
            }
            self.unite(rule, run, toward, bound, far);
            far.intersect(partners);
            denied.reset(bound);
            for at in denies.iter().filter(overlaps) {
                let Some(deny) = self.rule(uses[at.0].rule) else { continue };
                uses[at.0..at.1].iter().filter_map(|at| self.far(deny, at, toward)).for_each(|set| denied.add(set));
            }
            for (index, word) in far.words() {
                *work += 1;
                let free = word & !denied.word(index);
                if free != 0 {
                    with(index, free, rule, &rule.services);
                }
                let mut left_over = word & denied.word(index);
                if left_over == 0 {
                    continue;
                }
                spoken.clear();
                let runs = denies
                    .iter()
                    .filter(overlaps)
                    .filter_map(|at| Some((self.rule(uses[at.0].rule)?, &uses[at.0..at.1])));
                spoken.extend(runs.map(|(deny, run)| self.word(deny, run, toward, index)));
                while left_over != 0 {
                    *work += 1;
                    let rules = denies.iter().filter(overlaps).filter_map(|at| self.rule(uses[at.0].rule));
                    let part = next_part(&mut left_over, rules.zip(spoken.iter().copied()), denying);
                    if let Some(services) = remainder(left, rule, denying) {
                        with(index, part, rule, services);
                    }
                }
            }
        });
    }

    /// Collects the places at which rules speak of a peer, with the runs of those by rules that deny, and those whom it may meet.
    pub(super) fn gather(&self, peer: Slot<PeerId>, toward: Toward, scratch: &mut Scratch) {
        let Scratch { with_itself, uses, partners, denies, work, .. } = scratch;
        uses.clear();
        uses.extend(self.uses(peer).filter(|at| at.begins == (toward == Toward::There)));
        uses.sort_unstable();
        *work += uses.len() as u64;
        self.families.partners(peer, self.intent.slot_bound::<PeerId>(), partners);
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
    }

    /// Whether the rule of a run denies something of what another one allows.
    pub(super) fn overlaps(&self, uses: &[Use], at: &(usize, usize), rule: &Rule) -> bool {
        self.rule(uses[at.0].rule).is_some_and(|deny| overlap(&deny.services, &rule.services))
    }

    /// A word of those at the far end of whom the rule of a run speaks.
    pub(super) fn word(&self, rule: &Rule, run: &[Use], toward: Toward, index: usize) -> u64 {
        let sides = run.iter().filter_map(|at| self.far(rule, at, toward));
        sides.fold(0, |all, side| all | side.word(index))
    }

    /// The side at the far end of an arrow, if there are peers.
    pub(super) fn far(&self, rule: &Rule, at: &Use, toward: Toward) -> Option<&nanami_model::SlotSet> {
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
        self.partners_by(peer, toward, &mut Scratch::default())
    }

    /// The same in memory that was used before.
    pub(crate) fn partners_by(&self, peer: Slot<PeerId>, toward: Toward, scratch: &mut Scratch) -> Bitmap {
        let mut found = Bitmap::new(self.intent.slot_bound::<PeerId>());
        self.expand(peer, toward, scratch, |index, word, _, _| found.set_word(index, word));
        found
    }
}

/// Takes out of a word, which is not empty, a part of whose peers the same denies speak: each comes with a word of those of whom it
/// does. They are put into `denying`.
pub(super) fn next_part<'a>(
    left: &mut u64,
    denies: impl Iterator<Item = (&'a Arc<Rule>, u64)>,
    denying: &mut Vec<Arc<Rule>>,
) -> u64 {
    let first = *left & left.wrapping_neg();
    let mut part = *left;
    denying.clear();
    for (deny, word) in denies {
        match word & first {
            0 => part &= !word,
            _ => {
                part &= word;
                denying.push(deny.clone());
            }
        }
    }
    *left &= !part;
    part
}

/// What these denies leave of a rule, worked out once.
pub(super) fn remainder<'a>(
    known: &'a mut Vec<Remainder>,
    rule: &Arc<Rule>,
    denies: &[Arc<Rule>],
) -> Option<&'a Services> {
    let same = |one: &Remainder| {
        let alike = |(a, b): (&Arc<Rule>, &Arc<Rule>)| Arc::ptr_eq(a, b);
        Arc::ptr_eq(&one.rule, rule) && one.denies.len() == denies.len() && one.denies.iter().zip(denies).all(alike)
    };
    let at = known.iter().rposition(same).unwrap_or_else(|| {
        if known.len() > REMAINDERS {
            known.clear();
        }
        let services = denies.iter().try_fold(rule.services.clone(), |left, deny| left.minus(&deny.services));
        known.push(Remainder { rule: rule.clone(), denies: denies.to_vec(), services });
        known.len() - 1
    });
    known[at].services.as_ref()
}

/// Calls `with` for each run of uses by the same rule.
pub(super) fn runs(uses: &[Use], mut with: impl FnMut(usize, usize)) {
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

#[cfg(test)]
mod tests {
    use nanami_model::{PolicyId, Service, Verdict};

    use super::*;

    #[test]
    fn a_word_comes_in_parts_of_whom_the_same_denies_speak() {
        let deny = |n: u8| {
            let (policy, services) = (PolicyId::from_bytes([n; 10]), Service::ANY.into());
            Arc::new(Rule { policy, verdict: Verdict::Deny, services, arrows: Vec::new(), via: false })
        };
        let [one, two] = [1, 2].map(deny);
        let denies = [(&one, 0b0110), (&two, 0b1100)];
        let (mut left, mut denying, mut parts) = (0b1111, Vec::new(), Vec::new());
        while left != 0 {
            let part = next_part(&mut left, denies.into_iter(), &mut denying);
            parts.push((part, denying.iter().map(|rule| rule.policy).collect::<Vec<_>>()));
        }
        let (one, two) = (one.policy, two.policy);
        assert_eq!(parts, [(0b0001, vec![]), (0b0010, vec![one]), (0b0100, vec![one, two]), (0b1000, vec![two])]);
    }
}
