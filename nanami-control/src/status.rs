//! Desired beside observed: the state of every peer, and the board of it.
//!
//! **Invariant: every observation has its age, and one that is older than its lease reads `unknown`, never healthy** (OUTPUT.md
//! rule 5). A takeover by a ranked standby is a choice, not drift; a peer that has never reported is `planned`.

use std::time::Duration;

use nanami_model::{Entity, Name, NetworkMap, Observed, Peer, PeerId, PublicKey, Services, Sighting, Timestamp};
use nanami_plan::board::{Board, Link, Posture, State};

use crate::{
    api::{AttemptStatus, LinkStatus, PeerStatus, Status, TakeoverStatus},
    service::fabric::takeovers,
    snapshot::Snapshot,
};

impl Snapshot {
    /// What is known of a peer now.
    #[must_use]
    pub fn posture(&self, peer: PeerId, now: Timestamp) -> Posture {
        let map = self.distribution().map(peer);
        let sighting = self.observed().last(peer);
        Posture {
            state: state(map.map(AsRef::as_ref), sighting, now),
            desired: map.map(|map| map.generation()),
            applied: sighting.map(|sighting| sighting.report.generation),
            age: sighting.map(|sighting| now.since(sighting.received)),
        }
    }

    /// Everything that is known of the workspace now.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        Status {
            workspace: self.intent().name().clone(),
            revision: self.intent().revision(),
            epoch: self.distribution().epoch(),
            at: now,
            peers: self.intent().peers().map(|(id, peer)| self.peer_status(id, peer, now)).collect(),
        }
    }

    /// The workspace as one picture.
    #[must_use]
    pub fn board(&self, now: Timestamp) -> Board {
        let board = Board::new(self.intent()).at(now);
        let board = self.intent().peers().fold(board, |board, (id, _)| board.with_posture(id, self.posture(id, now)));
        let links = self.desired().access().iter().filter_map(|(from, to, grants)| {
            let services = Services::new(grants.iter().flat_map(|grant| grant.services.iter().copied())).ok()?;
            let way = self.desired().way(from, to);
            let link = Link::new(from, to, services).with_via(way.gateways().iter().copied());
            Some(self.observe(link, from, first_hop(self, way, to), now))
        });
        links.fold(board, Board::with_link)
    }

    fn observe(&self, link: Link, from: PeerId, hop: Option<PeerId>, now: Timestamp) -> Link {
        let Some(sighting) = self.observed().last(from) else { return link };
        if self.observed().believed(from, now).is_none() {
            return link.with_state(State::Unknown);
        }
        let key = hop.and_then(|hop| self.intent().get(hop)?.key());
        let tunnel = sighting.report.links.iter().find(|tunnel| Some(tunnel.key) == key);
        let link = link.with_state(self.posture(from, now).state);
        match tunnel.and_then(|tunnel| Some((tunnel.handshake_age?, tunnel.rtt))) {
            Some((age, Some(rtt))) => {
                link.with_live(format!("handshake {} s ago, {:.1} ms", age.as_secs(), millis(rtt)))
            }
            Some((age, None)) => link.with_live(format!("handshake {} s ago", age.as_secs())),
            None => link,
        }
    }

    fn peer_status(&self, id: PeerId, peer: &Peer, now: Timestamp) -> PeerStatus {
        let posture = self.posture(id, now);
        let map = self.distribution().map(id);
        let report = self.observed().last(id).map(|sighting| &sighting.report);
        let judged = map.zip(report).map(|(map, report)| takeovers(map, report)).unwrap_or_default();
        let listed = |report: &nanami_model::Report| report.attempts.iter().map(|attempt| attempt.count).sum::<u64>();
        PeerStatus {
            name: peer.name().clone(),
            peer: id,
            key: peer.key(),
            addresses: peer.addresses().to_vec(),
            state: posture.state.to_string(),
            desired: posture.desired,
            applied: posture.applied,
            report_age_ms: posture.age.map(whole_millis),
            endpoints: report.map(|report| report.endpoints.clone()).unwrap_or_default(),
            links: report.into_iter().flat_map(|report| &report.links).map(|link| self.link_status(link)).collect(),
            takeovers: judged
                .iter()
                .map(|takeover| TakeoverStatus {
                    prefix: takeover.prefix.to_string(),
                    by: takeover.by.and_then(|peer| self.intent().name_of(peer)).cloned(),
                    rank: takeover.rank,
                })
                .collect(),
            refused_packets: report.map_or(0, |report| listed(report).saturating_add(report.attempts_overflow)),
            attempts: report
                .into_iter()
                .flat_map(|report| &report.attempts)
                .map(|attempt| AttemptStatus {
                    from: attempt.from.and_then(|peer| self.intent().name_of(peer)).cloned(),
                    to: attempt.to,
                    service: attempt.service.to_string(),
                    count: attempt.count,
                    last_age_ms: whole_millis(attempt.last_age),
                })
                .collect(),
        }
    }

    fn link_status(&self, link: &nanami_model::LinkReport) -> LinkStatus {
        let neighbor = self.name_of_key(&link.key);
        LinkStatus {
            gateway: neighbor.as_ref().is_some_and(|(peer, _)| self.intent().gateway_of(*peer).is_some()),
            to: neighbor.map(|(_, name)| name),
            endpoint: link.endpoint,
            handshake_age_ms: link.handshake_age.map(whole_millis),
            handshakes: link.handshakes,
            rtt_us: link.rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
            received_bytes: link.received_bytes,
            sent_bytes: link.sent_bytes,
        }
    }

    fn name_of_key(&self, key: &PublicKey) -> Option<(PeerId, Name)> {
        self.distribution().member(key).map(|member| (member.peer, member.name.clone()))
    }
}

