//! What rules say between one peer and some others.
//!
//! **Invariant**: of those others the same as [`expand`](Access::expand) shows of everybody, in the time that they and the peer's rules
//! take, however many peers the rules lead to.

use std::sync::Arc;

use nanami_model::{PeerId, Services, Slot, SlotSet};

use super::Access;
use super::expand::{Scratch, Toward, next_part, overlap, remainder, runs};
use super::rule::{End, Rule};
use super::side::{SideId, Use};
use crate::bitmap::Bitmap;
use crate::words::Words;

/// The places at which rules speak of a peer, each way rule by rule.
pub(crate) struct Spoken<'a> {
    access: &'a Access,
    peer: Slot<PeerId>,
    here: Vec<Use>,
    there: Vec<Use>,
}

impl Access {
    /// Where rules speak of a peer.
    pub(crate) fn spoken_of(&self, peer: Slot<PeerId>) -> Spoken<'_> {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        self.uses(peer).for_each(|at| if at.begins { there.push(at) } else { here.push(at) });
        here.sort_unstable();
        there.sort_unstable();
        Spoken { access: self, peer, here, there }
    }
}

impl<'a> Spoken<'a> {
    fn toward(&self, toward: Toward) -> &[Use] {
        match toward {
            Toward::Here => &self.here,
            Toward::There => &self.there,
        }
    }

    /// Whether each rule leads the same peers here as it leads this one to, so that what holds one way holds the other way too.
    pub(crate) fn is_both_ways(&self) -> bool {
        let ends = |toward: Toward| {
            let far = |at: &Use| {
                let arrow = self.access.rule(at.rule)?.arrows.get(usize::from(at.arrow))?;
                match (toward, arrow.end) {
                    (Toward::Here, _) => Some((at.rule, arrow.begin)),
                    (Toward::There, End::Side(side)) => Some((at.rule, side)),
                    (Toward::There, End::Route(_)) => None,
                }
            };
            let mut ends: Vec<(u32, SideId)> = self.toward(toward).iter().filter_map(far).collect();
            ends.sort_unstable();
            ends
        };
        ends(Toward::Here) == ends(Toward::There)
    }

    /// Shows every rule that grants something between the peer and some others, as [`expand`](Access::expand) does.
    pub(crate) fn expand_among(
        &self,
        toward: Toward,
        among: &Words,
        scratch: &mut Scratch,
        mut with: impl FnMut(usize, u64, &'a Arc<Rule>, &Services),
    ) {
        let access = self.access;
        let meets = |(index, word)| (index, word & access.families.partners_in(self.peer, index, scratch.with_itself));
        let among: Vec<(usize, u64)> = among.words().map(meets).filter(|(_, word)| *word != 0).collect();
        if among.is_empty() {
            return;
        }
        let uses = self.toward(toward);
        let mut denies = Vec::new();
        runs(uses, |first, last| {
            denies
                .extend(access.rule(uses[first].rule).filter(|rule| !rule.is_allow()).map(|deny| (deny, first..last)));
        });
        let Scratch { denying, spoken, left, .. } = scratch;
        let mut own: Vec<&'a SlotSet> = Vec::new();
        // Where the others are many, what a rule leads to is laid out once instead of looked up word by word.
        let laid_out = among.len() * 16 > access.intent.slot_bound::<PeerId>() / 64;
        let mut reached = Bitmap::default();
        runs(uses, |first, last| {
            let Some(rule) = access.rule(uses[first].rule).filter(|rule| rule.is_allow()) else { return };
            let far = |deny: &Rule, run: &[Use], into: &mut Vec<&'a SlotSet>| {
                into.clear();
                into.extend(run.iter().filter_map(|at| access.far(deny, at, toward)));
            };
            far(rule, &uses[first..last], &mut own);
            if laid_out {
                reached.reset(access.intent.slot_bound::<PeerId>());
                own.iter().for_each(|set| reached.add(set));
            }
            let denies = denies.iter().filter(|(deny, _)| overlap(&deny.services, &rule.services));
            let denies: Vec<_> = denies
                .map(|(deny, run)| {
                    let mut sets = Vec::new();
                    far(deny, &uses[run.clone()], &mut sets);
                    (*deny, sets)
                })
                .collect();
            for (index, wanted) in &among {
                let all = |sets: &[&SlotSet]| sets.iter().fold(0, |all, set| all | set.word(*index));
                let word = wanted & if laid_out { reached.word(*index) } else { all(&own) };
                if word == 0 {
                    continue;
                }
                spoken.clear();
                spoken.extend(denies.iter().map(|(_, sets)| word & all(sets)));
                let mut denied = spoken.iter().fold(0, |all, word| all | word);
                if word & !denied != 0 {
                    with(*index, word & !denied, rule, &rule.services);
                }
                while denied != 0 {
                    let rules = denies.iter().map(|(deny, _)| *deny);
                    let part = next_part(&mut denied, rules.zip(spoken.iter().copied()), denying);
                    if let Some(services) = remainder(left, rule, denying) {
                        with(*index, part, rule, services);
                    }
                }
            }
        });
    }

