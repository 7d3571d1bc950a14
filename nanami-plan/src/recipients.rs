//! Recipients: whose map a change makes another one.
//!
//! **Invariant**: exactly the peers whose map differs between the two states (PLANNING.md I3), no more and no fewer. Who might be
//! concerned follows from what was touched; of each of those, what their map says about the others is compared in class
//! form. Only where gateways change, or carry peers to each other, are maps made and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::{Destination, Intent, PeerId, PolicyId, PublicKey, Services, Slot};

use crate::access::expand::{Scratch, Toward};
use crate::access::rule::Rule;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::paths::bearers;
use crate::touched::Touched;

mod doubt;
mod told;

use told::Recipients;

/// What a map says of others, in one direction: for each policy and what it lets through, for whom.
type Lets = Vec<((PolicyId, Services), Bitmap)>;

struct Comparison<'a> {
    before: &'a Desired,
    after: &'a Desired,
    touched: &'a Touched,
    /// Those who get another map, by slot; who goes is in `gone`.
    changed: Bitmap,
    /// Those whose maps have to be made to know.
    doubtful: Bitmap,
    /// Those who have joined, before and after.
    joined: [Bitmap; 2],
    scratch: Scratch,
}

/// What differs between two states for one peer, by the other end.
#[derive(Default)]
struct Unlike {
    /// What the others may begin.
    accepts: Bitmap,
    /// What it may begin.
    begins: Bitmap,
    /// Whether there is a tunnel.
    tunnels: Bitmap,
}

/// The peers whose map is another one after the change, a new one or none.
pub(crate) fn recipients<'a>(before: &'a Desired, after: &'a Desired, touched: Option<&Touched>) -> Recipients<'a> {
    let Some(touched) = touched.filter(|touched| !touched.pools) else { return of_all(before, after) };
    let joined = [before, after].map(|desired| {
        let mut joined = Bitmap::new(desired.intent().slot_bound::<PeerId>());
        joined.add(desired.intent().joined());
        joined
    });
    let (changed, doubtful, scratch) = (Bitmap::default(), Bitmap::default(), Scratch::default());
    let mut comparison = Comparison { before, after, touched, changed, doubtful, joined, scratch };
    comparison.run();
    let Comparison { mut changed, mut doubtful, .. } = comparison;
    doubtful.subtract(&changed);
    let id = |slot| after.intent().in_slot(slot).map(|(id, _)| id);
    for slot in doubtful.iter() {
        if id(slot).is_some_and(|id| digests(before, id) != digests(after, id)) {
            changed.insert(slot);
        }
    }
    // Who has no key has no map. Those who were not touched have the key that they had.
    let has_map = |slot: Slot<PeerId>| match touched.peers.contains(&slot) {
        true => id(slot).is_some_and(|id| has_map(before, id) || has_map(after, id)),
        false => key_in(after.intent(), slot).is_some(),
    };
    let without: Vec<_> = changed.iter().filter(|slot| !has_map(*slot)).collect();
    without.into_iter().for_each(|slot| changed.remove(slot));
    let slots = touched.peers.iter().filter_map(|slot| before.intent().in_slot(*slot));
    let gone = slots.filter(|(id, peer)| peer.key().is_some() && after.intent().get(*id).is_none());
    let mut gone: Vec<_> = gone.map(|(id, _)| id).collect();
    gone.sort_by(|a, b| before.intent().name_of(*a).cmp(&before.intent().name_of(*b)));
    Recipients::new(after.intent(), changed, gone)
}

fn key_in(intent: &Intent, slot: Slot<PeerId>) -> Option<PublicKey> {
    intent.keys(slot.index() / 32).get(slot.index() % 32).copied().flatten()
}

/// The same by making and comparing every map.
fn of_all<'a>(before: &'a Desired, after: &'a Desired) -> Recipients<'a> {
    let differs = |id: &PeerId| digests(before, *id) != digests(after, *id);
    let gone = before.intent().peers().map(|(id, _)| id).filter(|id| after.intent().get(*id).is_none());
    let stay = after.intent().occupied::<PeerId>().filter(|(_, id, _)| differs(id)).map(|(slot, ..)| slot);
    Recipients::new(after.intent(), stay.collect(), gone.filter(differs).collect())
}

fn digests(desired: &Desired, peer: PeerId) -> Option<[nanami_model::Digest; 6]> {
    desired.map_for(peer).map(|map| map.digests())
}

