//! The difference between two states, block by block: many peers that all come to reach, or lose, the same of many others.
//!
//! **Invariant**: the blocks of a difference name each pair of peers at most once, and each pair whose services differ between the
//! two states. Whether a pair is in a block is decided by rules and sides, so a block costs what its sides cost, however many
//! pairs it has.

use std::collections::BTreeMap;
use std::rc::Rc;

use nanami_model::{Destination, PeerId, Services, Slot};

use super::carried::Carried;
use super::pairs::Side;
use super::{Disturbance, Passage};
use crate::access::expand::{Scratch, Toward};
use crate::around::{Around, Between, Surroundings};
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::lets::{Lets, Split, differing, lets, lets_among, minus, parts, split};
use crate::touched::Touched;
use crate::words::Words;

/// Peers, and others to whom the same happens for each of them.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) from: Words,
    pub(super) to: Words,
    pub(super) gained: Option<Services>,
    pub(super) lost: Option<Services>,
    pub(super) kept: Option<Services>,
    pub(super) disturbance: Option<Disturbance>,
}

impl Block {
    /// How many pairs it has; nobody makes one with itself.
    pub(super) fn pairs(&self) -> usize {
        let mut both = self.from.clone();
        both.intersect(&self.to);
        self.from.count() * self.to.count() - both.count()
    }

    /// What its pairs keep though open connections may stall or break.
    pub(super) fn disturbed(&self) -> Option<&Services> {
        self.disturbance.and(self.kept.as_ref())
    }

    /// Whether its pairs keep nothing of what they had.
    pub(super) fn vanishes(&self) -> bool {
        self.lost.is_some() && self.kept.is_none()
    }

    /// What this block says of one peer, by the state in which its pairs are to be looked up.
    pub(super) fn expand(&self, desired: &Desired, from: Slot<PeerId>, services: &Services, into: &mut Vec<Passage>) {
        self.expand_first(desired, from, services, usize::MAX, into);
    }

    /// The same for so many others at most, the first by name.
    pub(super) fn expand_first(
        &self,
        desired: &Desired,
        from: Slot<PeerId>,
        services: &Services,
        most: usize,
        into: &mut Vec<Passage>,
    ) {
        let Some((id, _)) = desired.intent().in_slot(from).filter(|_| self.from.contains(from)) else { return };
        let others = self.to.iter().filter(|to| *to != from).filter_map(|to| desired.intent().in_slot(to));
        let mut others: Vec<PeerId> = others.map(|(to, _)| to).collect();
        if others.len() > most {
            others.sort_by(|a, b| desired.intent().name_of(*a).cmp(&desired.intent().name_of(*b)));
            others.truncate(most);
        }
        for to in others {
            let to = Destination::Peer(to);
            let side = Side { to, part: None, grants: desired.access().grants(id, to), way: desired.way(id, to) };
            into.push(Passage { disturbance: self.disturbance, ..side.passage(id, services.clone()) });
        }
    }
}

/// The blocks of all that a state lets through directly, where there was none before.
pub(super) fn first(after: &Desired, carried: &Carried) -> Vec<Block> {
    let access = after.access();
    let mut classes: BTreeMap<_, Words> = BTreeMap::new();
    for (slot, ..) in after.intent().occupied::<PeerId>() {
        classes.entry((access.class(slot), carried.of(slot).map(|_| slot))).or_default().insert(slot);
    }
    let mut scratch = Scratch::default();
    let mut found = Vec::new();
    for from in classes.into_values() {
        let Some(first) = from.iter().next() else { continue };
        scratch.with_itself = from.count() > 1;
        let lets = lets(access, first, Toward::There, &mut scratch);
        let all: Vec<_> = lets.iter().collect();
        let sets: Vec<_> = all.iter().map(|(_, who)| *who).collect();
        // Those who are reached by the same services, whichever policies say so.
        let mut alike: BTreeMap<Services, Words> = BTreeMap::new();
        let mut direct = everybody(&lets);
        carried.of(first).into_iter().for_each(|others| direct.subtract(others));
        parts(&sets, &direct, |is_in, part| {
            let given = all.iter().enumerate().filter(|(n, _)| is_in(*n)).flat_map(|(_, ((_, given), _))| given.iter());
            if let Ok(services) = Services::new(given.copied()) {
                alike.entry(services).or_default().union(part);
            }
        });
        for (services, to) in alike {
            let (lost, kept, disturbance) = (None, None, None);
            found.push(Block { from: from.clone(), to, gained: Some(services), lost, kept, disturbance });
        }
    }
    found
}

