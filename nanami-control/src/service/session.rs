//! What attached peers report, and how long it is believed.
//!
//! **Invariants: a report is about the peer whose key the channel proved, whatever it says (SEC-12); it changes what is
//! observed, never what is desired, and is cut to what its peer's map names (SEC-32).** A report that is older than its lease
//! reads `unknown`; nobody's tunnel is closed because control heard nothing.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use nanami_model::{Epoch, Generation, PeerId, PublicKey, Report, StaleReport, Timestamp};

use super::Workspace;
use crate::store::Slot;

/// What a report brought.
#[derive(Debug, Default)]
pub struct Reported {
    /// The generation that the peer runs since this report; `None` when that is no news.
    pub applied: Option<Generation>,
    /// Whether it runs something else than its map since this report.
    pub drifted: bool,
    /// Whether the peer moved: its neighbors want new hints.
    pub moved: bool,
    /// What to save for a restart; no reply waits for it. `None` when what is saved is good enough.
    pub save: Option<(Slot, Vec<u8>)>,
}

/// The saved bytes are no report.
#[derive(Debug, thiserror::Error)]
#[error("saved report is damaged")]
pub struct BadReport;

impl Workspace {
    /// Takes a report in. `key` is what the channel proved, `source` where the connection comes from: it stands in for an
    /// address that the peer does not know of itself (`0.0.0.0`).
    ///
    /// # Errors
    /// [`StaleReport`] when a report of a newer map came before; nothing changes then.
    pub fn report(
        &mut self,
        now: Timestamp,
        key: PublicKey,
        source: IpAddr,
        mut report: Report,
    ) -> Result<Reported, StaleReport> {
        let Some(peer) = self.distribution.member(&key).map(|member| member.peer) else {
            return Ok(Reported::default());
        };
        for endpoint in report.endpoints.iter_mut().filter(|endpoint| endpoint.ip().is_unspecified()) {
            *endpoint = SocketAddr::new(source.to_canonical(), endpoint.port());
        }
        if let Some(map) = self.distribution.map(peer) {
            report.keep_neighbors(map);
        }
        let place = (report.epoch, report.generation);
        let before = self.observed.last(peer).map(|sighting| (sighting.report.epoch, sighting.report.generation));
        let altered = |report: &Report| {
            let map = self.distribution.map(peer).filter(|map| (map.epoch(), map.generation()) == place);
            map.is_some_and(|map| !report.digests.is_empty() && report.digests != map.digests())
        };
        let known = self.observed.last(peer).is_some_and(|seen| before == Some(place) && altered(&seen.report));
        let drifted = altered(&report) && !known;
        let said = self.observed.last(peer).map(|seen| &seen.report);
        let moved_link = said.map_or(&[][..], |said| &said.on_link) != report.on_link;
        let news = moved_link || self.word(&report) != said.map(|said| self.word(said)).unwrap_or_default();
        let endpoints = report.endpoints.clone();
        let bytes = saved(now, &report);
        self.observed.record(peer, report, now)?;
        if news {
            self.choosing.bring_forward(now);
        }
        Ok(Reported {
            drifted,
            applied: (before != Some(place)).then_some(place.1),
            moved: Arc::make_mut(&mut self.distribution).place(key, &endpoints),
            save: self.is_worth_saving(now, peer, place).then_some((Slot::Report(peer), bytes)),
        })
    }

    /// Takes in a report that was saved before a restart, as old as it is.
    ///
    /// # Errors
    /// [`BadReport`] when the bytes are none.
    pub fn restore_report(&mut self, peer: PeerId, bytes: &[u8]) -> Result<(), BadReport> {
        let (received, report) = bytes.split_first_chunk::<8>().ok_or(BadReport)?;
        let received = Timestamp::from_millis(u64::from_be_bytes(*received));
        let report = Report::decode(report).map_err(|_| BadReport)?;
        let Some(key) = self.fold.intent.get(peer).and_then(|peer| peer.key()) else { return Ok(()) };
        Arc::make_mut(&mut self.distribution).place(key, &report.endpoints);
        self.observed.record(peer, report, received).map_err(|_| BadReport)
    }

    /// At once when the peer runs another map, else now and then: after a restart ages must be about right, no more.
    fn is_worth_saving(&mut self, now: Timestamp, peer: PeerId, place: (Epoch, Generation)) -> bool {
        let fresh = |(at, saved): &(Timestamp, (Epoch, Generation))| *saved == place && now.since(*at) < SAVE_EVERY;
        if self.saved_reports.get(&peer).is_some_and(fresh) {
            return false;
        }
        self.saved_reports.insert(peer, (now, place));
        true
    }
}

fn saved(received: Timestamp, report: &Report) -> Vec<u8> {
    [&received.as_millis().to_be_bytes(), &report.encode()[..]].concat()
}

/// Chosen: a third of the lease.
const SAVE_EVERY: Duration = Duration::from_secs(30);
