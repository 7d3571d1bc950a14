//! Places the clients of one route on its gateways.
//!
//! **Invariants** (PLANNING.md I14 to I16): ranks are distinct candidates, live ones while any lives, in distinct fault domains as
//! far as there are any; a client stays where it is unless its gateway is dead, has too many clients for a while, or another
//! one is clearly nearer for a while; it does so at most once within [`HOLD`]; if no candidate lives, nothing changes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nanami_model::{GatewayId, Name, PeerId, RegionId, RouteMode, Timestamp};

use super::rendezvous::{Seed, distance};
use super::roster::Roster;

/// A gateway that may serve the route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: GatewayId,
    pub(crate) region: RegionId,
    pub(crate) host: Option<Name>,
    /// How many clients it is made for; `None` is not said.
    pub(crate) capacity: Option<u32>,
    pub(crate) live: bool,
}

/// How long something must stay true before a client that is served moves for it (chosen: two reports at the slowest rhythm).
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client stays after it moved (chosen: longer than the longest of the short outages that a reboot makes).
pub(crate) const HOLD: Duration = Duration::from_secs(300);
/// How much more than its share a gateway takes: a quarter (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with
/// Bounded Loads", 2016: moves per change grow as the inverse square of this).
const EXCESS: (u64, u64) = (5, 4);

/// All that decides about one route.
pub(crate) struct Placing<'a> {
    /// In the order of the document.
    pub(crate) candidates: &'a [Candidate],
    /// Sorted.
    pub(crate) clients: &'a Arc<[PeerId]>,
    pub(crate) mode: RouteMode,
    pub(crate) redundancy: usize,
    pub(crate) previous: Option<&'a Roster>,
    /// The round trip of a client to a region, as far as it is known.
    pub(crate) latency: &'a dyn Fn(PeerId, RegionId) -> Option<Duration>,
    pub(crate) now: Timestamp,
}

/// How many clients a gateway of a balanced route takes at most: its share by weight and a quarter more, within its capacity.
pub(crate) fn bounds(candidates: &[Candidate], clients: usize) -> BTreeMap<GatewayId, usize> {
    let total: u64 = candidates.iter().map(|c| u64::from(weight(candidates, c))).sum();
    let bound = |c: &Candidate| {
        let share = clients as u64 * u64::from(weight(candidates, c)) * EXCESS.0;
        let bound = share.div_ceil((total * EXCESS.1).max(1));
        usize::try_from(bound.min(c.capacity.map_or(u64::MAX, u64::from))).unwrap_or(usize::MAX)
    };
    candidates.iter().map(|c| (c.id, bound(c))).collect()
}

/// A gateway weighs as much as its capacity; one that says none as much as the smallest that does.
fn weight(candidates: &[Candidate], one: &Candidate) -> u32 {
    one.capacity.or_else(|| candidates.iter().filter_map(|c| c.capacity).min()).unwrap_or(1)
}