/// The blocks of the difference between two states, of which this was touched. What gateways carry in either is in none.
pub(super) fn blocks(
    before: &Desired,
    after: &Desired,
    touched: &Touched,
    surroundings: &Surroundings<'_>,
    carried: &Carried,
) -> Vec<Block> {
    let all: Bitmap = touched.peers.iter().copied().collect();
    let swapped = |slot: &Slot<PeerId>| {
        let id = |desired: &Desired| desired.intent().in_slot(*slot).map(|(id, _)| id);
        id(before) != id(after)
    };
    let swapped: Words = touched.peers.iter().copied().filter(swapped).collect();
    let mut disturbed = BTreeMap::new();
    for slot in touched.peers.iter().filter(|slot| !swapped.contains(**slot)) {
        if let Some(why) = disturbance(before, after, *slot) {
            disturbed.insert(*slot, why);
        }
    }
    let (scratch, found) = (Scratch::default(), Vec::new());
    let mut finding = Finding { before, after, carried, surroundings, all, swapped, disturbed, scratch, found };
    touched.peers.iter().for_each(|slot| finding.peer(*slot));
    finding.rules(touched);
    finding.found
}

fn disturbance(before: &Desired, after: &Desired, slot: Slot<PeerId>) -> Option<Disturbance> {
    let (id, was) = before.intent().in_slot(slot)?;
    let is = after.intent().get(id)?;
    if was.addresses() != is.addresses() {
        return Some(Disturbance::Renumbered(id));
    }
    (was.key().is_some() && was.key() != is.key()).then_some(Disturbance::Rekeyed(id))
}

struct Finding<'a> {
    before: &'a Desired,
    after: &'a Desired,
    carried: &'a Carried,
    surroundings: &'a Surroundings<'a>,
    all: Bitmap,
    /// Slots that are another peer's than before.
    swapped: Words,
    disturbed: BTreeMap<Slot<PeerId>, Disturbance>,
    scratch: Scratch,
    found: Vec<Block>,
}

