use super::*;
use crate::{Neighbor, Os, PeerId, PolicyId, PrivateKey, PublicKey, Version};

fn key(n: u8) -> PublicKey {
    PrivateKey::from_bytes([n; 32]).public()
}

fn link(n: u8, probes: u64, answered: u64) -> LinkReport {
    LinkReport {
        key: key(n),
        endpoint: None,
        handshake_age: None,
        handshakes: 0,
        rtt: None,
        probes,
        answered,
        received_bytes: 0,
        sent_bytes: 0,
    }
}

#[test]
fn facts_probes_and_overflow_round_trip() {
    let facts = Facts::unknown().with_os(Os::Linux).with_os_version(Version::new(6, 12, 1));
    let facts = facts.with_agent_version(Version::new(0, 1, 0));
    let report = Report { facts, usage_overflow: 9, links: vec![link(1, 20, 19)], ..Report::default() };
    assert_eq!(Report::decode(&report.encode()), Ok(report));
    let hostile = Report { links: vec![link(1, 0, 19)], ..Report::default() };
    assert_eq!(Report::decode(&hostile.encode()), Ok(hostile), "answers to nothing are told too");
}

#[test]
fn a_fact_in_words_that_are_not_known_is_unknown() {
    let mut bytes = Report::default().encode();
    // Facts (11) that are a system (1) called `zos` and a version (2) that is none.
    bytes.extend([11, 0, 0, 0, 16, 1, 0, 0, 0, 3, b'z', b'o', b's', 2, 0, 0, 0, 3, b'x', b'.', b'y']);
    assert_eq!(Report::decode(&bytes), Ok(Report::default()));
}

#[test]
fn loss_is_a_share_of_what_was_asked() {
    let loss = |probes, answered| link(1, probes, answered).loss_percent();
    assert_eq!((loss(0, 0), loss(10, 10), loss(10, 9), loss(3, 0)), (None, Some(0), Some(10), Some(100)));
    assert_eq!((loss(1, 9), loss(u64::MAX, 0)), (Some(0), Some(100)), "hostile counters are counters");
}

#[test]
fn sec_32_a_report_is_cut_to_what_its_peer_s_map_names() {
    let usage = Usage {
        policy: PolicyId::from_bytes([1; 10]),
        from: Some(PeerId::from_bytes([2; 10])),
        open: 1,
        opened: 1,
        last_use_age: Duration::ZERO,
    };
    let over = |by, prefix: &str| TakenOver { prefix: prefix.parse().unwrap(), by: key(by) };
    let mut report = Report {
        links: (1..200).map(|n| link(n % 5, n.into(), 0)).collect(),
        taken_over: vec![over(1, "10.60.0.0/16"), over(2, "10.60.0.0/16"), over(4, "10.61.0.0/16")],
        usage: vec![usage, Usage { open: 7, ..usage }],
        ..Report::default()
    };
    report.keep_neighbors(&NetworkMap::new([]).with_neighbors([1, 2].map(|n| Neighbor::new(key(n), []))));
    assert_eq!(report.links, [link(1, 1, 0), link(2, 2, 0)], "one word about each neighbor, the first");
    assert_eq!(report.taken_over, [over(1, "10.60.0.0/16")], "of two carriers the first, and no stranger");
    assert_eq!(report.usage, [usage]);
}
