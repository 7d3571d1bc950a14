//! Recipients: whose map a change makes another one.
//!
//! **Invariant**: exactly the peers whose map differs between the two states (PLANNING.md I3), no more and no fewer. Who might be
//! concerned follows from what was touched; of each of those, what their map says about the others is compared in class
//! form. Only where gateways change, or carry peers to each other, are maps made and compared.

use std::collections::BTreeMap;
use std::net::IpAddr;

use nanami_model::{Entity, Intent, PeerId, PublicKey, Services, Slot};

use crate::access::expand::{Scratch, Toward};
use crate::access::rule::Rule;
use crate::access::unlike::UnlikeRules;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::share::Sharing;
use crate::touched::Touched;

mod doubt;
mod forwards;
mod says;
mod told;

use forwards::{carried, open, route_grants};
use says::Says;
pub(crate) use told::{Recipients, Told};

struct Comparison<'a> {
    before: &'a Desired,
    after: &'a Desired,
    touched: &'a Touched,
    /// Those who get another map, by slot; who goes is in `gone`.
    changed: Bitmap,
    /// Those whose maps have to be made to know.
    doubtful: Bitmap,
    /// Those of whose maps what routes say has to be made to know.
    served: Bitmap,
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
pub(crate) fn recipients(before: &Desired, after: &Desired, touched: Option<&Touched>) -> Recipients {
    let Some(touched) = touched.filter(|touched| !touched.pools) else { return of_all(before, after) };
    let joined = [before, after].map(|desired| {
        let mut joined = Bitmap::new(desired.intent().slot_bound::<PeerId>());
        joined.add(desired.intent().joined());
        joined
    });
    let [changed, doubtful, served] = [const { Bitmap::empty() }; 3];
    let scratch = Scratch::default();
    let mut comparison = Comparison { before, after, touched, changed, doubtful, served, joined, scratch };
    comparison.run();
    comparison.settle();
    let Comparison { mut changed, scratch, joined: [_, joined], .. } = comparison;
    // Who has no key has no map. Those who were not touched have the key that they had.
    let id = |slot| after.intent().in_slot(slot).map(|(id, _)| id);
    let has_map = |slot: Slot<PeerId>| match touched.peers.contains(&slot) {
        true => id(slot).is_some_and(|id| has_map(before, id) || has_map(after, id)),
        false => key_in(after.intent(), slot).is_some(),
    };
    let mut without: Vec<_> = touched.peers.iter().copied().filter(|slot| !has_map(*slot)).collect();
    let mut resting = changed.clone();
    resting.subtract(&joined);
    without.extend(resting.iter().filter(|slot| !has_map(*slot)));
    without.into_iter().for_each(|slot| changed.remove(slot));
    let slots = touched.peers.iter().filter_map(|slot| before.intent().in_slot(*slot));
    let gone = slots.filter(|(id, peer)| peer.key().is_some() && after.intent().get(*id).is_none());
    let mut gone: Vec<_> = gone.map(|(id, _)| id).collect();
    gone.sort_by(|a, b| before.intent().name_of(*a).cmp(&before.intent().name_of(*b)));
    let work = scratch.work + changed.words().count() as u64;
    Recipients::new(changed, gone, work)
}

fn key_in(intent: &Intent, slot: Slot<PeerId>) -> Option<PublicKey> {
    intent.keys(slot.index() / 32).get(slot.index() % 32).copied().flatten()
}

/// The same by making and comparing every map.
fn of_all(before: &Desired, after: &Desired) -> Recipients {
    let mut work = 0;
    let mut differs = |id: PeerId| differ(before, after, id, &mut work);
    let gone = before.intent().peers().map(|(id, _)| id).filter(|id| after.intent().get(*id).is_none());
    let gone = gone.filter(|id| differs(*id)).collect();
    let stay = after.intent().occupied::<PeerId>().filter(|(_, id, _)| differs(*id)).map(|(slot, ..)| slot).collect();
    Recipients::new(stay, gone, work)
}

/// Whether the maps of a peer differ. Adds what they say to `work`.
fn differ(before: &Desired, after: &Desired, peer: PeerId, work: &mut u64) -> bool {
    let maps = [before, after].map(|desired| desired.map_for(peer));
    for map in maps.iter().flatten() {
        *work += (map.neighbors().len() + map.filter().rules().len() + map.forward().len() + map.routes().len()) as u64;
        *work += map.masquerade().len() as u64;
    }
    let [was, is] = maps;
    was != is
}

fn has_map(desired: &Desired, peer: PeerId) -> bool {
    desired.intent().get(peer).is_some_and(|peer| peer.key().is_some())
}

/// Whether others have tunnels to a peer.
fn is_there(desired: &Desired, peer: PeerId) -> bool {
    has_map(desired, peer) && desired.intent().is_effective(peer)
}

