//! What a state lets through between one peer and many others, as sets, and how two of these differ.
//!
//! **Invariant**: nothing here costs more than the words of the sets: no pair is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nanami_model::{PeerId, PolicyId, Services, Slot};

use crate::access::Access;
use crate::access::expand::{Scratch, Toward};
use crate::access::rule::Rule;
use crate::stage::Stage;
use crate::steps::bundle::Deed;
use crate::words::Words;

/// For each policy and what is left of its services: whom.
pub(crate) type Lets = BTreeMap<(PolicyId, Services), Words>;

/// Policies with what they let through on one pair.
type Rules<'a> = Vec<&'a (PolicyId, Services)>;

/// What is let through between a peer and others: these, or everybody.
pub(crate) fn lets(
    access: &Access,
    slot: Slot<PeerId>,
    toward: Toward,
    among: Option<&Words>,
    scratch: &mut Scratch,
) -> Lets {
    let mut found: Vec<(&Arc<Rule>, Services, Words)> = Vec::new();
    let with = |index: usize, word: u64, rule, services: &Services| {
        // Words of one rule come one after the other.
        let mut known = found.iter().rev().take_while(|(last, ..)| Arc::ptr_eq(last, rule));
        match known.position(|(_, left, _)| left == services).map(|back| found.len() - 1 - back) {
            Some(at) => found[at].2.set_word(index, word),
            None => found.push((rule, services.clone(), Words::of([(index, word)]))),
        }
    };
    match among {
        Some(among) => access.expand_among(slot, toward, among, scratch, with),
        None => access.expand(slot, toward, scratch, with),
    }
    let mut lets = Lets::new();
    for (rule, services, who) in found {
        lets.entry((rule.policy, services)).or_default().union(&who);
    }
    lets
}

/// Everybody in any of the sets.
pub(crate) fn everybody<'a>(sets: impl IntoIterator<Item = &'a Words>) -> Words {
    let mut all = Words::default();
    sets.into_iter().for_each(|set| all.union(set));
    all
}

/// Calls `with` for each part of `among` whose peers are in the same ones of the sets: by which sets those are.
pub(crate) fn parts(sets: &[&Words], among: &Words, mut with: impl FnMut(&dyn Fn(usize) -> bool, &Words)) {
    let mut parts: BTreeMap<Vec<u64>, Words> = BTreeMap::new();
    let mut mask = vec![0; sets.len().div_ceil(64)];
    let mut from = vec![0; sets.len()];
    let mut own: Vec<(usize, u64)> = Vec::new();
    for (index, word) in among.words() {
        own.clear();
        let words = sets.iter().zip(&mut from).map(|(set, from)| word & set.word_from(from, index));
        own.extend(words.enumerate().filter(|(_, own)| *own != 0));
        let mut left = word;
        while left != 0 {
            let bit = 1u64 << left.trailing_zeros();
            let mut alike = left;
            mask.fill(0);
            for (n, own) in &own {
                if own & bit != 0 {
                    mask[n / 64] |= 1 << (n % 64);
                    alike &= own;
                } else {
                    alike &= !own;
                }
            }
            match parts.get_mut(mask.as_slice()) {
                Some(part) => part.set_word(index, alike),
                None => parts.entry(mask.clone()).or_default().set_word(index, alike),
            }
            left &= !alike;
        }
    }
    for (mask, part) in &parts {
        with(&|n| mask[n / 64] >> (n % 64) & 1 == 1, part);
    }
}

/// What is done about each of some others: in which stage, because of which policy, what.
pub(crate) type Change = (Stage, PolicyId, Deed);

/// How the rules at one place change: `was` and `is` are what is let through there; `before` and `after` what is allowed at all,
/// which is more where other gateways carry it. `deed` names what is let through from a stage on, or no longer.
pub(crate) struct Rewrite<'a> {
    pub(crate) was: &'a Lets,
    pub(crate) is: &'a Lets,
    pub(crate) before: &'a Lets,
    pub(crate) after: &'a Lets,
}

