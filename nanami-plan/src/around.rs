//! What rules let through around a peer that a change touches, before and after: found once, for its effect and for its steps.
//!
//! **Invariant**: of everybody about whom anything may be different, all that either state lets through, both ways; of others nothing.
//! Peers on the same sides in both states are answered alike, so whoever asks for one of them leaves itself out.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use nanami_model::{PeerId, PolicyId, Services, Slot};

use crate::access::among::Spoken;
use crate::access::expand::{Scratch, Toward};
use crate::access::signature::SignatureId;
use crate::desired::Desired;
use crate::lets::{Lets, Split, differing, lets_among, split};
use crate::touched::Touched;
use crate::words::Words;

/// What one state lets through around a peer: what others may begin, and what it may begin. Where rules go both ways these are one.
#[derive(Debug, Default)]
pub(crate) struct Around {
    here: Lets,
    there: Option<Lets>,
}

impl Around {
    pub(crate) fn new(here: Lets, there: Lets) -> Self {
        Self { here, there: Some(there) }
    }

    /// The same either way.
    fn both_ways(lets: Lets) -> Self {
        Self { here: lets, there: None }
    }

    pub(crate) fn toward(&self, toward: Toward) -> &Lets {
        match toward {
            Toward::Here => &self.here,
            Toward::There => self.there.as_ref().unwrap_or(&self.here),
        }
    }

    /// All that is let through, each once.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&(PolicyId, Services), &Words)> {
        self.here.iter().chain(self.there.iter().flatten())
    }

    /// Everybody whom anything is let through with.
    pub(crate) fn everybody(&self) -> Words {
        Words::all_of(self.each().map(|(_, who)| who))
    }
}

/// What two states let through around a peer.
#[derive(Debug, Default)]
pub(crate) struct Between {
    pub(crate) states: [Around; 2],
    unlike: [OnceCell<Split<2>>; 2],
}

impl Between {
    pub(crate) fn new(states: [Around; 2]) -> Self {
        Self { states, unlike: Default::default() }
    }

    /// What was and what is let through one way.
    pub(crate) fn toward(&self, toward: Toward) -> [&Lets; 2] {
        self.states.each_ref().map(|state| state.toward(toward))
    }

    /// Whether both states let the same through either way.
    pub(crate) fn is_both_ways(&self) -> bool {
        self.states.iter().all(|state| state.there.is_none())
    }

    /// Those for whom that differs in anything, by what it was and is. It is found when it is first asked for.
    pub(crate) fn unlike(&self, toward: Toward) -> &Split<2> {
        let there = toward == Toward::There && !self.is_both_ways();
        self.unlike[usize::from(there)].get_or_init(|| {
            let [was, is] = self.toward(toward);
            split([was, is], &differing(was, is))
        })
    }
}

/// The sides of a peer in both states, and its families.
type Class = [(SignatureId, (bool, bool)); 2];

/// What was found between two states.
pub(crate) struct Surroundings<'a> {
    states: [&'a Desired; 2],
    /// Those who are other ones, or have other addresses or another key: they are looked at, whether or not rules say the same.
    unlike: Words,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    scratch: Scratch,
    by_class: BTreeMap<Class, Rc<Between>>,
    words: usize,
}

/// chosen: so many words are kept, 4 MB of them; what is beyond is found anew when it is asked for again.
const KEPT: usize = 1 << 18;

impl<'a> Surroundings<'a> {
    /// Nothing is found before it is asked for.
    pub(crate) fn new(before: &'a Desired, after: &'a Desired, touched: &Touched) -> Self {
        let unlike = touched.peers.iter().copied().filter(|slot| is_unlike(before, after, *slot)).collect();
        Self { states: [before, after], unlike, found: RefCell::default() }
    }

    /// Those of whom more is asked than whether rules say the same.
    pub(crate) fn unlike(&self) -> &Words {
        &self.unlike
    }

    /// What is let through around a peer that has its slot in both states, and the same families.
    pub(crate) fn of(&self, peer: Slot<PeerId>) -> Rc<Between> {
        let class = self.states.map(|state| state.access().class(peer));
        let found = &mut *self.found.borrow_mut();
        if let Some(known) = found.by_class.get(&class) {
            return known.clone();
        }
        let spoken = self.states.map(|state| state.access().spoken_of(peer));
        let both_ways = spoken.iter().all(Spoken::is_both_ways);
        // A tunnel is kept by what the other end may begin too, so both ways are looked at for all of them.
        let ways = if both_ways { &[Toward::Here][..] } else { &[Toward::Here, Toward::There] };
        let mut among = spoken[0].unlike_among(&spoken[1], ways);
        among.union(&self.unlike);
        found.scratch.with_itself = true;
        let around = spoken.map(|spoken| {
            let mut lets = |toward| lets_among(&spoken, toward, &among, &mut found.scratch);
            match both_ways {
                true => Around::both_ways(lets(Toward::Here)),
                false => Around::new(lets(Toward::Here), lets(Toward::There)),
            }
        });
        let held: usize = around.iter().flat_map(Around::each).map(|(_, who)| who.words().len()).sum();
        let around = Rc::new(Between::new(around));
        if found.words + held <= KEPT {
            found.words += held;
            found.by_class.insert(class, around.clone());
        }
        around
    }
}

/// Whether a slot is another peer's than before, or its peer has other addresses or families, or another key.
fn is_unlike(before: &Desired, after: &Desired, slot: Slot<PeerId>) -> bool {
    let [was, is] = [before, after].map(|desired| desired.intent().in_slot(slot));
    let (Some((id, was)), Some((other, is))) = (was, is) else { return was.is_some() || is.is_some() };
    let families = [before, after].map(|desired| desired.access().class(slot).1);
    id != other
        || was.addresses() != is.addresses()
        || before.intent().live_addresses(id) != after.intent().live_addresses(id)
        || was.key() != is.key()
        || families[0] != families[1]
}