impl Placing<'_> {
    pub(crate) fn place(&self) -> Roster {
        let live: Vec<Candidate> = self.candidates.iter().filter(|c| c.live).cloned().collect();
        match self.mode {
            RouteMode::Pinned => {
                Roster::of_everybody(self.candidates.iter().map(|c| c.id).take(self.redundancy).collect())
            }
            RouteMode::Primary if live.is_empty() => Roster::of_everybody(self.unchanged(None).into()),
            RouteMode::Primary => self.primary(&live),
            _ if live.is_empty() => self.all_dead(),
            RouteMode::Balanced | RouteMode::Nearest => Spread::new(self, &live).run(),
        }
    }

    /// Everybody keeps what they have.
    fn all_dead(&self) -> Roster {
        let mut roster = Roster::of_each(self.clients, self.clients.iter().map(|client| self.unchanged(Some(*client))));
        if let Some(previous) = self.previous {
            roster.moved = previous.moved.clone();
        }
        roster
    }

    /// What a client has of the candidates; the document's order if it has none.
    fn unchanged(&self, client: Option<PeerId>) -> Vec<GatewayId> {
        let had = self.had(client);
        if had.is_empty() { self.candidates.iter().map(|c| c.id).take(self.redundancy).collect() } else { had }
    }

    /// What a client had, as far as it is still a candidate.
    fn had(&self, client: Option<PeerId>) -> Vec<GatewayId> {
        let ranks =
            self.previous.and_then(|roster| client.map_or_else(|| roster.shared(), |client| roster.ranks(client)));
        let candidate = |id: &&GatewayId| self.candidates.iter().any(|c| c.id == **id);
        ranks.into_iter().flat_map(|ranks| ranks.iter()).filter(candidate).copied().collect()
    }

    fn primary(&self, live: &[Candidate]) -> Roster {
        let had = self.had(None);
        let carries = had.iter().copied().find(|id| live.iter().any(|c| c.id == *id));
        let moved = self.previous.and_then(|roster| roster.moved.get(&None)).copied();
        let held = moved.is_some_and(|at| self.now.since(at) < HOLD);
        // Whoever carries goes on for a while; then the document's order counts again.
        let first = carries.filter(|_| held || carries != had.first().copied()).unwrap_or(live[0].id);
        let order: Vec<usize> = (0..live.len()).collect();
        let mut roster = Roster::of_everybody(fill(first, live, &order, &had, self.redundancy).into());
        let moves = self.previous.is_some() && had.first() != Some(&first);
        let at = if moves { Some(self.now) } else { moved.filter(|_| held) };
        roster.moved.extend(at.map(|at| (None, at)));
        roster
    }
}

/// The ranks behind the first: in the best fault domain that is left, what was there before other things, then by `order`.
fn fill(first: GatewayId, live: &[Candidate], order: &[usize], had: &[GatewayId], ranks: usize) -> Vec<GatewayId> {
    let mut chosen: Vec<&Candidate> = live.iter().filter(|c| c.id == first).collect();
    while chosen.len() < ranks {
        let place = |id: GatewayId| had.iter().position(|known| *known == id).unwrap_or(usize::MAX);
        let left = order.iter().enumerate().map(|(n, at)| (n, &live[*at]));
        let left = left.filter(|(_, c)| !chosen.iter().any(|known| known.id == c.id));
        let Some((_, next)) = left.min_by_key(|(n, c)| (shared(c, &chosen), place(c.id), *n)) else { break };
        chosen.push(next);
    }
    chosen.into_iter().map(|c| c.id).collect()
}

/// How much would fail together with what is chosen: nothing, a region, a host.
fn shared(one: &Candidate, chosen: &[&Candidate]) -> u8 {
    let with = |other: &&Candidate| match (one.host.is_some() && one.host == other.host, one.region == other.region) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    chosen.iter().map(with).max().unwrap_or(0)
}

/// Spreads clients, each by itself.
struct Spread<'a> {
    placing: &'a Placing<'a>,
    live: &'a [Candidate],
    weights: Vec<(Seed, u32)>,
    bounds: BTreeMap<GatewayId, usize>,
    load: BTreeMap<GatewayId, usize>,
    moved: BTreeMap<Option<PeerId>, Timestamp>,
    better: BTreeMap<PeerId, (RegionId, Timestamp)>,
}

impl<'a> Spread<'a> {
    fn new(placing: &'a Placing<'a>, live: &'a [Candidate]) -> Self {
        let weights = live.iter().map(|c| (Seed::of_gateway(c.id), weight(live, c))).collect();
        let bounds = match placing.mode {
            RouteMode::Balanced => bounds(live, placing.clients.len()),
            // What is nearest to all may serve all, as far as it can.
            _ => live.iter().map(|c| (c.id, c.capacity.map_or(usize::MAX, |n| n as usize))).collect(),
        };
        let held = |at: &Timestamp| placing.now.since(*at) < HOLD;
        let moved = placing.previous.iter().flat_map(|r| &r.moved).filter(|(_, at)| held(at));
        let moved = moved.map(|(client, at)| (*client, *at)).collect();
        Self { placing, live, weights, bounds, load: BTreeMap::new(), moved, better: BTreeMap::new() }
    }