    /// Those between whom and the peer rules may let something else through than in the other state, one of these ways, if neither of
    /// them has addresses of other families than there. The slots of the two states must mean the same peers.
    pub(crate) fn unlike_among(&self, other: &Spoken<'_>, ways: &[Toward]) -> Words {
        let (mut some, mut whole) = (Vec::new(), Vec::new());
        ways.iter().for_each(|toward| self.note_unlike(other, *toward, &mut some, &mut whole));
        let bound = self.access.intent.slot_bound::<PeerId>();
        if whole.iter().map(|set| set.len()).sum::<usize>() * 4 < bound.div_ceil(64) {
            some.extend(whole.into_iter().flat_map(SlotSet::words));
            return Words::of(some);
        }
        let mut all = Bitmap::new(bound);
        whole.into_iter().for_each(|set| all.add(set));
        some.into_iter().for_each(|(index, word)| all.set_word(index, word));
        (&all).into()
    }

    /// Notes single peers that came to the far side of a rule or went from it, and far sides of rules that say something else.
    fn note_unlike<'b>(
        &'b self,
        other: &'b Spoken<'_>,
        toward: Toward,
        some: &mut Vec<(usize, u64)>,
        whole: &mut Vec<&'b SlotSet>,
    ) {
        let both = [self.access, other.access];
        let uses = [self.toward(toward), other.toward(toward)];
        let far = |n: usize, at: &Use| both[n].far(both[n].rule(at.rule)?, at, toward);
        let same = |at: &Use| {
            let (Some(a), Some(b)) = (both[0].rule(at.rule), both[1].rule(at.rule)) else { return false };
            let said = |rule: &'_ Rule| (rule.policy, rule.verdict);
            uses[0].binary_search(at).is_ok()
                && uses[1].binary_search(at).is_ok()
                && (Arc::ptr_eq(a, b) || (said(a) == said(b) && a.services == b.services))
        };
        let mut add = |slot: Slot<PeerId>| some.push((slot.index() / 64, 1 << (slot.index() % 64)));
        for (n, at) in (0..2).flat_map(|n| uses[n].iter().map(move |at| (n, at))) {
            match (same(at), far(n, at), far(1 - n, at)) {
                (_, None, _) => {}
                (true, Some(own), Some(theirs)) if own.shares(theirs) => {}
                (true, Some(own), Some(theirs)) => own.without(theirs).for_each(&mut add),
                // A rule that goes both ways has the same far side either way.
                (_, Some(own), _) if whole.iter().any(|known| std::ptr::eq(*known, own)) => {}
                (_, Some(own), _) => whole.push(own),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nanami_model::{Intent, PolicyId};

    use super::*;
    use crate::lets::{differing, lets, lets_among};

    const BOTH: [Toward; 2] = [Toward::Here, Toward::There];

    fn acme() -> Intent {
        Intent::from_toml(include_str!("../../../examples/acme.toml")).unwrap()
    }

    fn slots(intent: &Intent) -> Vec<Slot<PeerId>> {
        intent.occupied::<PeerId>().map(|(slot, ..)| slot).collect()
    }

    #[test]
    fn of_some_the_same_is_shown_as_of_everybody() {
        let acme = acme();
        let (access, mut scratch) = (Access::of(&acme), Scratch::default());
        for (slot, toward) in slots(&acme).into_iter().flat_map(|slot| BOTH.map(|toward| (slot, toward))) {
            let all = lets(&access, slot, toward, &mut scratch);
            for n in 2..5 {
                let some: Words = slots(&acme).into_iter().filter(|slot| slot.index() % n == 0).collect();
                let mut wanted = all.clone();
                wanted.values_mut().for_each(|who| who.intersect(&some));
                wanted.retain(|_, who| !who.is_empty());
                assert_eq!(lets_among(&access.spoken_of(slot), toward, &some, &mut scratch), wanted);
            }
        }
    }

    #[test]
    fn whoever_rules_say_something_else_about_is_among_the_unlike() {
        let acme = acme();
        let before = Access::of(&acme);
        let mut none = 0;
        let removals = acme.policies().map(|(id, _)| id).map(|id: PolicyId| {
            let mut draft = acme.draft();
            draft.remove(id);
            draft
        });
        let regroupings = acme.peers().map(|(id, _)| {
            let mut draft = acme.draft();
            draft.update(id, |peer| peer.with_groups([]));
            draft
        });
        for draft in removals.chain(regroupings) {
            let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
            let (after, mut scratch) = (Access::of(&next), Scratch::default());
            for (slot, toward) in slots(&acme).into_iter().flat_map(|slot| BOTH.map(|toward| (slot, toward))) {
                let [was, is] = [&before, &after].map(|access| lets(access, slot, toward, &mut scratch));
                let mut missed = differing(&was, &is);
                let unlike = before.spoken_of(slot).unlike_among(&after.spoken_of(slot), &[toward]);
                missed.subtract(&unlike);
                assert!(missed.is_empty(), "{slot:?} {toward:?}");
                none += usize::from(unlike.is_empty());
            }
        }
        assert!(none > 0, "everybody is always looked at");
    }

    #[test]
    fn where_rules_go_both_ways_the_same_is_let_through_either_way() {
        let acme = acme();
        let mut draft = acme.draft();
        acme.policies().for_each(|(id, _)| draft.update(id, |policy| policy.both_ways()));
        let mutual = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
        let mut seen = [0, 0];
        for intent in [acme, mutual] {
            let (access, mut scratch) = (Access::of(&intent), Scratch::default());
            for slot in slots(&intent) {
                let both = access.spoken_of(slot).is_both_ways();
                seen[usize::from(both)] += 1;
                let [here, there] = BOTH.map(|toward| lets(&access, slot, toward, &mut scratch));
                assert!(!both || here == there, "{slot:?}");
            }
        }
        assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
    }
}