fn has_map(desired: &Desired, peer: PeerId) -> bool {
    desired.intent().get(peer).is_some_and(|peer| peer.key().is_some())
}

/// Whether others have tunnels to a peer.
fn is_there(desired: &Desired, peer: PeerId) -> bool {
    has_map(desired, peer) && desired.intent().is_effective(peer)
}

impl Comparison<'_> {
    fn run(&mut self) {
        let carries = self.before.carries_peers() || self.after.carries_peers();
        for slot in self.touched.peers.clone() {
            match carries {
                true => self.doubt_around(slot),
                false => self.peer(slot),
            }
        }
        let ends = self.ends();
        match carries {
            true => self.doubtful.union(&ends),
            false => self.rows(&ends),
        }
        self.touched.settings.iter().for_each(|slot| self.doubtful.insert(*slot));
        if carries {
            self.doubt_gateways();
        }
        match (self.touched.ways, carries) {
            (true, true) => self.doubt_clients(),
            (true, false) => self.doubt_ways(),
            (false, _) => {}
        }
    }

    /// Everybody on a side of a policy that was touched, before or after.
    fn ends(&self) -> Bitmap {
        let mut ends = Bitmap::default();
        for desired in [self.before, self.after] {
            let rules = self.touched.policies.iter().filter_map(|slot| desired.access().rule(slot.index() as u32));
            for (_, _, side) in rules.flat_map(|rule: &std::sync::Arc<Rule>| rule.sides()) {
                ends.add(desired.access().members(side));
            }
        }
        ends
    }

    /// A peer that was touched: what it knows of others, and what they know of it.
    fn peer(&mut self, slot: Slot<PeerId>) {
        let face = |intent: &Intent| {
            let (id, peer) = intent.in_slot(slot)?;
            Some((id, peer.key()?, intent.name_of(id)?.clone(), intent.live_addresses(id)))
        };
        let (was, is) = (face(self.before.intent()), face(self.after.intent()));
        if was.is_none() && is.is_none() {
            return;
        }
        // Its own map says who it is by its addresses alone.
        let own = |face: &Option<(PeerId, _, _, Vec<IpAddr>)>| face.as_ref().map(|(id, _, _, at)| (*id, at.clone()));
        if own(&was) != own(&is) || self.compare(slot, was != is) {
            self.changed.insert(slot);
        }
        if was == is {
            return;
        }
        for (desired, there) in [(self.before, was.is_some()), (self.after, is.is_some())] {
            let id = desired.intent().in_slot(slot).map(|(id, _)| id).filter(|_| there);
            let Some(id) = id else { continue };
            for toward in [Toward::Here, Toward::There] {
                let partners = desired.access().partners(slot, toward);
                self.changed.union(&partners);
            }
            for (_, way) in routes(desired, id) {
                self.doubtful.extend_with(&way, self.after.intent());
            }
        }
    }

    /// Compares what the map of a peer that is the same says of others, and notes those of whom the map says something else
    /// about it; says whether its own does. With `alone` nobody but the peer itself is asked about.
    fn compare(&mut self, slot: Slot<PeerId>, alone: bool) -> bool {
        let Unlike { accepts, begins, mut tunnels } = self.unlike(slot, true);
        let mut own = !accepts.is_empty() || !tunnels.is_empty();
        if !alone {
            tunnels.union(&begins);
            self.changed.union(&tunnels);
        }
        let id = self.after.intent().in_slot(slot).map(|(id, _)| id);
        if let Some(id) = id {
            own |= open(self.before, id) != open(self.after, id);
            self.forwards(id);
        }
        own
    }

    /// What differs between the two states for one peer. Without `carriers` nobody is counted whom it has a tunnel to because one
    /// of the two carries something for the other.
    fn unlike(&mut self, slot: Slot<PeerId>, carriers: bool) -> Unlike {
        let (mut unlike, mut differ) = (Unlike::default(), Bitmap::default());
        for (toward, into) in [(Toward::Here, &mut unlike.accepts), (Toward::There, &mut unlike.begins)] {
            let rules = self.before.access().unlike(self.after.access(), slot, toward);
            if !rules.is_empty() {
                let both = [0, 1].map(|n| self.lets(n, slot, toward, &rules));
                differing(&both[0], &both[1], into);
                differ.union(into);
            }
        }
        if carriers {
            // A carrier stays a neighbor whatever policies come to say of the two, and one that comes or goes is one more.
            let both = [self.before, self.after].map(|desired| {
                let mut carriers = Bitmap::default();
                carried(desired, slot, &mut carriers);
                carriers
            });
            let mut changed = both[0].clone();
            changed.differ(&both[1]);
            differ.union(&changed);
            self.tunnels(slot, &differ, &both, &mut unlike.tunnels);
        } else {
            self.tunnels(slot, &differ, &Default::default(), &mut unlike.tunnels);
        }
        unlike
    }

    /// Those among `differ` whom a peer meets in one of the two states and not in the other.
    fn tunnels(&mut self, slot: Slot<PeerId>, differ: &Bitmap, carriers: &[Bitmap; 2], into: &mut Bitmap) {
        if differ.is_empty() {
            return;
        }
        for (n, desired) in [self.before, self.after].into_iter().enumerate() {
            let mut seen = carriers[n].clone();
            for toward in [Toward::Here, Toward::There] {
                desired.access().expand(slot, toward, &mut self.scratch, |index, word, _, _| {
                    let word = word & differ.word(index) & self.joined[n].word(index);
                    if word != 0 {
                        seen.set_word(index, word);
                    }
                });
            }
            into.differ(&seen);
        }
        into.intersect(differ);
    }

    /// The gateways that forward something else for a client than they did.
    fn forwards(&mut self, id: PeerId) {
        let both = [self.before, self.after];
        let grants = both.map(|desired| route_grants(desired, id));
        for (n, desired) in both.into_iter().enumerate() {
            let other = &grants[1 - n];
            for (to, own) in grants[n].iter().filter(|grant| !other.contains(grant)) {
                let bearers: Vec<_> = bearers(desired.intent(), desired.way(id, *to)).collect();
                let there = desired.intent().live_addresses(id);
                let territory = if let Destination::Route(route) = to { desired.territory(*route) } else { &[] };
                let rules = territory.iter().any(|range| there.iter().any(|at| at.is_ipv4() == range.is_ipv4()));
                let certain = rules && !own.is_empty();
                // A gateway that takes no part still has a map, though no way leads by it.
                let away = bearers.is_empty() || bearers.iter().any(|bearer| !is_there(desired, *bearer));
                if let (true, Destination::Route(route)) = (away, to) {
                    let listed = desired.intent().gateways_of(*route);
                    let listed = listed.into_iter().filter_map(|gateway| desired.intent().get(gateway));
                    let around: Vec<_> = listed.map(|gateway| gateway.peer()).chain([id]).collect();
                    self.doubtful.extend_with(&around, self.after.intent());
                }
                let into = if certain && !away { &mut self.changed } else { &mut self.doubtful };
                into.extend_with(&bearers, self.after.intent());
            }
        }
    }

    /// What these rules let through between a peer and others that have joined, before or after, by policy and services.
    fn lets(&mut self, n: usize, slot: Slot<PeerId>, toward: Toward, rules: &BTreeSet<u32>) -> Lets {
        let mut lets = Lets::new();
        let (desired, joined) = ([self.before, self.after][n], &self.joined[n]);
        let wanted = |rule| rules.contains(&rule);
        desired.access().expand_rules(slot, toward, &mut self.scratch, wanted, |index, word, rule, services| {
            let there = word & joined.word(index);
            if there == 0 {
                return;
            }
            // A rule comes as a whole, most of its words with the same services.
            let same =
                |((policy, known), _): &((PolicyId, Services), Bitmap)| *policy == rule.policy && known == services;
            match lets.iter_mut().rev().take_while(|((policy, _), _)| *policy == rule.policy).find(|one| same(one)) {
                Some((_, who)) => who.set_word(index, there),
                None => {
                    let mut who = Bitmap::new(desired.intent().slot_bound::<PeerId>());
                    who.set_word(index, there);
                    lets.push(((rule.policy, services.clone()), who));
                }
            }
        });
        lets
    }

    /// Those on the sides of policies that were touched. What is said of one of those who are alike is said of all.
    fn rows(&mut self, ends: &Bitmap) {
        let mut classes: BTreeMap<_, Bitmap> = BTreeMap::new();
        let touched = self.touched;
        let bears = |slot| {
            let bears = |desired: &Desired| {
                let id = desired.intent().in_slot(slot).map(|(id, _)| id);
                id.is_some_and(|id| desired.access().bears(id))
            };
            bears(self.before) || bears(self.after)
        };
        for slot in ends.iter().filter(|slot| !touched.peers.contains(slot)) {
            if key_in(self.after.intent(), slot).is_some() {
                let class = [self.before, self.after].map(|desired| desired.access().class(slot));
                classes.entry(class).or_default().insert(slot);
            }
        }
        let bearers: Bitmap = ends.iter().filter(|slot| bears(*slot)).collect();
        for members in classes.into_values() {
            let Some(first) = members.iter().next() else { continue };
            let goes = |desired: &Desired| !desired.access().routes_from(first).is_empty();
            let by_gateways = goes(self.before) || goes(self.after);
            let (mut one_by_one, mut alike) = (members.clone(), members);
            if !by_gateways {
                one_by_one.intersect(&bearers);
                alike.subtract(&bearers);
            } else {
                alike.subtract(&one_by_one);
            }
            self.row(&alike);
            for slot in one_by_one.iter() {
                if self.compare(slot, true) {
                    self.changed.insert(slot);
                }
            }
        }
    }

    /// Peers on the same sides whom no gateway serves, and who bear none.
    fn row(&mut self, members: &Bitmap) {
        let Some(first) = members.iter().next() else { return };
        self.scratch.with_itself = true;
        let Unlike { accepts, mut tunnels, .. } = self.unlike(first, false);
        self.scratch.with_itself = false;
        tunnels.union(&accepts);
        match tunnels.count() {
            0 => {}
            // Nobody is told of themselves.
            1 => {
                let mut others = members.clone();
                others.subtract(&tunnels);
                self.changed.union(&others);
            }
            _ => self.changed.union(members),
        }
    }
}

