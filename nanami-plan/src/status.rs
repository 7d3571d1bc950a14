//! Status: how what a peer reports relates to what is desired of it.
//!
//! **Invariant**: one of six states (OUTPUT.md rule 6), decided in this order: pending or never heard of is planned; too old is
//! unknown; an older generation is behind; another digest is altered; everything else matches. A standby that carries is a
//! choice within the plan and no drift.

use std::time::Duration;

use nanami_model::{Facet, Generation, NetworkMap, PeerId, Sighting, TakenOver};

use crate::board::State;
use crate::drift::{self, Drift};
use crate::view::View;

/// How what one peer reports relates to what is desired of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    name: String,
    state: State,
    desired: Option<Generation>,
    applied: Option<Generation>,
    age: Option<Duration>,
    links: Option<(usize, usize)>,
    drift: Vec<Drift>,
    unlisted: u64,
    taken_over: Vec<TakenOver>,
}

impl Status {
    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// The peer's name, or its id if it is nobody's here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The generation that it should run; `None` if nobody said, or while it has no map.
    pub fn desired(&self) -> Option<Generation> {
        self.desired
    }

    /// The generation that it last said it runs; `None` if it was never heard of.
    pub fn applied(&self) -> Option<Generation> {
        self.applied
    }

    /// How old its last report is; `None` if there was none.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// How many of its tunnels are up, of how many; `None` unless its report is believed.
    pub fn links(&self) -> Option<(usize, usize)> {
        self.links
    }

    /// What runs differently from how it should; empty unless the state is altered.
    pub fn drift(&self) -> &[Drift] {
        &self.drift
    }

    /// How many entries were altered beside those that the drift lists; the peer counts what fits no list.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// The prefixes that standbys carry for it now.
    pub fn taken_over(&self) -> &[TakenOver] {
        &self.taken_over
    }
}

impl View<'_> {
    /// How what a peer reports relates to what is desired of it; `None` if nobody knows of such a peer.
    pub fn status(&self, peer: PeerId) -> Option<Status> {
        let sighting = self.observed().last(peer);
        let entity = self.desired().intent().get(peer);
        if entity.is_none() && sighting.is_none() {
            return None;
        }
        let believed = self.believed(peer);
        let has_map = entity.is_some_and(|peer| peer.key().is_some());
        // Only what was reported is compared with a map.
        let map = believed.and_then(|_| self.desired().map_for(peer));
        let mut drift = Vec::new();
        let state = match (&map, believed) {
            (_, Some(_)) if entity.is_none() => State::Foreign,
            _ if !has_map || sighting.is_none() => State::Planned,
            (None, _) | (_, None) => State::Unknown,
            (Some(map), Some(sighting)) => {
                let (state, facets) = self.compare(peer, map, sighting);
                let intent = self.desired().intent();
                drift = drift::drift(intent, (peer, map), &facets, sighting, self.now());
                state
            }
        };
        let up = |map: &NetworkMap| {
            let neighbors = map.neighbors().iter().filter_map(|n| n.peer());
            (neighbors.filter(|to| self.is_live(peer, *to)).count(), map.neighbors().len())
        };
        let name = self.desired().intent().name_of(peer);
        Some(Status {
            name: name.map_or_else(|| peer.to_string(), ToString::to_string),
            state,
            desired: self.generation(peer).filter(|_| has_map),
            applied: sighting.map(|sighting| sighting.report.generation),
            age: sighting.map(|sighting| self.now().since(sighting.received)),
            links: believed.and(map.as_ref()).map(up),
            unlisted: believed.filter(|_| !drift.is_empty()).map_or(0, |sighting| sighting.report.altered_overflow),
            drift,
            taken_over: believed.map(|sighting| sighting.report.taken_over.clone()).unwrap_or_default(),
        })
    }

    /// What runs differently from how it should at a peer; empty if nothing does, or nothing is known.
    pub fn drift(&self, peer: PeerId) -> Vec<Drift> {
        self.status(peer).map(|status| status.drift).unwrap_or_default()
    }

    /// How a believed report compares with the map that its peer should run, and which facets differ.
    fn compare(&self, peer: PeerId, map: &NetworkMap, sighting: &Sighting) -> (State, Vec<Facet>) {
        let (desired, report) = (self.generation(peer), &sighting.report);
        if desired.is_some_and(|desired| report.generation < desired) {
            return (State::Behind, Vec::new());
        }
        if report.digests == map.digests() {
            return (State::Matching, Vec::new());
        }
        // Who does not know the generation cannot tell an older map from a changed one, and nothing runs nowhere yet.
        if desired.is_none() || report.digests.is_empty() {
            return (State::Behind, Vec::new());
        }
        (State::Altered, drift::altered(map, sighting))
    }
}
