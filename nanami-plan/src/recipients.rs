//! Recipients: whose map a change makes another one.
//!
//! **Invariant**: exactly the peers whose map differs between the two states (PLANNING.md I3), no more and no fewer. Who might be
//! concerned follows from what was touched; of each of those, what their map says about the others is compared in class
//! form. Only where gateways change, or carry peers to each other, are maps made and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::{Destination, Intent, PeerId, PolicyId, Services, Slot};

use crate::access::expand::{Scratch, Toward};
use crate::access::rule::Rule;
use crate::bitmap::{Bitmap, bits};
use crate::desired::Desired;
use crate::paths::bearers;
use crate::touched::Touched;

/// What a map says of others, in one direction: for each policy and what it lets through, for whom.
type Lets = BTreeMap<(PolicyId, Services), Bitmap>;

struct Comparison<'a> {
    before: &'a Desired,
    after: &'a Desired,
    touched: &'a Touched,
    /// Those who get another map, by slot; who goes is in `gone`.
    changed: Bitmap,
    /// Those whose maps have to be made to know.
    doubtful: Bitmap,
    scratch: Scratch,
}

/// The peers whose map is another one after the change, a new one or none. By the names of those who are there after it, then of
/// those who are not.
pub(crate) fn recipients(before: &Desired, after: &Desired, touched: Option<&Touched>) -> Vec<PeerId> {
    let Some(touched) = touched.filter(|touched| !touched.pools) else { return of_all(before, after) };
    let (changed, doubtful) = (Bitmap::default(), Bitmap::default());
    let mut comparison = Comparison { before, after, touched, changed, doubtful, scratch: Scratch::default() };
    comparison.run();
    let Comparison { changed, doubtful, .. } = comparison;
    let differs = |slot: Slot<PeerId>| {
        let id = after.intent().in_slot(slot).map(|(id, _)| id);
        id.filter(|id| changed.contains(slot) || digests(before, *id) != digests(after, *id))
    };
    let mut candidates = changed.clone();
    candidates.union(&doubtful);
    let mut stay: Vec<_> =
        candidates.iter().filter_map(differs).filter(|id| has_map(before, *id) || has_map(after, *id)).collect();
    stay.sort_by(|a, b| after.intent().name_of(*a).cmp(&after.intent().name_of(*b)));
    let slots = touched.peers.iter().filter_map(|slot| before.intent().in_slot(*slot));
    let gone = slots.filter(|(id, peer)| peer.key().is_some() && after.intent().get(*id).is_none());
    let mut gone: Vec<_> = gone.map(|(id, _)| id).collect();
    gone.sort_by(|a, b| before.intent().name_of(*a).cmp(&before.intent().name_of(*b)));
    stay.extend(gone);
    stay
}

/// The same by making and comparing every map.
fn of_all(before: &Desired, after: &Desired) -> Vec<PeerId> {
    let removed = before.intent().peers().map(|(id, _)| id).filter(|id| after.intent().get(*id).is_none());
    let all = after.intent().peers().map(|(id, _)| id).chain(removed);
    all.filter(|id| digests(before, *id) != digests(after, *id)).collect()
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
        if carries || self.touched.ways {
            self.doubt_gateways();
        }
        if self.touched.ways {
            self.doubt_clients();
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
        let both = [self.before, self.after];
        let here = both.map(|desired| self.lets(desired, slot, Toward::Here));
        let there = both.map(|desired| self.lets(desired, slot, Toward::There));
        let seen = |n: usize| {
            let mut seen = Bitmap::default();
            here[n].values().chain(there[n].values()).for_each(|who| seen.union(who));
            carried(both[n], slot, &mut seen);
            seen
        };
        let mut tunnels = seen(0);
        tunnels.differ(&seen(1));
        let mut accepts = Bitmap::default();
        differing(&here[0], &here[1], &mut accepts);
        let mut own = !tunnels.is_empty() || !accepts.is_empty();
        if !alone {
            let mut others = tunnels;
            differing(&there[0], &there[1], &mut others);
            self.changed.union(&others);
        }
        let id = self.after.intent().in_slot(slot).map(|(id, _)| id);
        if let Some(id) = id {
            own |= open(self.before, id) != open(self.after, id);
            self.forwards(id);
        }
        own
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

    /// What is let through between a peer and others that have joined, by policy and services.
    fn lets(&mut self, desired: &Desired, slot: Slot<PeerId>, toward: Toward) -> Lets {
        let mut lets = Lets::new();
        let intent = desired.intent();
        desired.access().expand(slot, toward, &mut self.scratch, |index, word, rule, services| {
            let joined = |slot: &Slot<PeerId>| intent.in_slot(*slot).is_some_and(|(_, peer)| peer.key().is_some());
            let mut there = 0;
            bits(index, word).filter(joined).for_each(|slot| there |= 1u64 << (slot.index() % 64));
            if there != 0 {
                lets.entry((rule.policy, services.clone())).or_default().set_word(index, there);
            }
        });
        lets
    }

    /// Those on the sides of policies that were touched.
    fn rows(&mut self, ends: &Bitmap) {
        for slot in ends.iter().filter(|slot| !self.touched.peers.contains(slot)) {
            let joined = self.after.intent().in_slot(slot).is_some_and(|(_, peer)| peer.key().is_some());
            if joined && self.compare(slot, true) {
                self.changed.insert(slot);
            }
        }
    }

    fn doubt_around(&mut self, slot: Slot<PeerId>) {
        self.doubtful.insert(slot);
        for desired in [self.before, self.after] {
            for toward in [Toward::Here, Toward::There] {
                self.doubtful.union(&desired.access().partners(slot, toward));
            }
            let id = desired.intent().in_slot(slot).map(|(id, _)| id);
            for (_, way) in id.into_iter().flat_map(|id| routes(desired, id)) {
                self.doubtful.extend_with(&way, self.after.intent());
            }
        }
    }

    fn doubt_gateways(&mut self) {
        for desired in [self.before, self.after] {
            let bearers: Vec<_> = desired.intent().gateways().map(|(_, gateway)| gateway.peer()).collect();
            self.doubtful.extend_with(&bearers, self.after.intent());
        }
    }

    /// Whoever reaches anything by a gateway.
    fn doubt_clients(&mut self) {
        for desired in [self.before, self.after] {
            for (route, _) in desired.intent().routes() {
                self.doubtful.union(&desired.access().sources(route));
            }
            let ends = desired.carried_ends();
            self.doubtful.extend_with(&ends, self.after.intent());
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
    let none = Bitmap::default();
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let mut differ = was.get(key).unwrap_or(&none).clone();
        differ.differ(is.get(key).unwrap_or(&none));
        into.union(&differ);
    }
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
