//! The gateways as peers see them: who has switched to a standby.
//!
//! **Invariant: switching to a hop that the map ranks is a choice inside the plan, not drift.** The agent makes it, reports
//! it, and nobody switches it back from here. Whatever a peer claims beyond its map is shown as such.

use nanami_model::{Cidr, NetworkMap, PeerId, Report};

/// A prefix that a peer sends to another hop than the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takeover {
    /// The prefix.
    pub prefix: Cidr,
    /// Who carries it; `None` when that is nobody in the map.
    pub by: Option<PeerId>,
    /// The rank of that hop in the map; `None` when the map does not rank it, which is drift.
    pub rank: Option<u8>,
}

/// What a report says about standbys, judged by the map that the peer should run.
#[must_use]
pub fn takeovers(map: &NetworkMap, report: &Report) -> Vec<Takeover> {
    let judge = |taken: &nanami_model::TakenOver| {
        let neighbor = map.neighbor(&taken.by);
        let ranked = neighbor.and_then(|hop| hop.standby().iter().find(|standby| standby.prefix == taken.prefix));
        Takeover {
            prefix: taken.prefix,
            by: neighbor.and_then(nanami_model::Neighbor::peer),
            rank: ranked.map(|standby| standby.rank),
        }
    };
    report.taken_over.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use nanami_model::{Neighbor, PrivateKey, TakenOver, name};

    use super::*;

    #[test]
    fn a_ranked_standby_is_a_choice_and_anybody_else_is_drift() {
        let [standby, stranger] = [1, 2].map(|byte| PrivateKey::from_bytes([byte; 32]).public());
        let (vpc, peer) = ("10.60.0.0/16".parse::<Cidr>().unwrap(), PeerId::from_bytes([1; 10]));
        let hop = Neighbor::new(standby, []).with_identity(peer, name!("eu-west")).with_standby(vpc, 1);
        let map = NetworkMap::new([]).with_neighbor(hop);
        let report = Report {
            taken_over: vec![TakenOver { prefix: vpc, by: standby }, TakenOver { prefix: vpc, by: stranger }],
            ..Report::default()
        };
        let judged = takeovers(&map, &report);
        assert_eq!(judged[0], Takeover { prefix: vpc, by: Some(peer), rank: Some(1) });
        assert_eq!(judged[1], Takeover { prefix: vpc, by: None, rank: None });
    }
}
