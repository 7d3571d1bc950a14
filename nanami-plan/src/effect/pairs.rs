//! The difference between two states, pair by pair: a peer, and another one or a range behind a route.
//!
//! **Invariant**: a range is a prefix of some route of either state, and belongs in each state to the route with the longest prefix
//! around it; so what is compared means the same addresses before and after.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Cidr, Destination, Intent, PeerId, PublicKey, RouteId, Services};

use super::{Disturbance, Passage};
use crate::access::{Grant, union};
use crate::atoms::Atoms;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::lets::minus;
use crate::paths::Way;

/// Passages, as they were compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    pub(super) gained: Vec<Passage>,
    pub(super) lost: Vec<Passage>,
    pub(super) kept: Vec<Passage>,
    /// Which ranges those who had them may keep nothing of.
    vanished: BTreeSet<(PeerId, Destination, Option<Cidr>)>,
}

impl Lists {
    pub(super) fn add(&mut self, other: Self) {
        self.gained.extend(other.gained);
        self.lost.extend(other.lost);
        self.kept.extend(other.kept);
    }

    /// How many passages keep nothing of what they were: one that still leads to another range of its route is there.
    pub(super) fn vanished(&self) -> usize {
        let kept: BTreeSet<_> = self.kept.iter().map(|passage| (passage.from, passage.to, passage.part)).collect();
        self.vanished.difference(&kept).count()
    }
}

/// A destination that both states can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Atom {
    Peer(PeerId),
    /// A prefix of some route of either state, less what is more specific.
    Range(Cidr),
}

