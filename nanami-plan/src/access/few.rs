//! What a peer and a few others are granted.
//!
//! **Invariant**: as `expand` says, which looks at everybody; here only at the words in which somebody is asked about.

use std::sync::Arc;

use nanami_model::{PeerId, Services, Slot};

use super::Access;
use super::expand::{Scratch, Toward, next_part, remainder, runs};
use super::rule::Rule;
use super::side::Use;
use super::unlike::UnlikeRules;
use crate::bitmap::Bitmap;

/// Takes a word of peers, its index, the rule, and what is left of its services for them.
type Show<'s, 'a> = dyn FnMut(usize, u64, &'a Arc<Rule>, &Services) + 's;

impl Access {
    /// Shows what these rules, by the slots of their policies, grant between a peer and some others, as
    /// [`expand`](Self::expand) does.
    pub(crate) fn expand_few<'a>(
        &'a self,
        peer: Slot<PeerId>,
        toward: Toward,
        (wanted, among): (&dyn Fn(u32) -> bool, &Bitmap),
        scratch: &mut Scratch,
        mut with: impl FnMut(usize, u64, &'a Arc<Rule>, &Services),
    ) {
        self.gather(peer, toward, scratch);
        let uses = std::mem::take(&mut scratch.uses);
        runs(&uses, |first, last| {
            let slot = uses[first].rule;
            if let Some(rule) = self.rule(slot).filter(|rule| rule.is_allow() && wanted(slot)) {
                self.grant((rule, &uses[first..last]), &uses, toward, among, scratch, &mut with);
            }
        });
        scratch.uses = uses;
    }

    /// Leaves those out of `among` whom a peer meets in both states, whichever of the two begins: by rules that are alike, or may
    /// only be denied to others. What is unlike is said for what begins there and for what begins here.
    pub(crate) fn leave_out_met(
        &self,
        peer: Slot<PeerId>,
        unlike: &[UnlikeRules; 2],
        among: &mut Bitmap,
        scratch: &mut Scratch,
    ) {
        for (toward, unlike) in [Toward::Here, Toward::There].into_iter().zip(unlike) {
            self.gather(peer, toward, scratch);
            let uses = std::mem::take(&mut scratch.uses);
            let mut others = among.clone();
            others.subtract(&scratch.partners);
            among.subtract(&others);
            runs(&uses, |first, last| {
                let (slot, run) = (uses[first].rule, &uses[first..last]);
                let rule = self.rule(slot).filter(|rule| rule.is_allow() && !unlike.rules.contains(&slot));
                let Some(rule) = rule.filter(|_| !among.is_empty()) else { return };
                let mut aside = Bitmap::empty();
                if unlike.denied.contains(&slot) {
                    aside = among.clone();
                    aside.intersect(&unlike.by);
                    among.subtract(&aside);
                }
                if self.denying(rule, &uses, scratch).next().is_none() {
                    let sides = run.iter().filter_map(|at| self.far(rule, at, toward));
                    sides.for_each(|side| scratch.work += among.leave_out(side));
                } else {
                    let asked = among.clone();
                    self.grant((rule, run), &uses, toward, &asked, scratch, &mut |index, word, _, _| {
                        among.clear_word(index, word);
                    });
                }
                among.union(&aside);
            });
            among.union(&others);
            scratch.uses = uses;
        }
    }

    /// What a rule grants to a few others.
    fn grant<'a>(
        &'a self,
        (rule, run): (&'a Arc<Rule>, &[Use]),
        uses: &[Use],
        toward: Toward,
        among: &Bitmap,
        scratch: &mut Scratch,
        with: &mut Show<'_, 'a>,
    ) {
        let denies = self.denying(rule, uses, scratch).filter_map(|run| Some((self.rule(run[0].rule)?, run)));
        let denies: Vec<(&Arc<Rule>, &[Use])> = denies.collect();
        let Scratch { partners, denying, spoken, left, work, .. } = scratch;
        for (index, asked) in among.words() {
            *work += (run.len() + denies.len()) as u64;
            let far = asked & partners.word(index) & self.word(rule, run, toward, index);
            spoken.clear();
            spoken.extend(denies.iter().map(|(deny, run)| far & self.word(deny, run, toward, index)));
            let mut denied = spoken.iter().fold(0, |all, word| all | word);
            if far != denied {
                with(index, far & !denied, rule, &rule.services);
            }
            while denied != 0 {
                *work += 1;
                let rules = denies.iter().map(|(deny, _)| *deny);
                let part = next_part(&mut denied, rules.zip(spoken.iter().copied()), denying);
                if let Some(services) = remainder(left, rule, denying) {
                    with(index, part, rule, services);
                }
            }
        }
    }

    /// The runs of uses by rules that deny something of what a rule allows.
    fn denying<'a>(&self, rule: &Rule, uses: &'a [Use], scratch: &Scratch) -> impl Iterator<Item = &'a [Use]> {
        scratch.denies.iter().filter(|at| self.overlaps(uses, at, rule)).map(|at| &uses[at.0..at.1])
    }
}
