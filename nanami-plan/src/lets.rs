//! What a state lets through between one peer and many others, as sets, and how two of these differ.
//!
//! **Invariant**: nothing here costs more than the words of the sets: no pair is looked at by itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use nanami_model::{PeerId, PolicyId, Services, Slot};

use crate::access::Access;
use crate::access::among::Spoken;
use crate::access::expand::{Scratch, Toward, overlap};
use crate::access::rule::Rule;
use crate::stage::Stage;
use crate::steps::bundle::Deed;
use crate::words::{ByWord, Gathered, Words};

/// For each policy and what is left of its services: whom.
pub(crate) type Lets = BTreeMap<(PolicyId, Services), Words>;

/// What is let through between a peer and everybody else.
pub(crate) fn lets(access: &Access, slot: Slot<PeerId>, toward: Toward, scratch: &mut Scratch) -> Lets {
    let mut letting = Letting { found: Vec::new(), room: ROOM };
    access.expand(slot, toward, scratch, |index, word, rule, services| letting.note(index, word, rule, services));
    letting.finish()
}

/// The same between a peer and some others.
pub(crate) fn lets_among(spoken: &Spoken<'_>, toward: Toward, among: &Words, scratch: &mut Scratch) -> Lets {
    let mut letting = Letting { found: Vec::new(), room: among.words().len().min(ROOM_AMONG) };
    spoken.expand_among(toward, among, scratch, |index, word, rule, services| {
        letting.note(index, word, rule, services);
    });
    letting.finish()
}

/// What is let through, while it is shown rule by rule.
struct Letting<'a> {
    found: Vec<(&'a Arc<Rule>, Services, Words)>,
    room: usize,
}

impl<'a> Letting<'a> {
    fn note(&mut self, index: usize, word: u64, rule: &'a Arc<Rule>, services: &Services) {
        // Words of one rule come one after the other.
        let mut known = self.found.iter().rev().take_while(|(last, ..)| Arc::ptr_eq(last, rule));
        match known.position(|(_, left, _)| left == services).map(|back| self.found.len() - 1 - back) {
            Some(at) => self.found[at].2.set_word(index, word),
            None => {
                let mut who = Words::with_room(self.room);
                who.set_word(index, word);
                self.found.push((rule, services.clone(), who));
            }
        }
    }

    fn finish(self) -> Lets {
        let mut lets = Lets::new();
        for (rule, services, who) in self.found {
            match lets.entry((rule.policy, services)) {
                Entry::Vacant(new) => _ = new.insert(who),
                Entry::Occupied(mut known) => known.get_mut().union(&who),
            }
        }
        lets
    }
}

/// chosen: words for which a set has room at first among everybody; one of a group in a workspace where groups stand together has
/// fewer.
const ROOM: usize = 8;

/// The same among some, for which there are no more words than theirs: growing a set costs more than the room.
const ROOM_AMONG: usize = 64;

/// Whom these let through by which services, whichever policies say so; the parts may have peers in common, but nobody is in one whose
/// services are all among those of another one of theirs.
fn by_services(lets: &Lets) -> Vec<(&Services, Words)> {
    let mut alike: BTreeMap<&Services, Vec<&Words>> = BTreeMap::new();
    lets.iter().for_each(|((_, services), who)| alike.entry(services).or_default().push(who));
    let mut parts: Vec<_> = alike.into_iter().map(|(services, sets)| (services, Words::all_of(sets))).collect();
    for n in 0..parts.len() {
        let (services, mut own) = (parts[n].0, std::mem::take(&mut parts[n].1));
        let wider = |other: &Services| other != services && services.iter().all(|service| other.includes(service));
        parts.iter().filter(|(other, _)| wider(other)).for_each(|(_, who)| own.subtract(who));
        parts[n].1 = own;
    }
    parts.retain(|(_, who)| !who.is_empty());
    parts
}

