//! Effect: what a change of intent means for reach, before anybody reads a diff of configuration.
//!
//! **Invariant**: exactly the difference between what the two states allow (PLANNING.md I26), range of addresses by range of
//! addresses: when a new route takes a part of another one's prefix, who reached that part by the old route and may not
//! use the new one loses it, though no policy changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use nanami_model::{Cidr, Destination, GroupId, PeerId, PolicyId, Services, Slot, UserId};

use crate::access::union;
use crate::around::Surroundings;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::names::Names;
use crate::paths::Way;
use crate::touched::Touched;

mod approvals;
mod blocks;
mod carried;
mod lists;
mod pairs;
mod print;
mod shown;

use approvals::approvals;
pub(crate) use approvals::networks_of;
use blocks::Block;
pub(crate) use blocks::total;
use carried::Carried;
use pairs::{Comparison, Lists, Side};
pub(crate) use shown::{Difference, Set};

/// What is gained, lost, rerouted and disturbed between two states. What concerns many peers alike is counted without being listed;
/// lists are made when they are asked for. A cheap clone.
#[derive(Debug, Clone)]
pub struct Effect(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    before: Option<Desired>,
    after: Desired,
    /// What was compared pair by pair.
    pairs: Lists,
    /// What was compared class by class; `None` if every pair was compared by itself.
    blocks: Option<Vec<Block>>,
    /// Whether `pairs` holds all that is reached behind routes.
    has_ranges: bool,
    approvals: Vec<GroupId>,
    names: Names,
    gained: OnceLock<Vec<Passage>>,
    lost: OnceLock<Vec<Passage>>,
    moved: OnceLock<Vec<Passage>>,
    kept: OnceLock<Vec<Passage>>,
    /// The first passages that are gained, and that are lost: as many as a page could hold.
    page: [OnceLock<Vec<Passage>>; 2],
    kept_count: OnceLock<usize>,
    /// How many passages to ranges keep nothing of what they were.
    vanished_ranges: usize,
    of_carried: CarriedKept,
}

/// Of the pairs that gateways carry in either state, which are compared pair by pair: how many there were, and how many are kept.
#[derive(Debug, Clone, Copy, Default)]
struct CarriedKept {
    before: usize,
    kept: usize,
}

/// As many passages as a page could hold.
const PAGE: usize = 32;

/// Something that may be reached: by whom, what, by which services, which way, by which policies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// Who begins.
    pub from: PeerId,
    /// What is reached: a peer or a route.
    pub to: Destination,
    /// Of a route: the range that this is about, if it is not what the route has to itself.
    pub part: Option<Cidr>,
    /// By which services.
    pub services: Services,
    /// The gateways on the way; of something lost, those that were.
    pub way: Way,
    /// The policies that allow it, or did, by name.
    pub policies: Vec<PolicyId>,
    /// Of something kept: the way until now, if it is another one.
    pub before: Option<Way>,
    /// Of something kept: why open connections may stall or break while the change is made.
    pub disturbance: Option<Disturbance>,
}

/// Why open connections may stall or break while the peers take over their new maps, each at its own moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Disturbance {
    /// The gateway in use changes, or comes, or goes.
    Moves,
    /// This peer, an end or the gateway in use, has other addresses.
    Renumbered(PeerId),
    /// This peer, an end or the gateway in use, has another key.
    Rekeyed(PeerId),
}

impl Passage {
    /// All that a state allows on one pair; `None` if that is nothing.
    pub(crate) fn of(desired: &Desired, from: PeerId, to: Destination) -> Option<Self> {
        let grants = desired.access().grants(from, to);
        let services = union(&grants)?;
        let side = Side { to, part: None, grants, way: desired.way(from, to) };
        Some(side.passage(from, services))
    }
}

/// Some passages of an [`Effect`].
#[derive(Debug, Clone, Copy)]
pub struct Flows<'a> {
    effect: &'a Effect,
    which: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Gained,
    Lost,
    Kept,
    Rerouted,
    Disturbed,
}

impl<'a> Flows<'a> {
    /// How many there are. Nothing is listed for it.
    pub fn count(&self) -> usize {
        self.effect.0.count(self.which)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The passages, by the names of their ends. They are listed now if they were not before: as many as [`Flows::count`] says.
    pub fn iter(&self) -> impl Iterator<Item = &'a Passage> + use<'a> {
        let which = self.which;
        let all = self.effect.0.list(which);
        all.iter().filter(move |passage| match which {
            Which::Rerouted => passage.before.is_some(),
            Which::Disturbed => passage.disturbance.is_some(),
            _ => true,
        })
    }

    /// The first passages by the names of their ends, so many at most; the others are not listed.
    pub fn first(&self, most: usize) -> Vec<Passage> {
        match self.which {
            Which::Gained | Which::Lost => self.effect.0.first(self.which, most),
            _ => self.iter().take(most).cloned().collect(),
        }
    }
}

impl Effect {
    /// The difference between two states; without a former one everything is gained.
    pub fn between(before: Option<&Desired>, after: &Desired) -> Self {
        let touched = before.and_then(|before| Touched::between(before.intent(), after.intent(), &mut 0));
        Self::of(before, after, touched.as_ref())
    }