/// The status for people, in the form of OUTPUT.md.
#[must_use]
pub(crate) fn text(status: &Status) -> String {
    let count = |state: &str| status.peers.iter().filter(|peer| peer.state == state).count();
    let others = ["planned", "behind", "altered", "unknown"].map(|state| (count(state), state));
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!(", {count} {state}"));
    let mut text = format!(
        "{}, revision {}, {}: {} of {} peers matching{}\n\n",
        status.workspace,
        status.revision,
        status.at,
        count("matching"),
        status.peers.len(),
        others.collect::<String>()
    );
    let width = status.peers.iter().map(|peer| peer.name.as_str().len()).max().unwrap_or(0).max("peer".len());
    text += &format!("  {:width$}   desired   applied   state      reported    links\n", "peer");
    for peer in &status.peers {
        let number =
            |generation: Option<nanami_model::Generation>| generation.map_or("-".to_owned(), |g| g.to_string());
        let age = peer.report_age_ms.map_or("never".to_owned(), |age| format!("{} s ago", age / 1000));
        let up = peer.links.iter().filter(|link| link.handshake_age_ms.is_some()).count();
        text += &format!(
            "  {:width$}   {:>7}   {:>7}   {:<8}   {:>9}   {} of {}\n",
            peer.name,
            number(peer.desired),
            number(peer.applied),
            peer.state,
            age,
            up,
            peer.links.len()
        );
        for takeover in &peer.takeovers {
            let by = takeover.by.as_ref().map_or("an unknown hop", Name::as_str);
            let what = takeover
                .rank
                .map_or("not in the plan: drift".to_owned(), |rank| format!("rank {rank}: a choice inside the plan"));
            text += &format!("  {:width$}   {} by standby {by}, {what}\n", "", takeover.prefix);
        }
    }
    text
}

fn state(map: Option<&NetworkMap>, sighting: Option<&Sighting>, now: Timestamp) -> State {
    let (Some(map), Some(sighting)) = (map, sighting) else { return State::Planned };
    if now.since(sighting.received) >= Observed::LEASE {
        return State::Unknown;
    }
    let report = &sighting.report;
    if (report.epoch, report.generation) != (map.epoch(), map.generation()) {
        return State::Behind;
    }
    if report.digests == map.digests() { State::Matching } else { State::Altered }
}

/// The peer that packets leave for first: the preferred gateway, or the destination itself.
fn first_hop(snapshot: &Snapshot, way: &nanami_plan::Way, to: nanami_model::Destination) -> Option<PeerId> {
    match (way.gateways().first(), to) {
        (Some(gateway), _) => snapshot.intent().get(*gateway).map(nanami_model::Gateway::peer),
        (None, nanami_model::Destination::Peer(peer)) => Some(peer),
        (None, _) => None,
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use nanami_model::{Epoch, Generation, Report};

    use super::*;

    #[test]
    fn each_state_is_told_apart_and_an_old_report_is_never_healthy() {
        let map = NetworkMap::new(["10.0.0.1".parse().unwrap()]).with_generation(Epoch::ZERO, Generation::new(4));
        let seen = |generation, digests: Vec<_>| {
            let report = Report { generation: Generation::new(generation), digests, ..Report::default() };
            Sighting { report, received: Timestamp::from_millis(0) }
        };
        let now = |millis| Timestamp::from_millis(millis);
        let matching = seen(4, map.digests().to_vec());
        assert_eq!(state(None, None, now(0)), State::Planned);
        assert_eq!(state(Some(&map), None, now(0)), State::Planned);
        assert_eq!(state(Some(&map), Some(&matching), now(89_999)), State::Matching);
        assert_eq!(state(Some(&map), Some(&matching), now(90_000)), State::Unknown);
        assert_eq!(state(Some(&map), Some(&seen(3, map.digests().to_vec())), now(0)), State::Behind);
        assert_eq!(state(Some(&map), Some(&seen(4, Vec::new())), now(0)), State::Altered);
    }
}