impl Rewrite<'_> {
    /// Each change of the rules, with those of `among` for whom they change so.
    pub(crate) fn of(
        &self,
        among: &Words,
        deed: impl Fn(Stage, Option<Services>) -> Deed,
    ) -> impl Iterator<Item = (Change, Words)> {
        let all = [self.was, self.is, self.before, self.after];
        // Where nothing goes another way, what is let through is all that is allowed.
        let whole = std::ptr::eq(self.was, self.before) && std::ptr::eq(self.is, self.after);
        let states = all.iter().enumerate().take(if whole { 2 } else { 4 });
        let keyed: Vec<(usize, &(PolicyId, Services), &Words)> =
            states.flat_map(|(n, lets)| lets.iter().map(move |(key, who)| (n, key, who))).collect();
        let mut among = among.clone();
        among.intersect(&differing(self.was, self.is));
        let sets: Vec<&Words> = keyed.iter().map(|(.., who)| *who).collect();
        let mut alike: BTreeMap<Change, Vec<(usize, u64)>> = BTreeMap::new();
        parts(&sets, &among, |is_in, part| {
            let mut rules: [Rules<'_>; 4] = Default::default();
            for (_, (state, key, _)) in keyed.iter().enumerate().filter(|(n, _)| is_in(*n)) {
                rules[*state].push(key);
            }
            if whole {
                (rules[2], rules[3]) = (rules[0].clone(), rules[1].clone());
            }
            for change in rewritten(&rules, &deed) {
                alike.entry(change).or_default().extend(part.words());
            }
        });
        alike.into_iter().map(|(change, words)| (change, Words::of(words)))
    }
}

/// Those for whom the two let different things through.
pub(crate) fn differing(was: &Lets, is: &Lets) -> Words {
    let (mut differ, none) = (Words::default(), Words::default());
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let mut one = was.get(key).unwrap_or(&none).clone();
        one.differ(is.get(key).unwrap_or(&none));
        differ.union(&one);
    }
    differ
}

/// What changes on a pair, as `rules` says it of a single one.
fn rewritten(
    [old, new, before, after]: &[Rules<'_>; 4],
    deed: &impl Fn(Stage, Option<Services>) -> Deed,
) -> Vec<Change> {
    let [was, is, before, after] =
        [old, new, before, after].map(|rules| all(rules.iter().map(|(_, services)| services)));
    let (gone, come) = (minus(was.as_ref(), is.as_ref()), minus(is.as_ref(), was.as_ref()));
    let first = |rules: &Rules<'_>, services: &Services| {
        rules.iter().find(|(_, own)| own.intersection(services).is_some()).map(|(policy, _)| *policy)
    };
    let parts = [
        (Stage::Tighten, minus(gone.as_ref(), after.as_ref()), old),
        (Stage::Retire, both(gone.as_ref(), after.as_ref()), old),
        (Stage::Prepare, both(come.as_ref(), before.as_ref()), new),
        (Stage::Open, minus(come.as_ref(), before.as_ref()), new),
    ];
    let mut changes = Vec::new();
    for (stage, services, rules) in parts {
        let Some(services) = services else { continue };
        let Some(policy) = first(rules, &services) else { continue };
        changes.push((stage, policy, deed(stage, Some(services))));
    }
    if gone.is_none()
        && come.is_none()
        && let Some(policy) = is.as_ref().and_then(|services| first(new, services))
    {
        changes.push((Stage::Prepare, policy, deed(Stage::Prepare, None)));
    }
    changes
}

/// All of some services; `None` is nothing.
pub(crate) fn all<'a>(mut services: impl Iterator<Item = &'a Services>) -> Option<Services> {
    let first = services.next()?;
    let Some(second) = services.next() else { return Some(first.clone()) };
    Services::new([first, second].into_iter().chain(services).flat_map(|services| services.iter().copied())).ok()
}

/// What is in the one and not in the other; `None` is nothing.
pub(crate) fn minus(a: Option<&Services>, b: Option<&Services>) -> Option<Services> {
    match (a, b) {
        (Some(a), Some(b)) => a.minus(b),
        (a, _) => a.cloned(),
    }
}

/// What is in both; `None` is nothing.
pub(crate) fn both(a: Option<&Services>, b: Option<&Services>) -> Option<Services> {
    a?.intersection(b?)
}