    fn run(mut self) -> Roster {
        let clients = self.placing.clients.clone();
        let had: Vec<_> = clients.iter().map(|client| self.placing.had(Some(*client))).collect();
        let orders: Vec<_> = clients.iter().map(|client| self.order(*client)).collect();
        let mut first: Vec<Option<GatewayId>> = had.iter().map(|ranks| self.first_live(ranks)).collect();
        first.iter().flatten().for_each(|id| *self.load.entry(*id).or_default() += 1);
        for (at, client) in clients.iter().enumerate() {
            if first[at].is_some() && first[at] != had[at].first().copied() {
                self.moved.insert(Some(*client), self.placing.now);
            }
        }
        let mut budget = clients.len().div_ceil(self.live.len());
        if self.placing.mode == RouteMode::Nearest {
            self.approach(&clients, &orders, &mut first, &mut budget);
        }
        self.admit(&clients, &had, &orders, &mut first);
        let over = self.shed(&clients, &orders, &mut first, budget);
        let ranks = (0..clients.len()).map(|at| {
            let first = first[at].expect("`admit` places everybody");
            fill(first, self.live, &orders[at], &had[at], self.placing.redundancy)
        });
        let mut roster = Roster::of_each(&clients, ranks);
        (roster.moved, roster.better, roster.over) = (self.moved, self.better, over);
        roster
    }

    fn first_live(&self, ranks: &[GatewayId]) -> Option<GatewayId> {
        ranks.iter().copied().find(|id| self.live.iter().any(|c| c.id == *id))
    }

    /// The live gateways as a client likes them, by their place in the list.
    fn order(&self, client: PeerId) -> Vec<usize> {
        let seed = Seed::of_client(client);
        let class = |c: &Candidate| match self.placing.mode {
            RouteMode::Nearest => (self.placing.latency)(client, c.region).map_or(u8::MAX, class),
            _ => 0,
        };
        let key = |at: &usize| {
            let (gateway, weight) = self.weights[*at];
            let class = class(&self.live[*at]);
            // Where nothing is known of any region, the order of the document holds.
            let distance = if class == u8::MAX { *at as u64 } else { distance(seed, gateway, weight) };
            (class, distance, self.live[*at].id)
        };
        let mut order: Vec<usize> = (0..self.live.len()).collect();
        order.sort_by_cached_key(key);
        order
    }

    /// Moves clients to a region that has been clearly nearer for a while.
    fn approach(
        &mut self,
        clients: &[PeerId],
        orders: &[Vec<usize>],
        first: &mut [Option<GatewayId>],
        budget: &mut usize,
    ) {
        for (at, client) in clients.iter().enumerate() {
            let Some(current) = first[at] else { continue };
            let Some(best) = self.clearly_nearer(*client, current, &orders[at]) else { continue };
            let known = self.placing.previous.and_then(|roster| roster.better.get(client)).copied();
            let since = known.filter(|(region, _)| *region == best.region).map_or(self.placing.now, |(_, since)| since);
            let patient = self.placing.now.since(since) >= PATIENCE && !self.moved.contains_key(&Some(*client));
            if patient && *budget > 0 {
                *budget -= 1;
                first[at] = Some(self.moves(*client, current, best.id));
            } else {
                self.better.insert(*client, (best.region, since));
            }
        }
    }

