//! Desired beside observed, in the words of the API. What it means for a peer's state is the planner's to say.
//!
//! **Invariant: every observation has its age, and one that is older than its lease reads `unknown`, never healthy** (OUTPUT.md
//! rule 5). A takeover by a ranked standby is a choice, not drift; a peer that has never reported is `planned`.

use std::time::Duration;

use nanami_model::{Entity, Name, Peer, PeerId, PublicKey, Timestamp};

use crate::{
    api::{AttemptStatus, LinkStatus, PeerStatus, Status, TakeoverStatus},
    service::fabric::takeovers,
    snapshot::Snapshot,
};

impl Snapshot {
    /// Everything that is known of the workspace now.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        Status {
            workspace: self.intent().name().clone(),
            revision: self.intent().revision(),
            epoch: self.distribution().epoch(),
            at: now,
            peers: self.intent().peers().filter_map(|(id, peer)| self.peer_status(id, peer, now)).collect(),
        }
    }

    fn peer_status(&self, id: PeerId, peer: &Peer, now: Timestamp) -> Option<PeerStatus> {
        let seen = self.view(now).status(id)?;
        let map = self.distribution().map(id);
        let report = self.observed().last(id).map(|sighting| &sighting.report);
        let judged = map.zip(report).map(|(map, report)| takeovers(map, report)).unwrap_or_default();
        let listed = |report: &nanami_model::Report| report.attempts.iter().map(|attempt| attempt.count).sum::<u64>();
        Some(PeerStatus {
            name: peer.name().clone(),
            peer: id,
            key: peer.key(),
            addresses: peer.addresses().to_vec(),
            state: seen.state().to_string(),
            desired: seen.desired(),
            applied: seen.applied(),
            report_age_ms: seen.age().map(whole_millis),
            endpoints: report.map(|report| report.endpoints.clone()).unwrap_or_default(),
            links: report.into_iter().flat_map(|report| &report.links).map(|link| self.link_status(link)).collect(),
            altered: seen.drift().iter().map(ToString::to_string).collect(),
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
        })
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

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
