//! The three-way difference on any maps, and what makes none: PLANNING.md I28 and I30.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/edits.rs"]
mod edits;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use common::world;
use edits::{edited, edits};
use nanami_model::{
    Facet, Generation, Intent, LinkReport, MapItem, NetworkMap, Observed, PeerId, Report, Timestamp, Usage,
};
use nanami_plan::{Desired, DiffClass, Selection, State, compile, diff};
use proptest::prelude::*;

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn nothing() -> NetworkMap {
    NetworkMap::new([])
}

/// Everything that a map says, by what it is about: a neighbor is who bears its key, whatever it is called.
fn entries(map: &NetworkMap) -> BTreeMap<(Facet, String), BTreeSet<String>> {
    let mut entries: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (facet, item) in Facet::ALL.into_iter().flat_map(|facet| map.items(facet).map(move |item| (facet, item))) {
        let (about, says) = match item {
            MapItem::Address(address) => (address.to_string(), String::new()),
            MapItem::Neighbor { key, keepalive, .. } => (key.to_string(), format!("{keepalive:?}")),
            MapItem::AllowedIp { prefix, of } => (format!("owner {prefix}"), of.to_string()),
            MapItem::Standby { prefix, rank, of } => (format!("standby {rank} {prefix}"), of.to_string()),
            MapItem::Accepted { prefix, of } => (format!("accepted {prefix} {of}"), String::new()),
            MapItem::Accept(rule) => (format!("{} {}", rule.from, rule.services), String::new()),
            MapItem::Forward(rule) => (format!("{} {} {}", rule.from, rule.to, rule.services), String::new()),
            MapItem::Masquerade(range) => (format!("masquerade {range}"), String::new()),
            MapItem::Route(prefix) => (prefix.to_string(), String::new()),
        };
        entries.entry((facet, about)).or_default().insert(says);
    }
    entries
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
        let keys: BTreeSet<_> = was.keys().chain(is.keys()).chain(should.keys()).collect();
        let class = |key: &&(Facet, String)| {
            let (was, is, should) = (was.get(key), is.get(key), should.get(key));
            let class = match (was, is, should) {
                _ if is == should => return None,
                (None, Some(_), None) => DiffClass::Foreign,
                (None, None, _) => DiffClass::Missing,
                _ if was != is => DiffClass::Drift,
                (_, _, None) => DiffClass::Extra,
                _ => DiffClass::Changed,
            };
            Some((key.0, class))
        };
        let mut expected: Vec<_> = keys.iter().filter_map(class).collect();
        let mut found: Vec<_> = listed.iter().map(|entry| (entry.facet, entry.class)).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    /// What an agent says of any machine that somebody altered is what a look at both maps says, entry by entry.
    #[test]
    fn i28_what_a_report_names_is_what_differs(world in world(), edits in edits(), which in any::<prop::sample::Index>()) {
        let first = common::joined(&world.intent());
        let mut last = first.clone();
        for (n, edit) in edits.into_iter().enumerate() {
            last = edited(&last, n, edit);
        }
        let peers: Vec<PeerId> = first.peers().map(|(id, _)| id).collect();
        let peer = peers[which.index(peers.len())];
        let desired = desired(&first);
        let Some(applied) = desired.map_for(peer) else { return Ok(()) };
        let running = compile(&last, &Selection::default()).map_for(peer).unwrap_or_else(nothing);
        let report = Report { generation: Generation::new(1), digests: running.digests().to_vec(), ..Report::default() };
        let report = report.with_altered(&applied, &running, |_, _| Duration::ZERO);
        prop_assume!(report.altered_overflow == 0);
        let now = Timestamp::from_millis(1_000_000);
        let mut observed = Observed::none().clone();
        observed.record(peer, Report::decode(&report.encode()).unwrap(), now).unwrap();
        let generations = BTreeMap::from([(peer, Generation::new(1))]);
        let drift = desired.beside(&observed, now).with_generations(&generations).drift(peer);
        let told = drift.iter().flat_map(nanami_plan::Drift::entries).map(|entry| entry.difference());
        let mut told: Vec<_> = told.map(|entry| (entry.facet, entry.class)).collect();
        let mut differ: Vec<_> = diff(&applied, &running, &applied).iter().map(|d| (d.facet, d.class)).collect();
        told.sort();
        differ.sort();
        prop_assert_eq!(told, differ);
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