    /// The first gateway with room whose region is nearer by 10 ms and by a third (Tailscale's rule for its home relay).
    fn clearly_nearer(&self, client: PeerId, current: GatewayId, order: &[usize]) -> Option<&'a Candidate> {
        let region = self.live.iter().find(|c| c.id == current)?.region;
        let here = (self.placing.latency)(client, region)?;
        let known = |c: &'a Candidate| Some(((self.placing.latency)(client, c.region)?, c));
        let free = order.iter().map(|at| &self.live[*at]).filter(|c| self.has_room(c.id));
        let (there, best) = free.filter_map(known).min_by_key(|(latency, _)| *latency)?;
        (here.saturating_sub(there) >= Duration::from_millis(10).max(here / 3)).then_some(best)
    }

    fn moves(&mut self, client: PeerId, from: GatewayId, to: GatewayId) -> GatewayId {
        self.load.entry(from).and_modify(|load| *load -= 1);
        *self.load.entry(to).or_default() += 1;
        self.moved.insert(Some(client), self.placing.now);
        to
    }

    fn has_room(&self, id: GatewayId) -> bool {
        self.load.get(&id).copied().unwrap_or(0) < self.bounds.get(&id).copied().unwrap_or(usize::MAX)
    }

    /// Places those who have no gateway: each takes the one that it likes best of those with room, in an order that favours
    /// nobody; where none has room, the one that it likes best. Nobody is placed where they would soon leave for a nearer one.
    fn admit(
        &mut self,
        clients: &[PeerId],
        had: &[Vec<GatewayId>],
        orders: &[Vec<usize>],
        first: &mut [Option<GatewayId>],
    ) {
        let mut waiting: Vec<usize> = (0..clients.len()).filter(|at| first[*at].is_none()).collect();
        waiting.sort_by_cached_key(|at| (Seed::of_client(clients[*at]), clients[*at]));
        for at in waiting {
            let mut liked = orders[at].iter().map(|n| self.live[*n].id);
            let best = liked.clone().next().expect("there are live gateways");
            let taken = liked.find(|id| self.has_room(*id)).unwrap_or(best);
            let taken = match self.placing.mode {
                RouteMode::Nearest => self.clearly_nearer(clients[at], taken, &orders[at]).map_or(taken, |c| c.id),
                _ => taken,
            };
            *self.load.entry(taken).or_default() += 1;
            first[at] = Some(taken);
            if !had[at].is_empty() {
                self.moved.insert(Some(clients[at]), self.placing.now);
            }
        }
    }

    /// Takes clients off gateways that have had too many for a while, those first that like it least; at most `budget`.
    fn shed(
        &mut self,
        clients: &[PeerId],
        orders: &[Vec<usize>],
        first: &mut [Option<GatewayId>],
        mut budget: usize,
    ) -> BTreeMap<GatewayId, Timestamp> {
        let now = self.placing.now;
        let mut over = BTreeMap::new();
        for candidate in self.live {
            let (id, bound) = (candidate.id, self.bounds[&candidate.id]);
            let excess = self.load.get(&id).copied().unwrap_or(0).saturating_sub(bound);
            if excess == 0 {
                continue;
            }
            let since = self.placing.previous.and_then(|roster| roster.over.get(&id)).copied().unwrap_or(now);
            if now.since(since) < PATIENCE {
                over.insert(id, since);
                continue;
            }
            let rank = |at: usize| orders[at].iter().position(|n| self.live[*n].id == id);
            let mut on: Vec<usize> = (0..clients.len()).filter(|at| first[*at] == Some(id)).collect();
            on.retain(|at| !self.moved.contains_key(&Some(clients[*at])));
            on.sort_by_cached_key(|at| (Reverse(rank(*at)), Seed::of_client(clients[*at]), clients[*at]));
            let mut left = excess;
            for at in on {
                let to = orders[at].iter().map(|n| self.live[*n].id).find(|id| self.has_room(*id));
                let Some(to) = to.filter(|_| left > 0 && budget > 0) else { break };
                first[at] = Some(self.moves(clients[at], id, to));
                (left, budget) = (left - 1, budget - 1);
            }
            // What is left waits as long again.
            over.extend((left > 0).then_some((id, now)));
        }
        over
    }
}

/// Classes of round trips, each twice the one before, so that a client does not change its order for a few milliseconds.
fn class(latency: Duration) -> u8 {
    let tens = latency.as_millis() / 10;
    u8::try_from(u128::BITS - tens.leading_zeros()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
