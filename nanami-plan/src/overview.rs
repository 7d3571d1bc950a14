//! Overview: the status of every peer, and what of all that may be reached is used.

use std::collections::BTreeSet;
use std::time::Duration;

use nanami_model::{Name, PeerId, Revision, Timestamp};

use crate::access::expand::Toward;
use crate::board::State;
use crate::desired::Desired;
use crate::effect::{Effect, Passage};
use crate::notice::Notice;
use crate::status::Status;
use crate::usage::Used;
use crate::view::View;

/// The status of a whole workspace. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Overview {
    pub(crate) workspace: Name,
    pub(crate) revision: Revision,
    pub(crate) now: Timestamp,
    pub(crate) peers: Vec<(PeerId, Status)>,
    pub(crate) reach: Reachable,
    /// What standbys carry now, in words.
    pub(crate) failovers: Vec<String>,
    pub(crate) notices: Vec<Notice>,
}

/// How much of what may be reached is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reachable {
    /// What goes directly.
    pub direct: usize,
    /// What goes by a gateway.
    pub via_gateway: usize,
    /// What was used within the last hour.
    pub used: usize,
    /// What was not.
    pub idle: usize,
}

impl Overview {
    /// The peers by name, each with its status.
    pub fn peers(&self) -> impl ExactSizeIterator<Item = (PeerId, &Status)> {
        self.peers.iter().map(|(id, status)| (*id, status))
    }

    /// How many peers are in a state.
    pub fn count(&self, state: State) -> usize {
        self.peers.iter().filter(|(_, status)| status.state() == state).count()
    }

    /// How much of what may be reached is used.
    pub fn reachable(&self) -> Reachable {
        self.reach
    }

    /// What is legal and still suspicious, also by what is reported.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}

impl View<'_> {
    /// The status of the whole workspace.
    pub fn overview(&self) -> Overview {
        let intent = self.desired().intent();
        let known = intent.peers().map(|(id, _)| id);
        let foreign = self.observed().iter().map(|(id, _)| id).filter(|id| intent.get(*id).is_none());
        let peers: Vec<_> = known.chain(foreign).filter_map(|id| Some((id, self.status(id)?))).collect();
        let reach = self.reachable();
        let named =
            |key| intent.peers().find(|(_, peer)| peer.key() == Some(key)).and_then(|(id, _)| intent.name_of(id));
        let taken = peers.iter().flat_map(|(_, status)| status.taken_over().iter().map(move |taken| (status, taken)));
        let failover = |(status, taken): (&Status, &nanami_model::TakenOver)| {
            let by = named(taken.by).map_or_else(|| "a standby".to_owned(), ToString::to_string);
            format!("{} sends {} by {by}", status.name(), taken.prefix)
        };
        let failovers = taken.map(failover).collect();
        let (workspace, revision, now) = (intent.name().clone(), intent.revision(), self.now());
        Overview { workspace, revision, now, peers, reach, failovers, notices: self.notices() }
    }
}

impl View<'_> {
    /// Counts what may be reached. Of pairs of peers that are alike only those are looked at whose far end is believed.
    fn reachable(&self) -> Reachable {
        let effect = Effect::between(None, self.desired());
        let mut reach = Reachable::default();
        effect.each_compared(|passage| {
            let way = if passage.way.is_direct() { &mut reach.direct } else { &mut reach.via_gateway };
            *way += 1;
            reach.note(self.usage(passage));
        });
        let (counted, intent) = (effect.gained_of_blocks(), self.desired().intent());
        reach.direct += counted;
        if counted > 0 {
            for to in self.observed().iter().map(|(id, _)| id).filter(|id| self.believed(*id).is_some()) {
                let Some(slot) = intent.slot(to) else { continue };
                let mut begin = self.desired().access().partners(slot, Toward::Here);
                let carried = self.desired().ways_of(to).filter_map(|(other, _)| intent.slot(other));
                carried.for_each(|other| begin.remove(other));
                // Who is not in a report did not use it, which its end would have seen.
                let used = self.users_of(to).into_iter().filter(|from| {
                    let there = intent.slot(*from).is_some_and(|slot| begin.contains(slot));
                    let passage = Passage::of(self.desired(), *from, to.into()).filter(|_| there);
                    passage.and_then(|passage| self.usage(&passage)).is_some_and(is_recent)
                });
                let used = used.count();
                reach.used += used;
                reach.idle += begin.count() - used;
            }
        }
        reach
    }

    /// Whom a peer has seen begin anything.
    fn users_of(&self, at: PeerId) -> BTreeSet<PeerId> {
        let usage = self.believed(at).map(|sighting| sighting.report.usage.as_slice()).unwrap_or_default();
        usage.iter().filter_map(|usage| usage.from).collect()
    }
}

/// How many flows go directly between two peers.
pub(crate) fn direct(desired: &Desired) -> usize {
    let effect = Effect::between(None, desired);
    let mut direct = effect.gained_of_blocks();
    effect.each_compared(|passage| direct += usize::from(passage.way.is_direct()));
    direct
}

impl Reachable {
    fn note(&mut self, used: Option<Used>) {
        match used {
            Some(used) if is_recent(used) => self.used += 1,
            Some(_) => self.idle += 1,
            None => {}
        }
    }
}

fn is_recent(used: Used) -> bool {
    used.last.is_some_and(|age| age < HOUR)
}

const HOUR: Duration = Duration::from_secs(3600);