/// Those who are in just one set of a pair, whichever pair.
fn apart(pairs: &[(&Words, &Words)]) -> Words {
    let sets: Vec<&Words> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let mut differ = Gathered::around(&sets);
    pairs.iter().for_each(|(a, b)| differ.add_differing(a, b));
    differ.finish()
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

/// Peers in parts, each with all that is let through for them in each state.
pub(crate) type Split<const STATES: usize> = Vec<(Words, [Option<Services>; STATES])>;

/// These peers in parts by what each of the states lets through for them.
pub(crate) fn split<const STATES: usize>(states: [&Lets; STATES], among: &Words) -> Split<STATES> {
    if among.is_empty() {
        return Vec::new();
    }
    // Which services are let through decides, and is asked first: there are few of them, and many policies.
    let given = states.map(by_services);
    let keyed: Vec<(usize, &Services, &Words)> = given
        .iter()
        .enumerate()
        .flat_map(|(n, sets)| sets.iter().map(move |(services, who)| (n, *services, who)))
        .collect();
    let sets: Vec<&Words> = keyed.iter().map(|(.., who)| *who).collect();
    let mut alike: BTreeMap<[Option<Services>; STATES], Words> = BTreeMap::new();
    parts(&sets, among, |is_in, part| {
        let had = std::array::from_fn(|state| {
            let own = keyed.iter().enumerate().filter(|(n, (of, ..))| *of == state && is_in(*n));
            all(own.map(|(_, (_, services, _))| *services))
        });
        alike.entry(had).or_default().union(part);
    });
    alike.into_iter().map(|(services, peers)| (peers, services)).collect()
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
        let mut among = among.clone();
        if !among.is_empty() {
            among.intersect(&differing(self.was, self.is));
        }
        // Where nothing goes another way, what is let through is all that is allowed.
        let whole = std::ptr::eq(self.was, self.before) && std::ptr::eq(self.is, self.after);
        let mut changes = BTreeMap::new();
        if whole {
            for (part, [was, is]) in split([self.was, self.is], &among) {
                self.add([was.as_ref(), is.as_ref(), was.as_ref(), is.as_ref()], &part, &deed, &mut changes);
            }
        } else {
            for (part, states) in split([self.was, self.is, self.before, self.after], &among) {
                self.add(states.each_ref().map(Option::as_ref), &part, &deed, &mut changes);
            }
        }
        changes.into_iter()
    }

    /// The same where nothing goes another way, and it is known in which parts the others are.
    pub(crate) fn of_parts<'a>(
        &self,
        parts: impl Iterator<Item = (Words, &'a [Option<Services>; 2])>,
        deed: impl Fn(Stage, Option<Services>) -> Deed,
    ) -> impl Iterator<Item = (Change, Words)> {
        let mut changes = BTreeMap::new();
        for (part, [was, is]) in parts {
            self.add([was.as_ref(), is.as_ref(), was.as_ref(), is.as_ref()], &part, &deed, &mut changes);
        }
        changes.into_iter()
    }

    /// Adds what changes for those for whom these services were and are let through, and were and are allowed at all.
    fn add(
        &self,
        states: [Option<&Services>; 4],
        part: &Words,
        deed: &impl Fn(Stage, Option<Services>) -> Deed,
        changes: &mut BTreeMap<Change, Words>,
    ) {
        for (stage, services, said, by) in rewritten(states) {
            let rules = if by == 0 { self.was } else { self.is };
            for (policy, who) in firsts(rules, &services, part) {
                let change = (stage, policy, deed(stage, said.then(|| services.clone())));
                match changes.entry(change) {
                    Entry::Vacant(new) => _ = new.insert(who),
                    Entry::Occupied(mut known) => known.get_mut().union(&who),
                }
            }
        }
    }
}

/// Of these peers: for whom which policy is the first that lets any of the services through.
fn firsts(rules: &Lets, services: &Services, among: &Words) -> Vec<(PolicyId, Words)> {
    let mut found: Vec<(PolicyId, Words)> = Vec::new();
    let mut left = among.clone();
    for ((policy, _), who) in rules.iter().filter(|((_, own), _)| overlap(own, services)) {
        let mut own = left.clone();
        own.intersect(who);
        if own.is_empty() {
            continue;
        }
        left.subtract(&own);
        match found.last_mut().filter(|(last, _)| last == policy) {
            Some((_, known)) => known.union(&own),
            None => found.push((*policy, own)),
        }
        if left.is_empty() {
            break;
        }
    }
    found
}

/// Those for whom the two let different things through.
pub(crate) fn differing(was: &Lets, is: &Lets) -> Words {
    let none = Words::default();
    let unlike = was.iter().map(|(key, who)| (who, is.get(key).unwrap_or(&none))).filter(|(a, b)| a != b);
    let new = is.iter().filter(|(key, _)| !was.contains_key(*key)).map(|(_, who)| (who, &none));
    let pairs: Vec<(&Words, &Words)> = unlike.chain(new).collect();
    apart(&pairs)
}

/// What changes on a pair, as `rules` says it of a single one: in which stage, which services, whether they are named, and whether
/// the policy to name is one of those that were (0) or of those that are (1).
fn rewritten([was, is, before, after]: [Option<&Services>; 4]) -> Vec<(Stage, Services, bool, usize)> {
    let same = was == is;
    let (gone, come) = if same { (None, None) } else { (minus(was, is), minus(is, was)) };
    if gone.is_none() && come.is_none() {
        return is.into_iter().map(|services| (Stage::Prepare, services.clone(), false, 1)).collect();
    }
    let parts = [
        (Stage::Tighten, minus(gone.as_ref(), after), 0),
        (Stage::Retire, both(gone.as_ref(), after), 0),
        (Stage::Prepare, both(come.as_ref(), before), 1),
        (Stage::Open, minus(come.as_ref(), before), 1),
    ];
    parts.into_iter().filter_map(|(stage, services, by)| Some((stage, services?, true, by))).collect()
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
