//! Chooses gateways for every route, from what is asked for, what is seen, and what was chosen before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nanami_model::{Cidr, Intent, Observed, PeerId, RegionId, RouteId, RouteMode, Selector, Timestamp, Verdict};

use super::health::{self, Standing};
use super::place::{Candidate, Placing};
use super::roster::Roster;
use super::{Chosen, Selection, candidates};

/// Chooses the gateways of every route.
///
/// The choice follows the health that peers report of their tunnels, never what a gateway says of itself, and stays as near to
/// the previous one as it can: whoever is served well stays. Whoever is attached to a routed range itself is remembered as such
/// ([`Selection::is_on_link`]). It reads no clock and draws nothing: the same arguments give
/// the same selection on every machine.
///
/// ```
/// use nanami_model::{Intent, Observed, Timestamp, User, name};
/// use nanami_plan::{Selection, compile, select};
///
/// let acme = Intent::new(name!("acme"), User::new(name!("netops")));
/// let chosen = select(&acme, Observed::none(), &Selection::default(), Timestamp::from_millis(0));
/// assert_eq!(chosen, Selection::default(), "no route, no choice");
/// let desired = compile(&acme, &chosen);
/// # assert_eq!(desired.selection(), &chosen);
/// ```
pub fn select(intent: &Intent, observed: &Observed, previous: &Selection, now: Timestamp) -> Selection {
    let standing = health::assess(intent, observed, previous, now);
    let latencies = Latencies::of(intent, observed, now);
    let clients = Clients::of(intent);
    let mut rosters: BTreeMap<RouteId, Arc<Roster>> = BTreeMap::new();
    let mut done: Vec<(Question, RouteId)> = Vec::new();
    for (id, _) in intent.routes() {
        let question = Question::of(intent, &standing, &clients, previous, id);
        if question.candidates.is_empty() {
            continue;
        }
        let same = done.iter().find(|(known, _)| *known == question).map(|(_, id)| rosters[id].clone());
        let roster = same.unwrap_or_else(|| Arc::new(question.answer(&latencies, now)));
        done.push((question, id));
        rosters.insert(id, roster);
    }
    let dead = |id: &nanami_model::GatewayId| standing.get(id).is_some_and(|standing| standing.dead_since.is_some());
    let down = |id: &RouteId| {
        let candidates = candidates::of_route(intent, *id);
        !candidates.is_empty() && candidates.iter().all(dead)
    };
    let down = intent.routes().map(|(id, _)| id).filter(down).collect();
    Selection::new(Chosen { rosters, standing, down, on_link: on_link(intent, observed) })
}

/// The routed prefixes that peers are inside of themselves. A peer that is silent is where it last said that it is. An exit is
/// nobody's own link; a link within a routed prefix needs nothing, for hosts prefer what is more specific.
fn on_link(intent: &Intent, observed: &Observed) -> BTreeMap<PeerId, BTreeSet<Cidr>> {
    let attached =
        observed.iter().filter(|(peer, seen)| !seen.report.on_link.is_empty() && intent.get(*peer).is_some());
    let inside = |(peer, seen): (PeerId, &nanami_model::Sighting)| {
        let routed = intent.routes().filter(|(_, route)| !route.is_exit()).flat_map(|(_, route)| route.prefixes());
        let own =
            routed.filter(|prefix| seen.report.on_link.iter().any(|link| link.length() > 0 && link.covers(prefix)));
        (peer, own.copied().collect::<BTreeSet<_>>())
    };
    attached.map(inside).filter(|(_, prefixes)| !prefixes.is_empty()).collect()
}

/// All that decides about a route but for time and latency: routes that ask the same share an answer.
#[derive(PartialEq, Eq)]
struct Question {
    candidates: Vec<Candidate>,
    clients: Arc<[PeerId]>,
    mode: RouteMode,
    redundancy: usize,
    previous: Option<Arc<Roster>>,
}

impl Question {
    fn of(
        intent: &Intent,
        standing: &BTreeMap<nanami_model::GatewayId, Standing>,
        clients: &Clients,
        previous: &Selection,
        route: RouteId,
    ) -> Self {
        let live = |id| standing.get(&id).is_none_or(|standing| standing.is_live());
        let entity = intent.get(route);
        let candidates = candidates::of_route(intent, route);
        let candidates = candidates.into_iter().filter_map(|id| candidates::candidate(intent, id, live(id)));
        Self {
            candidates: candidates.collect(),
            clients: clients.of_route(route),
            mode: entity.map(nanami_model::Route::mode).unwrap_or_default(),
            redundancy: entity.map_or(1, |route| usize::from(route.redundancy())),
            previous: previous.roster(route).cloned(),
        }
    }

    fn answer(&self, latencies: &Latencies, now: Timestamp) -> Roster {
        let placing = Placing {
            candidates: &self.candidates,
            clients: &self.clients,
            mode: self.mode,
            redundancy: self.redundancy,
            previous: self.previous.as_deref(),
            latency: &|client, region| latencies.between(client, region),
            now,
        };
        placing.place()
    }
}

/// Who may use each route: the members of the sides of policies that lead there, whatever else denies.
struct Clients {
    of: BTreeMap<RouteId, Arc<[PeerId]>>,
}

impl Clients {
    fn of(intent: &Intent) -> Self {
        let mut sides: BTreeMap<RouteId, BTreeSet<Selector>> = BTreeMap::new();
        for (_, policy) in intent.policies().filter(|(_, policy)| policy.verdict() == Verdict::Allow) {
            if let Selector::Route(route) = policy.to() {
                sides.entry(route).or_default().insert(policy.from());
            }
        }
        // Routes that the same sides use share one list.
        let mut known: BTreeMap<BTreeSet<Selector>, Arc<[PeerId]>> = BTreeMap::new();
        let of = sides.into_iter().map(|(route, sides)| {
            let members = |sides: &BTreeSet<Selector>| -> Arc<[PeerId]> {
                let members: BTreeSet<PeerId> = sides.iter().flat_map(|side| intent.members(*side)).collect();
                members.into_iter().collect()
            };
            (route, known.entry(sides).or_insert_with_key(members).clone())
        });
        Self { of: of.collect() }
    }

    fn of_route(&self, route: RouteId) -> Arc<[PeerId]> {
        self.of.get(&route).cloned().unwrap_or_default()
    }
}

/// The shortest round trip of each client to each region, as its last report says.
struct Latencies(BTreeMap<(PeerId, RegionId), Duration>);

impl Latencies {
    fn of(intent: &Intent, observed: &Observed, now: Timestamp) -> Self {
        let regions: BTreeMap<_, _> = intent
            .gateways()
            .filter_map(|(_, gateway)| Some((intent.get(gateway.peer())?.key()?, gateway.region())))
            .collect();
        let mut shortest: BTreeMap<(PeerId, RegionId), Duration> = BTreeMap::new();
        for (client, _) in observed.iter() {
            for link in observed.believed(client, now).iter().flat_map(|sighting| &sighting.report.links) {
                let (Some(region), Some(rtt)) = (regions.get(&link.key), link.rtt) else { continue };
                shortest.entry((client, *region)).and_modify(|known| *known = rtt.min(*known)).or_insert(rtt);
            }
        }
        Self(shortest)
    }

    fn between(&self, client: PeerId, region: RegionId) -> Option<Duration> {
        self.0.get(&(client, region)).copied()
    }
}
