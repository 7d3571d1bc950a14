//! What a state lets through between one peer and many others, as sets, and how two of these differ.
//!
//! **Invariant**: nothing here costs more than the words of the sets: no pair is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{PeerId, PolicyId, Services, Slot};

use crate::access::Access;
use crate::access::expand::{Scratch, Toward};
use crate::bitmap::Bitmap;
use crate::stage::Stage;
use crate::steps::bundle::Deed;

/// For each policy and what is left of its services: whom.
pub(crate) type Lets = BTreeMap<(PolicyId, Services), Bitmap>;

/// Policies with what they let through on one pair.
type Rules = BTreeSet<(PolicyId, Services)>;

/// What is let through between a peer and others.
pub(crate) fn lets(access: &Access, slot: Slot<PeerId>, toward: Toward, scratch: &mut Scratch) -> Lets {
    let mut found: Vec<(PolicyId, Services, Bitmap)> = Vec::new();
    access.expand(slot, toward, scratch, |index, word, rule, services| {
        let known = |at: &(PolicyId, Services, Bitmap)| at.0 == rule.policy && at.1 == *services;
        // Words of one rule come one after the other.
        let at = found.iter().rposition(known).unwrap_or_else(|| {
            found.push((rule.policy, services.clone(), Bitmap::default()));
            found.len() - 1
        });
        found[at].2.set_word(index, word);
    });
    found.into_iter().map(|(policy, services, who)| ((policy, services), who)).collect()
}

/// Everybody in any of the sets.
pub(crate) fn everybody<'a>(sets: impl IntoIterator<Item = &'a Bitmap>) -> Bitmap {
    let mut all = Bitmap::default();
    sets.into_iter().for_each(|set| all.union(set));
    all
}

/// Calls `with` for each part of `among` whose peers are in the same ones of the sets: by which sets those are.
pub(crate) fn parts(sets: &[&Bitmap], among: &Bitmap, mut with: impl FnMut(&dyn Fn(usize) -> bool, &Bitmap)) {
    let mut parts: BTreeMap<Vec<u64>, Bitmap> = BTreeMap::new();
    let mut mask = vec![0; sets.len().div_ceil(64)];
    for (index, word) in among.words() {
        let mut left = word;
        while left != 0 {
            let bit = 1u64 << left.trailing_zeros();
            let mut alike = left;
            mask.fill(0);
            for (n, set) in sets.iter().enumerate() {
                let own = set.word(index);
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

/// A part of the others, and what is done about each: in which stage, because of which policy, what.
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
    /// Shows each part of `among` for whom the rules change, and how.
    pub(crate) fn each(
        &self,
        among: &Bitmap,
        deed: impl Fn(Stage, Option<Services>) -> Deed,
        mut with: impl FnMut(Vec<Change>, &Bitmap),
    ) {
        let all = [self.was, self.is, self.before, self.after];
        let keyed: Vec<(usize, &(PolicyId, Services), &Bitmap)> =
            all.iter().enumerate().flat_map(|(n, lets)| lets.iter().map(move |(key, who)| (n, key, who))).collect();
        let mut among = among.clone();
        among.intersect(&differing(self.was, self.is));
        let sets: Vec<&Bitmap> = keyed.iter().map(|(.., who)| *who).collect();
        parts(&sets, &among, |is_in, part| {
            let mut rules: [Rules; 4] = Default::default();
            for (_, (state, key, _)) in keyed.iter().enumerate().filter(|(n, _)| is_in(*n)) {
                rules[*state].insert((*key).clone());
            }
            let changes = rewritten(&rules, &deed);
            if !changes.is_empty() {
                with(changes, part);
            }
        });
    }
}

/// Those for whom the two let different things through.
pub(crate) fn differing(was: &Lets, is: &Lets) -> Bitmap {
    let (mut differ, none) = (Bitmap::default(), Bitmap::default());
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let mut one = was.get(key).unwrap_or(&none).clone();
        one.differ(is.get(key).unwrap_or(&none));
        differ.union(&one);
    }
    differ
}

/// What changes on a pair, as `rules` says it of a single one.
fn rewritten([old, new, before, after]: &[Rules; 4], deed: &impl Fn(Stage, Option<Services>) -> Deed) -> Vec<Change> {
    let [was, is, before, after] = [old, new, before, after].map(all);
    let (gone, come) = (minus(was.as_ref(), is.as_ref()), minus(is.as_ref(), was.as_ref()));
    let first = |rules: &Rules, services: &Services| {
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

/// All services of some rules, whichever policy lets them through.
pub(crate) fn all<P>(rules: &BTreeSet<(P, Services)>) -> Option<Services> {
    Services::new(rules.iter().flat_map(|(_, services)| services.iter().copied())).ok()
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