impl<'a> Comparison<'a> {
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
        // Without gateways between peers, settings are about what is behind routes.
        let concerned = if carries { &mut self.doubtful } else { &mut self.served };
        self.touched.settings.iter().for_each(|slot| concerned.insert(*slot));
        if carries {
            self.doubt_gateways();
        }
        match (self.touched.ways, carries) {
            (true, true) => self.doubt_clients(),
            (true, false) => self.doubt_ways(),
            (false, _) => {}
        }
    }

    /// Makes of those maps of which nothing less says whether they differ what it takes to know.
    fn settle(&mut self) {
        self.served.subtract(&self.changed);
        for slot in self.served.iter() {
            let Some((id, _)) = self.after.intent().in_slot(slot) else { continue };
            let [was, is] = [self.before, self.after].map(|desired| Sharing::of_routes(desired, id));
            self.scratch.work += (was.routes.len() + is.routes.len()) as u64;
            // A share names peers by id; whoever has another key or name is another neighbor all the same.
            let face =
                |desired: &'a Desired, id: PeerId| desired.intent().get(id).map(|peer| (peer.key(), peer.name()));
            let same = |id: &PeerId| face(self.before, *id) == face(self.after, *id);
            if was != is || !is.ties.keys().all(same) {
                self.changed.insert(slot);
            }
        }
        self.doubtful.subtract(&self.changed);
        for slot in self.doubtful.iter() {
            let id = self.after.intent().in_slot(slot).map(|(id, _)| id);
            if id.is_some_and(|id| differ(self.before, self.after, id, &mut self.scratch.work)) {
                self.changed.insert(slot);
            }
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
        for (n, face) in [was, is].iter().enumerate() {
            let Some((id, ..)) = face else { continue };
            let desired = [self.before, self.after][n];
            for toward in [Toward::Here, Toward::There] {
                let partners = desired.access().partners_by(slot, toward, &mut self.scratch);
                self.changed.union(&partners);
            }
            route_grants(desired, *id).iter().for_each(|grant| self.forwarded(n, *id, grant));
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
        let both = [self.before, self.after];
        let [was, is] = both.map(Desired::access);
        let rules = [Toward::Here, Toward::There].map(|toward| was.unlike(is, slot, toward));
        let (mut unlike, mut met) = (Unlike::default(), [Bitmap::default(), Bitmap::default()]);
        for (toward, rules, into) in
            [(Toward::Here, &rules[0], &mut unlike.accepts), (Toward::There, &rules[1], &mut unlike.begins)]
        {
            if rules.is_empty() {
                continue;
            }
            let says = [0, 1].map(|n| self.says(n, slot, toward, rules));
            says.iter().zip(&mut met).for_each(|(says, met)| says.add_to(met));
            let [was, is] = says;
            was.differing(is, into);
        }
        if carriers {
            // A carrier stays a neighbor whatever policies come to say of the two, and one that comes or goes is one more.
            for (n, met) in met.iter_mut().enumerate() {
                self.scratch.work += carried(both[n], slot, &self.joined[n], met);
            }
        }
        let [mut tunnels, is] = met;
        tunnels.differ(&is);
        self.only_by_these(slot, &rules, &mut tunnels);
        unlike.tunnels = tunnels;
        unlike
    }

    /// Takes out those whom a peer meets in both states by other rules than these, which are all that differ.
    fn only_by_these(&mut self, slot: Slot<PeerId>, rules: &[UnlikeRules; 2], met: &mut Bitmap) {
        if met.is_empty() {
            return;
        }
        let mut there = met.clone();
        self.joined.iter().for_each(|joined| there.intersect(joined));
        met.subtract(&there);
        self.after.access().leave_out_met(slot, rules, &mut there, &mut self.scratch);
        met.union(&there);
    }

    /// What these rules let through between a peer and others that have joined, before or after.
    fn says(&mut self, n: usize, slot: Slot<PeerId>, toward: Toward, unlike: &UnlikeRules) -> Says<'a> {
        let mut says = Says::default();
        let (access, joined) = ([self.before, self.after][n].access(), &self.joined[n]);
        let mut note = |index: usize, word, rule, services: &Services| {
            let there = word & joined.word(index);
            if there != 0 {
                says.note(index, there, rule, services);
            }
        };
        if !unlike.rules.is_empty() {
            let wanted = |rule| unlike.rules.contains(&rule);
            access.expand_rules(slot, toward, &mut self.scratch, wanted, &mut note);
        }
        if !unlike.denied.is_empty() {
            let wanted = |rule| unlike.denied.contains(&rule);
            access.expand_few(slot, toward, (&wanted, &unlike.by), &mut self.scratch, note);
        }
        says
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
