//! Observed: the last report of every peer, and when it came.
//!
//! **Invariant**: a report of an older epoch or generation never replaces a newer one. What is older than its lease is
//! `unknown` to whoever asks; it is never taken for healthy.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generation::{Epoch, Generation};
use crate::id::PeerId;
use crate::key::PublicKey;
use crate::network_map::{Digest, Facet};
use crate::report::{LinkReport, Report};
use crate::time::Timestamp;

/// What was last heard of each peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    peers: BTreeMap<PeerId, Sighting>,
}

/// The last report of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it said.
    pub report: Report,
    /// When control received it, by control's clock.
    pub received: Timestamp,
    /// When it was first heard that what runs there is this: these digests of this generation.
    pub since: Timestamp,
}

/// A report is of an older map than the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the report is of generation {offered} in epoch {offered_epoch}, after one of {held} in epoch {held_epoch}")]
pub struct StaleReport {
    held_epoch: Epoch,
    held: Generation,
    offered_epoch: Epoch,
    offered: Generation,
}

crate::coded! { StaleReport: Peer;
    _ => ("report.stale", "nothing: the newer report counts; if it goes on, look for two machines with one key");
}

impl Sighting {
    /// How long ago it was received. A clock that goes back makes nothing younger than new.
    pub fn age(&self, now: Timestamp) -> Duration {
        now.since(self.received)
    }

    /// How old something is now that was `then` old when the report was sent: the age of a handshake, a use, an attempt.
    pub fn aged(&self, then: Duration, now: Timestamp) -> Duration {
        then.saturating_add(self.age(now))
    }

    /// The digest of a facet that ran; `None` if the peer did not say.
    pub fn digest(&self, facet: Facet) -> Option<Digest> {
        self.report.digests.get(facet as usize).copied()
    }

    /// What it said about the tunnel to a neighbor.
    pub fn link(&self, key: &PublicKey) -> Option<&LinkReport> {
        self.report.links.iter().find(|link| link.key == *key)
    }
}

impl Observed {
    /// How long a report is believed: three reports may be lost at the slowest rhythm (chosen, DESIGN decision "A lease").
    pub const LEASE: Duration = Duration::from_secs(90);

    /// Nothing was heard of anybody: the state before the first rollout.
    pub fn none() -> &'static Self {
        static NONE: Observed = Observed { peers: BTreeMap::new() };
        &NONE
    }

    /// Takes in what a peer reports.
    ///
    /// # Errors
    /// [`StaleReport`] if a report of a newer map came before; nothing changes then.
    pub fn record(&mut self, peer: PeerId, report: Report, received: Timestamp) -> Result<(), StaleReport> {
        if let Some(Sighting { report: held, .. }) = self.peers.get(&peer)
            && (report.epoch, report.generation) < (held.epoch, held.generation)
        {
            let (held_epoch, held) = (held.epoch, held.generation);
            return Err(StaleReport { held_epoch, held, offered_epoch: report.epoch, offered: report.generation });
        }
        let runs = |report: &Report| (report.epoch, report.generation, report.digests.clone());
        let held = self.peers.get(&peer).filter(|held| runs(&held.report) == runs(&report));
        let since = held.map_or(received, |held| held.since);
        self.peers.insert(peer, Sighting { report, received, since });
        Ok(())
    }

    /// Forgets a peer that is gone.
    pub fn forget(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
    }

    /// The last report of a peer, however old.
    pub fn last(&self, peer: PeerId) -> Option<&Sighting> {
        self.peers.get(&peer)
    }

    /// The last report of a peer, if it is still believed.
    pub fn believed(&self, peer: PeerId, now: Timestamp) -> Option<&Sighting> {
        self.last(peer).filter(|sighting| now.since(sighting.received) < Self::LEASE)
    }

    /// How long ago a peer was last heard of; `None` if never.
    pub fn age(&self, peer: PeerId, now: Timestamp) -> Option<Duration> {
        self.last(peer).map(|sighting| sighting.age(now))
    }

    /// Every peer that was ever heard of, with its last report.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PeerId, &Sighting)> {
        self.peers.iter().map(|(id, sighting)| (*id, sighting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_report_changes_nothing_and_an_old_one_is_not_believed() {
        let (peer, mut observed) = (PeerId::from_bytes([1; 10]), Observed::none().clone());
        let report = |epoch, generation| Report {
            epoch: Epoch::new(epoch),
            generation: Generation::new(generation),
            ..Report::default()
        };
        let at = Timestamp::from_millis;
        assert!(observed.record(peer, report(1, 5), at(0)).is_ok());
        assert_eq!(observed.record(peer, report(1, 4), at(1)).unwrap_err().code(), "report.stale");
        assert!(observed.record(peer, report(0, 9), at(1)).is_err());
        assert!(observed.record(peer, report(2, 1), at(1)).is_ok());
        assert!(observed.believed(peer, at(90_000)).is_some());
        assert!(observed.believed(peer, at(90_001)).is_none() && observed.last(peer).is_some());
    }

    #[test]
    fn what_runs_somewhere_has_been_so_since_it_was_first_heard() {
        let (peer, mut observed) = (PeerId::from_bytes([1; 10]), Observed::none().clone());
        let at = Timestamp::from_millis;
        let report = |digest: u8| Report { digests: vec![Digest::from_bytes([digest; 32])], ..Report::default() };
        let mut since = |digest, now| {
            observed.record(peer, report(digest), at(now)).unwrap();
            observed.last(peer).unwrap().since
        };
        assert_eq!([since(1, 0), since(1, 30), since(2, 60), since(2, 90), since(1, 99)], [0, 0, 60, 60, 99].map(at));
    }

    #[test]
    fn everything_that_is_observed_has_its_age() {
        let (peer, mut observed) = (PeerId::from_bytes([1; 10]), Observed::none().clone());
        let (at, seconds) = (Timestamp::from_millis, Duration::from_secs);
        assert_eq!(observed.age(peer, at(5)), None);
        let digests = vec![Digest::EMPTY, Digest::from_bytes([1; 32])];
        observed.record(peer, Report { digests, ..Report::default() }, at(1000)).unwrap();
        assert_eq!(observed.age(peer, at(8000)), Some(seconds(7)));
        assert_eq!(observed.age(peer, at(0)), Some(Duration::ZERO), "the clock went back");
        let sighting = observed.last(peer).unwrap();
        assert_eq!(sighting.aged(seconds(3), at(8000)), seconds(10));
        assert_eq!(sighting.aged(Duration::MAX, at(8000)), Duration::MAX, "hostile ages do not overflow");
        assert_eq!(sighting.digest(Facet::Neighbors), Some(Digest::from_bytes([1; 32])));
        assert_eq!(sighting.digest(Facet::Routes), None);
        assert_eq!(sighting.link(&crate::PrivateKey::from_bytes([1; 32]).public()), None);
    }
}