pub(super) struct Comparison<'a> {
    before: Option<&'a Desired>,
    after: &'a Desired,
    /// Found when they are first asked for: most changes are about nobody who reaches any.
    ranges: OnceCell<Atoms>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(before: Option<&'a Desired>, after: &'a Desired) -> Self {
        Self { before, after, ranges: OnceCell::new() }
    }

    fn ranges(&self) -> &Atoms {
        self.ranges.get_or_init(|| Atoms::between(self.before.map(Desired::intent), self.after.intent()))
    }

    /// Everything, pair by pair.
    pub(super) fn whole(&self) -> Lists {
        let mut lists = Lists::default();
        self.atoms().into_iter().for_each(|(from, atom)| self.compare(from, atom, &mut lists));
        lists
    }

    /// These pairs of peers.
    pub(super) fn pairs_of(&self, pairs: impl Iterator<Item = (PeerId, PeerId)>) -> Lists {
        let mut lists = Lists::default();
        pairs.for_each(|(from, to)| self.compare(from, Atom::Peer(to), &mut lists));
        lists
    }

    /// What these clients reach behind routes.
    pub(super) fn ranges_of(&self, clients: impl Iterator<Item = PeerId>) -> Lists {
        let mut lists = Lists::default();
        for from in clients {
            let mut ranges = BTreeSet::new();
            for (state, desired) in [self.before, Some(self.after)].into_iter().enumerate() {
                let Some(desired) = desired else { continue };
                let slot = desired.intent().slot(from);
                let routes = slot.map(|slot| desired.access().routes_from(slot)).unwrap_or_default();
                ranges.extend(routes.into_iter().flat_map(|route| self.ranges().of(state, route)).copied());
            }
            ranges.into_iter().for_each(|range| self.compare(from, Atom::Range(range), &mut lists));
        }
        lists
    }

    /// How many passages to ranges there were, and all who have or had one.
    pub(super) fn ranges_before(&self) -> usize {
        let Some(before) = self.before else { return 0 };
        let mut passages: BTreeMap<(RouteId, Option<Cidr>), Bitmap> = BTreeMap::new();
        for (range, route) in self.ranges().owned(0) {
            let own = before.intent().get(*route).is_some_and(|route| route.prefixes().contains(range));
            let mut clients = before.access().sources_of(*route, range.is_ipv4());
            if before.ways_to(*route).iter().any(Way::is_nowhere) {
                let id = |slot| before.intent().in_slot(slot).map(|(id, _)| id);
                let nowhere = |id| before.way(id, Destination::Route(*route)).is_nowhere();
                let cut: Vec<_> = clients.iter().filter(|slot| id(*slot).is_none_or(nowhere)).collect();
                cut.into_iter().for_each(|slot| clients.remove(slot));
            }
            passages.entry((*route, (!own).then_some(*range))).or_default().union(&clients);
        }
        passages.values().map(Bitmap::count).sum()
    }

    /// Who reaches anything behind a route, before or after.
    pub(super) fn clients(&self) -> BTreeSet<PeerId> {
        let mut clients = BTreeSet::new();
        for desired in [self.before, Some(self.after)].into_iter().flatten() {
            for (route, _) in desired.intent().routes() {
                let sources = desired.access().sources(route);
                clients.extend(sources.iter().filter_map(|slot| Some(desired.intent().in_slot(slot)?.0)));
            }
        }
        clients
    }

    fn compare(&self, from: PeerId, atom: Atom, lists: &mut Lists) {
        let old = self.side(self.before, 0, from, atom);
        let new = self.side(Some(self.after), 1, from, atom);
        let services = |side: &Option<Side<'_>>| side.as_ref().and_then(|side| union(&side.grants));
        let (was, is) = (services(&old), services(&new));
        if let (Some(new), Some(services)) = (&new, minus(is.as_ref(), was.as_ref())) {
            lists.gained.push(new.passage(from, services));
        }
        if let (Some(old), Some(services)) = (&old, minus(was.as_ref(), is.as_ref())) {
            lists.lost.push(old.passage(from, services));
        }
        if let (Some(old), Some(new), Some(was), Some(is)) = (&old, &new, &was, &is)
            && let Some(services) = was.intersection(is)
        {
            let mut passage = new.passage(from, services);
            passage.before = (old.way != new.way).then(|| old.way.clone());
            passage.disturbance = self.disturbance(&passage, old.way);
            lists.kept.push(passage);
        } else if let Some(old) = old {
            lists.vanished.insert((from, old.to, old.part));
        }
    }

    fn atoms(&self) -> BTreeSet<(PeerId, Atom)> {
        let mut atoms = BTreeSet::new();
        for (state, desired) in [self.before, Some(self.after)].into_iter().enumerate() {
            for (from, to, _) in desired.into_iter().flat_map(|desired| desired.access().iter()) {
                match to {
                    Destination::Peer(to) => _ = atoms.insert((from, Atom::Peer(to))),
                    Destination::Route(route) => {
                        let owned = self.ranges().of(state, route).iter();
                        atoms.extend(owned.map(|range| (from, Atom::Range(*range))));
                    }
                    Destination::Address(_) => {}
                }
            }
        }
        atoms
    }

    fn side<'b>(&self, desired: Option<&'b Desired>, state: usize, from: PeerId, atom: Atom) -> Option<Side<'b>> {
        let desired = desired?;
        let (to, part) = match atom {
            Atom::Peer(to) => (Destination::Peer(to), None),
            Atom::Range(range) => {
                let family = desired.access().family(range.is_ipv4());
                desired.intent().slot(from).filter(|slot| family.contains(*slot))?;
                let route = self.ranges().owner(state, &range)?;
                let own = desired.intent().get(route)?.prefixes().contains(&range);
                (Destination::Route(route), (!own).then_some(range))
            }
        };
        let grants = desired.access().grants(from, to);
        let way = desired.way(from, to);
        (!grants.is_empty() && !way.is_nowhere()).then_some(Side { to, part, grants, way })
    }

    fn disturbance(&self, passage: &Passage, before: &Way) -> Option<Disturbance> {
        let old = self.before?.intent();
        let new = self.after.intent();
        let carriers = |intent: &Intent, way: &Way| {
            let in_use = [way.near(), way.gateways().first().copied()];
            in_use.map(|id| id.and_then(|id| intent.get(id)).map(|gateway| gateway.peer()))
        };
        let (was, is) = (carriers(old, before), carriers(new, &passage.way));
        if was != is {
            return Some(Disturbance::Moves);
        }
        let end = if let Destination::Peer(to) = passage.to { Some(to) } else { None };
        for peer in [Some(passage.from), end].into_iter().chain(is).flatten() {
            let (Some(was), Some(is)) = (old.get(peer), new.get(peer)) else { continue };
            if was.addresses() != is.addresses() {
                return Some(Disturbance::Renumbered(peer));
            }
            let differ = |a: Option<PublicKey>, b: Option<PublicKey>| a.is_some() && a != b;
            if differ(was.key(), is.key()) {
                return Some(Disturbance::Rekeyed(peer));
            }
        }
        None
    }
}
/// What one state says of a peer and a destination.
pub(super) struct Side<'a> {
    pub(super) to: Destination,
    pub(super) part: Option<Cidr>,
    pub(super) grants: Vec<Grant>,
    pub(super) way: &'a Way,
}

impl Side<'_> {
    pub(super) fn passage(&self, from: PeerId, services: Services) -> Passage {
        let gives = |grant: &&Grant| grant.services.intersection(&services).is_some();
        let policies = self.grants.iter().filter(gives).map(|grant| grant.policy).collect();
        let (to, part, way) = (self.to, self.part, self.way.clone());
        Passage { from, to, part, services, way, policies, before: None, disturbance: None }
    }
}
