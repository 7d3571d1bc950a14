//! Effect: what a change of intent means for reach, before anybody reads a diff of configuration.
//!
//! **Invariant**: exactly the difference between what the two states allow (PLANNING.md I26), range of addresses by range of
//! addresses: when a new route takes a part of another one's prefix, who reached that part by the old route and may not
//! use the new one loses it, though no policy changed.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Cidr, Destination, GroupId, Intent, NetworkId, PeerId, PolicyId, PublicKey, RouteId, Services};

use crate::access::{Grant, union};
use crate::desired::Desired;
use crate::names::Names;
use crate::paths::Way;
use crate::territory;

/// What is gained, lost, rerouted and disturbed between two states.
#[derive(Debug, Clone)]
pub struct Effect {
    gained: Vec<Passage>,
    lost: Vec<Passage>,
    kept: Vec<Passage>,
    approvals: Vec<GroupId>,
    pub(crate) names: Names,
}

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
        let side = Side { to, part: None, grants, way: desired.way(from, to) };
        Some(side.passage(from, union(grants)?))
    }
}

/// Some passages of an [`Effect`].
#[derive(Debug, Clone, Copy)]
pub struct Flows<'a> {
    all: &'a [Passage],
    which: fn(&Passage) -> bool,
}

impl<'a> Flows<'a> {
    fn new(all: &'a [Passage], which: fn(&Passage) -> bool) -> Self {
        Self { all, which }
    }

    pub(crate) fn all(all: &'a [Passage]) -> Self {
        Self::new(all, |_| true)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The passages, by the names of their ends.
    pub fn iter(&self) -> impl Iterator<Item = &'a Passage> + use<'a> {
        let which = self.which;
        self.all.iter().filter(move |passage| which(passage))
    }
}

impl Effect {
    /// The difference between two states; without a former one everything is gained.
    pub fn between(before: Option<&Desired>, after: &Desired) -> Self {
        Comparison::new(before, after).run()
    }

    /// What becomes reachable.
    pub fn gained(&self) -> Flows<'_> {
        Flows::all(&self.gained)
    }

    /// What is no longer reachable.
    pub fn lost(&self) -> Flows<'_> {
        Flows::all(&self.lost)
    }

    /// What stays reachable, rerouted and disturbed or not.
    pub fn kept(&self) -> Flows<'_> {
        Flows::all(&self.kept)
    }

    /// What stays reachable by another way: another gateway, another standby.
    pub fn rerouted(&self) -> Flows<'_> {
        Flows::new(&self.kept, |passage| passage.before.is_some())
    }

    /// What stays reachable, though open connections may stall or break while the change is made.
    pub fn disturbed(&self) -> Flows<'_> {
        Flows::new(&self.kept, |passage| passage.disturbance.is_some())
    }

    /// The groups that must approve: the owners of the networks where a destination gains or loses reach, by name.
    pub fn approvals(&self) -> &[GroupId] {
        &self.approvals
    }

    /// Whether nothing is gained, lost, rerouted or disturbed.
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.rerouted().is_empty() && self.disturbed().is_empty()
    }
}

/// A destination that both states can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Atom {
    Peer(PeerId),
    /// A prefix of some route of either state, less what is more specific.
    Range(Cidr),
}

struct Comparison<'a> {
    before: Option<&'a Desired>,
    after: &'a Desired,
    ranges: BTreeSet<Cidr>,
    /// By state: which route each range belongs to.
    owners: [BTreeMap<Cidr, RouteId>; 2],
    names: Names,
}

impl<'a> Comparison<'a> {
    fn new(before: Option<&'a Desired>, after: &'a Desired) -> Self {
        let intents: Vec<&Intent> = before.iter().map(|d| d.intent()).chain([after.intent()]).collect();
        let ranges: BTreeSet<Cidr> =
            intents.iter().flat_map(|i| i.routes()).flat_map(|(_, route)| route.prefixes().to_vec()).collect();
        let owners = |desired: Option<&Desired>| {
            let Some(intent) = desired.map(Desired::intent) else { return BTreeMap::new() };
            ranges.iter().filter_map(|range| Some((*range, territory::owner(intent, range)?))).collect()
        };
        let owners = [owners(before), owners(Some(after))];
        let names = Names::new(after.intent(), before.map(Desired::intent));
        Self { before, after, ranges, owners, names }
    }