    /// The same where it is known what was touched; `None` compares every pair.
    pub(crate) fn of(before: Option<&Desired>, after: &Desired, touched: Option<&Touched>) -> Self {
        let surroundings = before.zip(touched).map(|(before, touched)| Surroundings::new(before, after, touched));
        Self::beside(before, after, touched, surroundings.as_ref())
    }

    /// The same with what is around the touched peers, for others to use it too.
    pub(crate) fn beside(
        before: Option<&Desired>,
        after: &Desired,
        touched: Option<&Touched>,
        surroundings: Option<&Surroundings<'_>>,
    ) -> Self {
        let comparison = Comparison::new(before, after);
        let carried = Carried::between(before, after);
        let (mut pairs, blocks, has_ranges) = match (before, touched.zip(surroundings)) {
            (Some(_), None) => (comparison.whole(), None, true),
            (None, _) => {
                let ranges = comparison.ranges_of(comparison.clients().into_iter());
                (ranges, Some(blocks::first(after, &carried)), true)
            }
            (Some(before), Some((touched, surroundings))) => {
                let blocks = blocks::blocks(before, after, touched, surroundings, &carried);
                let routed = touched.ways || leads_to_routes(before, touched) || leads_to_routes(after, touched);
                let routed = routed || before.selection() != after.selection();
                let ranges = match routed {
                    true => comparison.ranges_of(comparison.clients().into_iter()),
                    false => comparison.ranges_of(peers(before, after, touched).into_iter()),
                };
                (ranges, Some(blocks), routed)
            }
        };
        let vanished_ranges = pairs.vanished();
        let mut of_carried = CarriedKept::default();
        if blocks.is_some() {
            let between = comparison.pairs_of(carried.pairs());
            // What has no way is among the pairs that were counted too.
            let were = |(from, to): &(PeerId, PeerId)| {
                before.is_some_and(|before| !before.access().grants(*from, (*to).into()).is_empty())
            };
            of_carried = CarriedKept { before: carried.pairs().filter(were).count(), kept: between.kept.len() };
            pairs.add(between);
        }
        let names = Names::new(after.intent(), before.map(Desired::intent));
        [&mut pairs.gained, &mut pairs.lost, &mut pairs.kept].into_iter().for_each(|list| sort(list, &names));
        let approvals = approvals(before, after, &pairs, blocks.as_deref().unwrap_or_default(), &names);
        let (before, after) = (before.cloned(), after.clone());
        let (gained, lost, moved, kept) = Default::default();
        let (page, kept_count) = Default::default();
        Self(Arc::new(Parts {
            before,
            after,
            pairs,
            blocks,
            has_ranges,
            approvals,
            names,
            gained,
            lost,
            moved,
            kept,
            page,
            kept_count,
            vanished_ranges,
            of_carried,
        }))
    }

    fn flows(&self, which: Which) -> Flows<'_> {
        Flows { effect: self, which }
    }