impl Bitmap {
    /// Adds peers by their ids.
    fn extend_with(&mut self, peers: &[PeerId], intent: &Intent) {
        peers.iter().filter_map(|id| intent.slot(*id)).for_each(|slot| self.insert(slot));
    }
}

/// Adds those that have joined and that a peer has a tunnel to because one of the two carries a route for the other.
fn carried(desired: &Desired, slot: Slot<PeerId>, into: &mut Bitmap) {
    let intent = desired.intent();
    let Some((id, _)) = intent.in_slot(slot) else { return };
    let joined = |id: &PeerId| is_there(desired, *id);
    let carriers = routes(desired, id).into_iter().flat_map(|(_, bearers)| bearers);
    let clients = desired.carried_by(id).into_iter().map(|(client, _)| client);
    let tunnels: Vec<_> = carriers.chain(clients).filter(|other| *other != id && joined(other)).collect();
    into.extend_with(&tunnels, intent);
}

/// Adds those for whom the two let different things through.
fn differing(was: &Lets, is: &Lets, into: &mut Bitmap) {
    let of = |lets: &'_ Lets, key: &(PolicyId, Services)| lets.iter().position(|(known, _)| known == key);
    for (key, who) in was {
        let mut differ = who.clone();
        of(is, key).into_iter().for_each(|at| differ.differ(&is[at].1));
        into.union(&differ);
    }
    is.iter().filter(|(key, _)| of(was, key).is_none()).for_each(|(_, who)| into.union(who));
}

/// What a peer is granted on routes.
fn route_grants(desired: &Desired, id: PeerId) -> Vec<(Destination, Vec<crate::Grant>)> {
    let routes = desired.intent().slot(id).map(|slot| desired.access().routes_from(slot)).unwrap_or_default();
    let grants = |route| (Destination::Route(route), desired.access().grants(id, Destination::Route(route)));
    routes.into_iter().map(grants).filter(|(_, grants)| !grants.is_empty()).collect()
}

/// The routes that a peer reaches by gateways that have joined, with those.
fn open(desired: &Desired, id: PeerId) -> Vec<(Destination, Vec<PeerId>)> {
    let mut all = routes(desired, id);
    all.iter_mut().for_each(|(_, bearers)| bearers.retain(|bearer| is_there(desired, *bearer)));
    all.retain(|(_, bearers)| !bearers.is_empty());
    all
}

/// The routes that a peer reaches, with the peers that bear their gateways.
fn routes(desired: &Desired, id: PeerId) -> Vec<(Destination, Vec<PeerId>)> {
    let reached = route_grants(desired, id).into_iter().map(|(to, _)| to);
    reached.map(|to| (to, bearers(desired.intent(), desired.way(id, to)).collect())).collect()
}