    fn run(self) -> Effect {
        let (mut gained, mut lost, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (from, atom) in self.atoms() {
            let old = self.side(self.before, 0, from, atom);
            let new = self.side(Some(self.after), 1, from, atom);
            let services = |side: &Option<Side<'_>>| side.as_ref().and_then(|side| union(side.grants));
            let (was, is) = (services(&old), services(&new));
            let minus = |a: &Option<Services>, b: &Option<Services>| match (a, b) {
                (Some(a), Some(b)) => a.minus(b),
                (a, _) => a.clone(),
            };
            if let (Some(new), Some(services)) = (&new, minus(&is, &was)) {
                gained.push(new.passage(from, services));
            }
            if let (Some(old), Some(services)) = (&old, minus(&was, &is)) {
                lost.push(old.passage(from, services));
            }
            if let (Some(old), Some(new), Some(was), Some(is)) = (&old, &new, &was, &is)
                && let Some(services) = was.intersection(is)
            {
                let mut passage = new.passage(from, services);
                passage.before = (old.way != new.way).then(|| old.way.clone());
                passage.disturbance = self.disturbance(&passage, old.way);
                kept.push(passage);
            }
        }
        for list in [&mut gained, &mut lost, &mut kept] {
            list.sort_by_cached_key(|p| (self.names.of(p.from), self.names.destination(p.to), p.services.clone()));
            list.dedup();
        }
        let approvals = self.approvals(gained.iter().chain(&lost));
        Effect { gained, lost, kept, approvals, names: self.names }
    }

    fn atoms(&self) -> BTreeSet<(PeerId, Atom)> {
        let mut atoms = BTreeSet::new();
        for (state, desired) in [self.before, Some(self.after)].into_iter().enumerate() {
            for (from, to, _) in desired.into_iter().flat_map(|desired| desired.access().iter()) {
                match to {
                    Destination::Peer(to) => _ = atoms.insert((from, Atom::Peer(to))),
                    Destination::Route(route) => {
                        let owned = self.ranges.iter().filter(|r| self.owners[state].get(r) == Some(&route));
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
                let addresses = desired.intent().live_addresses(from);
                addresses.iter().find(|a| a.is_ipv4() == range.is_ipv4())?;
                let route = *self.owners[state].get(&range)?;
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
        let carrier =
            |intent: &Intent, way: &Way| way.gateways().first().and_then(|id| intent.get(*id)).map(|g| g.peer());
        let (was, is) = (carrier(old, before), carrier(new, &passage.way));
        if was != is {
            return Some(Disturbance::Moves);
        }
        let end = if let Destination::Peer(to) = passage.to { Some(to) } else { None };
        for peer in [Some(passage.from), end, is].into_iter().flatten() {
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

    fn approvals<'p>(&self, moved: impl Iterator<Item = &'p Passage>) -> Vec<GroupId> {
        let mut owners = BTreeSet::new();
        let destinations: BTreeSet<Destination> = moved.map(|passage| passage.to).collect();
        for intent in [self.before, Some(self.after)].into_iter().flatten().map(Desired::intent) {
            let networks = destinations.iter().flat_map(|to| networks_of(intent, *to));
            owners.extend(networks.filter_map(|id| intent.get(id)).map(|network| network.owner()));
        }
        let mut owners: Vec<_> = owners.into_iter().collect();
        owners.sort_by_cached_key(|group| self.names.of(*group));
        owners
    }
}

/// The networks that a destination belongs to.
pub(crate) fn networks_of(intent: &Intent, to: Destination) -> Vec<NetworkId> {
    match to {
        Destination::Peer(id) => intent.get(id).map(|peer| peer.networks().to_vec()).unwrap_or_default(),
        Destination::Route(id) => intent.get(id).map(|route| vec![route.network()]).unwrap_or_default(),
        Destination::Address(_) => Vec::new(),
    }
}

/// What one state says of a peer and a destination.
struct Side<'a> {
    to: Destination,
    part: Option<Cidr>,
    grants: &'a [Grant],
    way: &'a Way,
}

impl Side<'_> {
    fn passage(&self, from: PeerId, services: Services) -> Passage {
        let gives = |grant: &&Grant| grant.services.intersection(&services).is_some();
        let policies = self.grants.iter().filter(gives).map(|grant| grant.policy).collect();
        let (to, part, way) = (self.to, self.part, self.way.clone());
        Passage { from, to, part, services, way, policies, before: None, disturbance: None }
    }
}