impl Finding<'_> {
    /// What a touched peer reaches, and which peers that were not touched reach it.
    fn peer(&mut self, slot: Slot<PeerId>) {
        let itself: Words = [slot].into_iter().collect();
        let around = match self.surroundings.unlike().contains(slot) {
            true => Rc::new(Between::new([0, 1].map(|n| {
                let [here, there] = [Toward::Here, Toward::There].map(|toward| self.lets(n, slot, toward));
                Around::new(here, there)
            }))),
            false => self.surroundings.of(slot),
        };
        if self.swapped.is_empty() && self.disturbed.is_empty() {
            return self.regrouped(slot, &itself, &around);
        }
        for toward in [Toward::There, Toward::Here] {
            let [was, is] = around.toward(toward);
            let mut others = Words::all_of(was.values().chain(is.values()));
            others.remove(slot);
            if toward == Toward::Here {
                others.subtract(&self.all);
            }
            self.carried.of(slot).into_iter().for_each(|carried| others.subtract(carried));
            let mut apart = others.clone();
            apart.intersect(&self.swapped);
            if self.swapped.contains(slot) {
                apart = others.clone();
            }
            others.subtract(&apart);
            // A slot that was somebody else's: what there was is lost, what there is is gained.
            let none = Lets::new();
            self.add(&itself, toward, was, &none, apart.clone(), None);
            self.add(&itself, toward, &none, is, apart, None);
            let own = self.disturbed.get(&slot).copied();
            if own.is_some() {
                self.add(&itself, toward, was, is, others, own);
                continue;
            }
            let mut ends = others.clone();
            ends.intersect(self.surroundings.unlike());
            for end in ends.iter().filter(|_| toward == Toward::There) {
                if let Some(why) = self.disturbed.get(&end).copied() {
                    others.remove(end);
                    self.add(&itself, toward, was, is, [end].into_iter().collect(), Some(why));
                }
            }
            others.intersect(&differing(was, is));
            self.add(&itself, toward, was, is, others, None);
        }
    }

    /// The same where nobody is another one than before, or has another address or key: only what rules say can differ.
    fn regrouped(&mut self, slot: Slot<PeerId>, itself: &Words, around: &Between) {
        for toward in [Toward::There, Toward::Here] {
            for (part, [was, is]) in around.unlike(toward).iter().filter(|(_, [was, is])| was != is) {
                let mut others = part.clone();
                others.remove(slot);
                if toward == Toward::Here {
                    others.subtract(&self.all);
                }
                self.carried.of(slot).into_iter().for_each(|carried| others.subtract(carried));
                self.block(itself, toward, others, [was.as_ref(), is.as_ref()], None);
            }
        }
    }

    /// What the peers that were not touched reach of each other by policies that were, alike for peers on the same sides.
    fn rules(&mut self, touched: &Touched) {
        let mut begins = Bitmap::default();
        for desired in [self.before, self.after] {
            let rules = touched.policies.iter().filter_map(|slot| desired.access().rule(slot.index() as u32));
            let sides = rules.flat_map(|rule| rule.arrows.iter().map(|arrow| arrow.begin));
            sides.for_each(|side| begins.add(desired.access().members(side)));
        }
        begins.subtract(&self.all);
        let mut classes: BTreeMap<_, Words> = BTreeMap::new();
        for slot in begins.iter() {
            let class = [self.before, self.after].map(|desired| desired.access().class(slot));
            classes.entry((class, self.carried.of(slot).map(|_| slot))).or_default().insert(slot);
        }
        for members in classes.into_values() {
            let Some(first) = members.iter().next() else { continue };
            self.scratch.with_itself = true;
            let spoken = [self.before, self.after].map(|desired| desired.access().spoken_of(first));
            let mut among = spoken[0].unlike_among(&spoken[1], &[Toward::There]);
            among.union(self.surroundings.unlike());
            let [was, is] = spoken.map(|spoken| lets_among(&spoken, Toward::There, &among, &mut self.scratch));
            self.scratch.with_itself = false;
            let mut others = differing(&was, &is);
            others.subtract(&self.all);
            self.carried.of(first).into_iter().for_each(|carried| others.subtract(carried));
            if members.count() == 1 {
                others.remove(first);
            }
            self.add(&members, Toward::There, &was, &is, others, None);
        }
    }

    fn lets(&mut self, n: usize, slot: Slot<PeerId>, toward: Toward) -> Lets {
        lets([self.before, self.after][n].access(), slot, toward, &mut self.scratch)
    }

    /// Adds blocks for these peers and the others, who are split by what they had and have.
    fn add(
        &mut self,
        own: &Words,
        toward: Toward,
        was: &Lets,
        is: &Lets,
        others: Words,
        disturbance: Option<Disturbance>,
    ) {
        for (others, [was, is]) in parted(was, is, others, disturbance.is_some()) {
            self.block(own, toward, others, [was.as_ref(), is.as_ref()], disturbance);
        }
    }

    /// Adds the block of these peers and the others, who all had and have the same.
    fn block(
        &mut self,
        own: &Words,
        toward: Toward,
        others: Words,
        [was, is]: [Option<&Services>; 2],
        disturbance: Option<Disturbance>,
    ) {
        let (gained, lost) = (minus(is, was), minus(was, is));
        let kept = was.and_then(|was| was.intersection(is?));
        let disturbance = disturbance.filter(|_| kept.is_some());
        if others.is_empty() || (gained.is_none() && lost.is_none() && disturbance.is_none()) {
            return;
        }
        let (from, to) = if toward == Toward::There { (own.clone(), others) } else { (others, own.clone()) };
        self.found.push(Block { from, to, gained, lost, kept, disturbance });
    }
}

fn everybody(lets: &Lets) -> Words {
    Words::all_of(lets.values())
}

/// The others in parts, each with all that they had and have; unless they are disturbed, without those of whom that is the same.
fn parted(was: &Lets, is: &Lets, mut others: Words, disturbed: bool) -> Split<2> {
    if !disturbed {
        others.intersect(&differing(was, is));
    }
    split([was, is], &others)
}

/// How many pairs of peers a state lets meet, counted class by class.
pub(crate) fn total(desired: &Desired) -> usize {
    let access = desired.access();
    let mut classes: BTreeMap<_, (Slot<PeerId>, usize)> = BTreeMap::new();
    for (slot, ..) in desired.intent().occupied::<PeerId>() {
        classes.entry(access.class(slot)).or_insert((slot, 0)).1 += 1;
    }
    let mut scratch = Scratch::default();
    scratch.with_itself = true;
    let mut pairs = 0;
    let mut reached = Bitmap::default();
    for (first, members) in classes.into_values() {
        reached.reset(desired.intent().slot_bound::<PeerId>());
        access.expand(first, Toward::There, &mut scratch, |index, word, _, _| reached.set_word(index, word));
        // Whoever would reach itself is not counted, and then its whole class would.
        pairs += members * (reached.count() - usize::from(reached.contains(first)));
    }
    pairs
}
