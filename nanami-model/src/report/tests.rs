use super::*;
use crate::{
    AcceptRule, Facet, Filter, ForwardRule, MapItem, Neighbor, Os, PeerId, PolicyId, PrivateKey, PublicKey, Service,
    Version, name,
};

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

fn altered_map() -> (NetworkMap, NetworkMap) {
    let cidr = |text: &str| text.parse().unwrap();
    let identity = |n: Neighbor| n.with_identity(PeerId::from_bytes([1; 10]), name!("gate"));
    let gate = |ips: &[&str]| identity(Neighbor::new(key(1), ips.iter().map(|ip| cidr(ip))));
    let applied = NetworkMap::new(["10.42.0.1".parse().unwrap(), "fd42::1".parse().unwrap()])
        .with_neighbor(gate(&["10.42.0.2/32", "10.60.0.0/16"]).with_accepted([cidr("10.42.0.9/32")]))
        .with_filter(Filter::deny_all().accept(cidr("10.42.0.2/32"), Service::tcp(443)))
        .with_routes([cidr("10.60.0.0/16")]);
    let rule = ForwardRule {
        from: cidr("fd42::2/128"),
        to: cidr("fd60::/48"),
        services: Service::ANY.into(),
        policy: Some(PolicyId::from_bytes([3; 10])),
    };
    let running = NetworkMap::new(["10.42.0.1".parse().unwrap()])
        .with_neighbor(gate(&["10.42.0.2/32"]).with_keepalive(Duration::from_secs(25)))
        .with_neighbor(Neighbor::new(key(2), [cidr("10.60.0.0/16")]).with_standby(cidr("10.61.0.0/16"), 2))
        .with_forward(rule)
        .with_masquerade([cidr("fd60::/48")]);
    (applied, running)
}

#[test]
fn what_was_altered_is_listed_item_by_item_and_round_trips() {
    let (applied, running) = altered_map();
    let age = |how, _: &MapItem| Duration::from_millis(if how == Alteration::Added { 7 } else { 1500 });
    let report = Report { applied_age: Some(Duration::from_secs(780)), ..Report::default() };
    let report = report.with_altered(&applied, &running, age);
    let count = |how| report.altered.iter().filter(|altered| altered.how == how).count();
    // An address, the old gate, two prefixes of it, a rule and a route went; the new gate, another with two prefixes, a rule, a
    // masqueraded range came.
    assert_eq!((count(Alteration::Removed), count(Alteration::Added), report.altered_overflow), (6, 6, 0));
    assert_eq!(Report::decode(&report.encode()), Ok(report.clone()));
    let same = report.with_altered(&applied, &applied, age);
    assert_eq!((same.altered, same.altered_overflow), (vec![], 0));
}

#[test]
fn a_facet_has_the_same_items_exactly_if_it_has_the_same_digest() {
    let (one, other) = altered_map();
    for facet in Facet::ALL {
        let all = |map: &NetworkMap| map.items(facet).collect::<BTreeSet<_>>();
        assert_eq!(all(&one) == all(&other), one.digest(facet) == other.digest(facet), "{facet}");
        assert!(one.items(facet).chain(other.items(facet)).all(|item| item.facet() == facet));
    }
}

#[test]
fn what_does_not_fit_the_list_of_alterations_is_counted_and_longer_lists_are_refused() {
    let many = NetworkMap::new((0..100).map(|n| std::net::IpAddr::from([10, 42, 0, n])));
    let report = Report::default().with_altered(&NetworkMap::new([]), &many, |_, _| Duration::ZERO);
    assert_eq!((report.altered.len(), report.altered_overflow), (Report::MAX_ALTERED, 68));
    assert_eq!(Report::decode(&report.encode()), Ok(report.clone()));
    let mut hostile = report;
    hostile.altered.push(hostile.altered[0].clone());
    assert!(Report::decode(&hostile.encode()).is_err());
    // A rule of more services than are listed is one of those that are counted, on both ends.
    let services = (1..200).step_by(2).map(Service::tcp).collect::<Vec<_>>().try_into().unwrap();
    let rule = AcceptRule { from: "10.42.0.2/32".parse().unwrap(), services, policy: None };
    let wide = NetworkMap::new([]).with_filter(Filter::deny_all().with_rule(rule.clone()));
    let report = Report::default().with_altered(&NetworkMap::new([]), &wide, |_, _| Duration::ZERO);
    assert_eq!((report.altered.len(), report.altered_overflow), (0, 1));
    let item = Altered { how: Alteration::Added, item: MapItem::Accept(rule), age: Duration::ZERO };
    assert!(Report::decode(&Report { altered: vec![item], ..Report::default() }.encode()).is_err());
}

#[test]
fn an_altered_item_of_a_kind_that_is_not_known_here_is_passed_over() {
    let mut bytes = Report::default().encode();
    // An alteration (14) of kind 99, which is empty.
    bytes.extend([14, 0, 0, 0, 5, 99, 0, 0, 0, 0]);
    assert_eq!(Report::decode(&bytes), Ok(Report::default()));
    // A route (8) without its prefix.
    bytes.extend([14, 0, 0, 0, 5, 8, 0, 0, 0, 0]);
    assert!(Report::decode(&bytes).is_err());
}

#[test]
fn what_a_machine_is_attached_to_is_told_and_bounded() {
    let on_link = (0..32).map(|n| Cidr::new([10, 60, n, 0].into(), 24).unwrap()).collect::<Vec<_>>();
    let report = Report { on_link, ..Report::default() };
    assert_eq!(Report::decode(&report.encode()), Ok(report.clone()));
    let mut hostile = report;
    hostile.on_link.push(Cidr::ALL_V6);
    assert!(Report::decode(&hostile.encode()).is_err());
}
