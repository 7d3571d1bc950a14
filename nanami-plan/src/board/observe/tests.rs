use nanami_model::{Intent, LinkReport, PrivateKey, Report, TakenOver};

use super::super::Posture;
use super::*;
use crate::{Desired, Selection, compile};

/// acme, every peer with a key.
fn joined() -> Desired {
    let acme = Intent::from_toml(include_str!("../../../../examples/acme.toml")).unwrap();
    let mut draft = acme.draft();
    for (n, (id, _)) in (1..).zip(acme.peers()) {
        draft.update(id, |peer| peer.with_key(PrivateKey::from_bytes([n; 32]).public()));
    }
    compile(&acme.apply(acme.owner(), &draft.into_changes()).unwrap(), &Selection::default())
}

fn peer(desired: &Desired, name: &str) -> PeerId {
    desired.intent().id(name).unwrap()
}

fn key(desired: &Desired, name: &str) -> PublicKey {
    desired.intent().get(peer(desired, name)).unwrap().key().unwrap()
}

fn tunnel(desired: &Desired, to: &str, seconds: u64) -> LinkReport {
    LinkReport {
        key: key(desired, to),
        endpoint: None,
        handshake_age: Some(Duration::from_secs(seconds)),
        handshakes: 1,
        rtt: Some(Duration::from_micros(3400)),
        probes: 0,
        answered: 0,
        received_bytes: 0,
        sent_bytes: 0,
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// What the board says of one link, when `reports` came at second 0 and everybody is in this state.
fn label(
    desired: &Desired,
    reports: Vec<(&str, Report)>,
    states: &[(&str, State)],
    now: u64,
    link: (&str, &str),
) -> String {
    let mut observed = Observed::none().clone();
    for (name, report) in reports {
        observed.record(peer(desired, name), report, at(0)).unwrap();
    }
    let mut board = Board::of(desired);
    for (name, state) in states {
        let posture = Posture { state: *state, desired: None, applied: None, age: None };
        board = board.with_posture(peer(desired, name), posture);
    }
    let board = board.beside(&observed, at(now));
    let strands = board.strands().drawn;
    let (from, to) = link;
    let labels: Vec<_> = strands.iter().map(|strand| board.strand_label(strand)).collect();
    labels.into_iter().find(|label| label.starts_with(&format!("{from} to {to},"))).unwrap()
}

const MATCHING: [(&str, State); 5] = [
    ("api-gateway", State::Matching),
    ("db-cluster", State::Matching),
    ("ci-runner", State::Matching),
    ("us-east", State::Matching),
    ("eu-west", State::Matching),
];
const API: (&str, &str) = ("api-gateway", "db-cluster");
const VPC: (&str, &str) = ("ci-runner", "vpc");

#[test]
fn either_end_of_a_tunnel_is_a_witness() {
    let desired = joined();
    for (who, other) in [("api-gateway", "db-cluster"), ("db-cluster", "api-gateway")] {
        let report = Report { links: vec![tunnel(&desired, other, 9)], ..Report::default() };
        let said = label(&desired, vec![(who, report)], &MATCHING, 2, API);
        assert_eq!(said, "api-gateway to db-cluster, tcp/5432, direct, matching, live: handshake 11 s ago, 3.4 ms");
    }
}

#[test]
fn no_report_an_old_report_and_an_old_handshake_are_not_live() {
    let desired = joined();
    let report = |age| Report { links: vec![tunnel(&desired, "db-cluster", age)], ..Report::default() };
    let not_live = "api-gateway to db-cluster, tcp/5432, direct, matching, not live";
    assert_eq!(label(&desired, vec![], &MATCHING, 0, API), not_live);
    assert_eq!(label(&desired, vec![("api-gateway", report(1))], &MATCHING, 91, API), not_live);
    assert_eq!(label(&desired, vec![("api-gateway", report(179))], &MATCHING, 1, API), not_live);
    assert!(label(&desired, vec![("api-gateway", report(178))], &MATCHING, 1, API).contains("live: handshake 179 s"));
}

#[test]
fn a_link_is_as_good_as_the_least_of_the_peers_on_its_way() {
    let desired = joined();
    for state in [State::Behind, State::Altered, State::Unknown, State::Planned] {
        let states: Vec<_> = MATCHING.into_iter().chain([("us-east", state)]).collect();
        let said = label(&desired, vec![], &states, 0, VPC);
        assert_eq!(said, format!("ci-runner to vpc, tcp/443, via us-east, standby eu-west, {state}, not live"));
    }
}

#[test]
fn a_standby_that_took_over_is_filled_while_the_outline_stays() {
    let desired = joined();
    let links = vec![tunnel(&desired, "eu-west", 4)];
    let taken_over = vec![TakenOver { prefix: "10.60.0.0/16".parse().unwrap(), by: key(&desired, "eu-west") }];
    let report = Report { links: links.clone(), taken_over, ..Report::default() };
    let states: Vec<_> = MATCHING.into_iter().chain([("us-east", State::Unknown)]).collect();
    let said = label(&desired, vec![("ci-runner", report)], &states, 1, VPC);
    assert_eq!(
        said,
        "ci-runner to vpc, tcp/443, via us-east, standby eu-west, matching, live by standby eu-west: handshake 5 s ago, 3.4 ms"
    );
    let report = Report { links, ..Report::default() };
    assert!(label(&desired, vec![("ci-runner", report)], &states, 1, VPC).ends_with("unknown, not live"));
}

#[test]
fn the_fill_of_a_standby_is_a_line_of_its_own() {
    let desired = joined();
    let way =
        desired.way(peer(&desired, "ci-runner"), desired.intent().id::<nanami_model::RouteId>("vpc").unwrap().into());
    let live = |by: usize| {
        let board = Board::of(&desired);
        let link = board.links.values().find(|link| link.via == way.gateways()).unwrap().clone();
        let svg = board.with_link(link.with_live_by(way.gateways()[by], "handshake 1 s ago")).to_svg();
        let line = svg.lines().find(|line| line.contains("<title>ci-runner to vpc")).unwrap().to_owned();
        let paths = |class: &str| -> Vec<String> {
            let start = format!("<path class=\"{class}\" d=\"");
            line.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        (paths("tube"), paths("live"))
    };
    let (outline, fill) = live(0);
    assert_eq!(outline, fill);
    let (same_outline, other_fill) = live(1);
    assert_eq!(same_outline, outline);
    assert_eq!(other_fill.len(), 2);
    assert!(other_fill.iter().all(|path| !outline.contains(path)));
}

#[test]
fn a_link_by_two_gateways_is_live_where_all_its_tunnels_are_and_the_first_says_by_which_standby() {
    let acme = joined();
    let ap_south = acme.intent().id("ap-south").unwrap();
    let mut draft = acme.intent().draft();
    draft.update(peer(&acme, "ci-runner"), |peer| peer.with_mode(nanami_model::Mode::Limited { gateway: ap_south }));
    // A plain device stands behind a gateway of one of its networks.
    let prod = acme.intent().id("prod").unwrap();
    draft.update(peer(&acme, "ci-runner"), |peer| peer.with_networks([prod]));
    let intent = acme.intent().apply(acme.intent().owner(), &draft.into_changes()).unwrap();
    let desired = compile(&intent, acme.selection());
    let from = |name: &str, to: &[&str]| {
        let links = to.iter().map(|to| tunnel(&desired, to, 4)).collect();
        (name.to_owned(), Report { links, ..Report::default() })
    };
    let said = |reports: Vec<(String, Report)>| {
        let reports = reports.iter().map(|(name, report)| (name.as_str(), report.clone())).collect();
        let states: Vec<_> = MATCHING.into_iter().chain([("ap-south", State::Matching)]).collect();
        label(&desired, reports, &states, 1, VPC)
    };
    let way = "ci-runner to vpc, tcp/443, via ap-south then us-east, standby eu-west, matching";
    assert_eq!(said(vec![from("ap-south", &["us-east"])]), format!("{way}, not live"));
    let both = vec![from("ap-south", &["us-east", "ci-runner"])];
    assert_eq!(said(both), format!("{way}, live: handshake 5 s ago, 6.8 ms"));
    let (name, mut report) = from("ap-south", &["eu-west", "ci-runner"]);
    let prefix = "10.60.0.0/16".parse().unwrap();
    report.taken_over = vec![TakenOver { prefix, by: key(&desired, "eu-west") }];
    assert_eq!(said(vec![(name, report)]), format!("{way}, live by standby eu-west: handshake 5 s ago, 6.8 ms"));
}
