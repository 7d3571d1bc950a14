//! Overview: the status of every peer, and what of all that may be reached is used.

use std::time::Duration;

use nanami_model::{Name, PeerId, Revision, Timestamp};

use crate::board::State;
use crate::status::Status;
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
}

impl View<'_> {
    /// The status of the whole workspace.
    pub fn overview(&self) -> Overview {
        let intent = self.desired().intent();
        let known = intent.peers().map(|(id, _)| id);
        let foreign = self.observed().iter().map(|(id, _)| id).filter(|id| intent.get(*id).is_none());
        let peers: Vec<_> = known.chain(foreign).filter_map(|id| Some((id, self.status(id)?))).collect();
        let mut reach = Reachable::default();
        for passage in self.passages() {
            let way = if passage.way.is_direct() { &mut reach.direct } else { &mut reach.via_gateway };
            *way += 1;
            match self.usage(&passage) {
                Some(used) if used.last.is_some_and(|age| age < HOUR) => reach.used += 1,
                Some(_) => reach.idle += 1,
                None => {}
            }
        }
        let named =
            |key| intent.peers().find(|(_, peer)| peer.key() == Some(key)).and_then(|(id, _)| intent.name_of(id));
        let taken = peers.iter().flat_map(|(_, status)| status.taken_over().iter().map(move |taken| (status, taken)));
        let failover = |(status, taken): (&Status, &nanami_model::TakenOver)| {
            let by = named(taken.by).map_or_else(|| "a standby".to_owned(), ToString::to_string);
            format!("{} sends {} by {by}", status.name(), taken.prefix)
        };
        let failovers = taken.map(failover).collect();
        let (workspace, revision, now) = (intent.name().clone(), intent.revision(), self.now());
        Overview { workspace, revision, now, peers, reach, failovers }
    }
}

const HOUR: Duration = Duration::from_secs(3600);