    /// What becomes reachable.
    pub fn gained(&self) -> Flows<'_> {
        self.flows(Which::Gained)
    }

    /// What is no longer reachable.
    pub fn lost(&self) -> Flows<'_> {
        self.flows(Which::Lost)
    }

    /// What stays reachable, rerouted and disturbed or not.
    pub fn kept(&self) -> Flows<'_> {
        self.flows(Which::Kept)
    }

    /// What stays reachable by another way: another gateway, another standby.
    pub fn rerouted(&self) -> Flows<'_> {
        self.flows(Which::Rerouted)
    }

    /// What stays reachable, though open connections may stall or break while the change is made.
    pub fn disturbed(&self) -> Flows<'_> {
        self.flows(Which::Disturbed)
    }

    /// The groups that must approve: the owners of the networks where a destination gains or loses reach, by name.
    pub fn approvals(&self) -> &[GroupId] {
        &self.0.approvals
    }

    /// Whether nothing is gained, lost, rerouted or disturbed.
    pub fn is_empty(&self) -> bool {
        [Which::Gained, Which::Lost, Which::Rerouted, Which::Disturbed].iter().all(|which| self.0.count(*which) == 0)
    }

    /// The people whose own peers gain or lose reach, with how many passages of theirs that is: those with the most first, then by
    /// name. A peer counts for whom it will belong to, or else did. Nothing is listed for it.
    pub fn users(&self) -> Vec<(UserId, usize)> {
        let parts = &self.0;
        let mut users: BTreeMap<UserId, usize> = BTreeMap::new();
        let owner = |peer: PeerId| {
            let mut states = [Some(&parts.after), parts.before.as_ref()].into_iter().flatten();
            states.find_map(|desired| desired.intent().get(peer)?.owner())
        };
        for passage in parts.pairs.gained.iter().chain(&parts.pairs.lost) {
            if let Some(user) = owner(passage.from) {
                *users.entry(user).or_default() += 1;
            }
        }
        for block in parts.blocks.iter().flatten() {
            for (desired, services) in [(Some(&parts.after), &block.gained), (parts.before.as_ref(), &block.lost)] {
                let Some(desired) = desired.filter(|_| services.is_some()) else { continue };
                for from in block.from.iter() {
                    let id = desired.intent().in_slot(from).map(|(id, _)| id);
                    let Some(user) = id.and_then(owner) else { continue };
                    *users.entry(user).or_default() += block.to.count() - usize::from(block.to.contains(from));
                }
            }
        }
        let mut users: Vec<_> = users.into_iter().filter(|(_, passages)| *passages > 0).collect();
        users.sort_by_cached_key(|(user, passages)| (std::cmp::Reverse(*passages), parts.names.of(*user)));
        users
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    /// What leads to routes, and is gained or has another way.
    pub(crate) fn to_routes(&self) -> impl Iterator<Item = &Passage> {
        let pairs = &self.0.pairs;
        pairs.gained.iter().chain(pairs.kept.iter().filter(|passage| passage.before.is_some()))
    }

    /// Shows what is lost and was compared pair by pair.
    pub(crate) fn each_lost(&self, with: impl FnMut(&Passage)) {
        self.0.pairs.lost.iter().for_each(with);
    }

    /// Shows what is gained and was compared pair by pair.
    pub(crate) fn each_compared(&self, with: impl FnMut(&Passage)) {
        self.0.pairs.gained.iter().for_each(with);
    }

    /// How much is gained of what was compared class by class.
    pub(crate) fn gained_of_blocks(&self) -> usize {
        let gaining = self.0.blocks.iter().flatten().filter(|block| block.gained.is_some());
        gaining.map(Block::pairs).sum()
    }

    /// The peers of which somebody loses reach, of what was compared class by class, by slot before the change.
    pub(crate) fn lost_ends(&self) -> Bitmap {
        let mut ends = Bitmap::default();
        for block in self.0.blocks.iter().flatten().filter(|block| block.lost.is_some() && block.pairs() > 0) {
            block.to.add_to(&mut ends);
        }
        ends
    }

    /// How many lose reach of each peer directly, of what was compared class by class.
    pub(crate) fn lost_of_blocks(&self) -> BTreeMap<PeerId, usize> {
        let mut lost = BTreeMap::new();
        let Some(before) = &self.0.before else { return lost };
        for block in self.0.blocks.iter().flatten().filter(|block| block.lost.is_some()) {
            let begin = block.from.count();
            for slot in block.to.iter() {
                let flows = begin - usize::from(block.from.contains(slot));
                if let Some((id, _)) = before.intent().in_slot(slot).filter(|_| flows > 0) {
                    *lost.entry(id).or_default() += flows;
                }
            }
        }
        lost
    }
}

/// Sorts by the names of ends, and drops what is there twice.
pub(crate) fn sort(list: &mut Vec<Passage>, names: &Names) {
    if list.len() > 1 {
        list.sort_by_cached_key(|p| (names.of(p.from), names.destination(p.to), p.services.clone()));
        list.dedup();
    }
}

/// Whether a policy that was touched leads to a route.
fn leads_to_routes(desired: &Desired, touched: &Touched) -> bool {
    let rules = touched.policies.iter().filter_map(|slot| desired.access().rule(slot.index() as u32));
    rules.into_iter().any(|rule| rule.route().is_some())
}

/// The peers that were touched, as they were and as they are.
fn peers(before: &Desired, after: &Desired, touched: &Touched) -> BTreeSet<PeerId> {
    let ids = |slot: &Slot<PeerId>| [before, after].map(|d| d.intent().in_slot(*slot).map(|(id, _)| id));
    touched.peers.iter().flat_map(ids).flatten().collect()
}
