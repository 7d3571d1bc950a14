//! The three-way difference on any maps, and what makes none: PLANNING.md I28 and I30.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;

use std::collections::BTreeMap;
use std::time::Duration;

use common::world;
use edits::{edited, edits};
use nanami_model::{Generation, Intent, LinkReport, NetworkMap, Observed, PeerId, Report, Timestamp, Usage};
use nanami_plan::{Desired, DiffClass, Selection, State, compile, diff};
use proptest::prelude::*;

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn nothing() -> NetworkMap {
    NetworkMap::new([])
}

/// Every entry of a map: what is there where nothing is wanted and nothing was applied.
fn entries(map: &NetworkMap) -> BTreeMap<String, String> {
    let all = diff(&nothing(), map, &nothing());
    all.into_iter().map(|entry| (entry.entry, entry.observed.unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each entry that is not as it should be is listed once, with its class; what nobody of us applied is never ours to remove.
    #[test]
    fn i28_what_we_neither_applied_nor_want_is_foreign_and_all_else_has_its_class(
        world in world(),
        edits in edits(),
        which in any::<prop::sample::Index>(),
        alter in any::<prop::sample::Index>(),
    ) {
        let first = common::joined(&world.intent());
        let mut revisions = vec![first.clone()];
        for (n, edit) in edits.into_iter().enumerate() {
            revisions.push(edited(revisions.last().unwrap(), n, edit));
        }
        let peers: Vec<PeerId> = first.peers().map(|(id, _)| id).collect();
        let peer = peers[which.index(peers.len())];
        let map = |intent: &Intent| desired(intent).map_for(peer).unwrap_or_else(nothing);
        // What we applied, what somebody made of it, and what should be.
        let (applied, observed) = (map(&first), map(&revisions[alter.index(revisions.len())]));
        let wanted = map(revisions.last().unwrap());
        let [was, is, should] = [&applied, &observed, &wanted].map(entries);
        let listed = diff(&applied, &observed, &wanted);
        let by_entry: BTreeMap<_, _> = listed.iter().map(|entry| (entry.entry.clone(), entry.class)).collect();
        prop_assert_eq!(by_entry.len(), listed.len(), "each entry once");
        for key in was.keys().chain(is.keys()).chain(should.keys()) {
            let (was, is, should) = (was.get(key), is.get(key), should.get(key));
            let class = by_entry.get(key).copied();
            prop_assert_eq!(class.is_none(), is == should, "{}", key);
            let ours = was.is_some() || should.is_some();
            prop_assert_eq!(class == Some(DiffClass::Foreign), is.is_some() && !ours, "{}", key);
            match class {
                Some(DiffClass::Missing) => prop_assert!(was.is_none() && is.is_none()),
                Some(DiffClass::Extra) => prop_assert!(was == is && should.is_none()),
                Some(DiffClass::Changed) => prop_assert!(was == is && was.is_some() && should.is_some()),
                Some(DiffClass::Drift) => prop_assert!(ours && was != is),
                _ => {}
            }
        }
    }

    /// Wherever neighbors are, whenever they shook hands and whatever passed: what runs as it should matches.
    #[test]
    fn i30_endpoints_handshakes_and_counters_are_never_a_difference(
        world in world(),
        ages in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u32>(), any::<u16>()), 8),
        altered in any::<bool>(),
    ) {
        let intent = common::joined(&world.intent());
        let desired = desired(&intent);
        let (mut observed, now) = (Observed::none().clone(), Timestamp::from_millis(1_000_000));
        let mut generations = BTreeMap::new();
        for (id, _) in intent.peers() {
            let map = desired.map_for(id).unwrap();
            let link = |(neighbor, (age, received, sent, port)): (&nanami_model::Neighbor, &(u16, u32, u32, u16))| LinkReport {
                key: neighbor.key(),
                endpoint: Some(format!("198.51.100.7:{}", port.max(&1)).parse().unwrap()),
                handshake_age: Some(Duration::from_secs(u64::from(*age))),
                handshakes: u64::from(*age),
                probes: 0,
                answered: 0,
                rtt: Some(Duration::from_millis(u64::from(*age))),
                received_bytes: u64::from(*received),
                sent_bytes: u64::from(*sent),
            };
            let links = map.neighbors().iter().zip(ages.iter().cycle()).map(link).collect();
            let usage = intent.policies().map(|(policy, _)| Usage {
                policy,
                from: Some(id),
                open: u64::from(ages[0].1),
                opened: u64::from(ages[0].2),
                last_use_age: Duration::from_secs(u64::from(ages[1].0)),
            });
            let mut digests = map.digests().to_vec();
            if altered {
                digests[0] = nanami_model::Digest::from_bytes([9; 32]);
            }
            let (generation, usage) = (Generation::new(4), usage.collect());
            observed.record(id, Report { generation, digests, links, usage, ..Report::default() }, now).unwrap();
            generations.insert(id, generation);
        }
        let view = desired.beside(&observed, now).with_generations(&generations);
        for (id, _) in intent.peers() {
            let status = view.status(id).unwrap();
            let expected = if altered { State::Altered } else { State::Matching };
            prop_assert_eq!(status.state(), expected);
            prop_assert_eq!(status.drift().is_empty(), !altered);
        }
    }
}
