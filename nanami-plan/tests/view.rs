//! Desired beside observed: the six states, and the texts of status and reach.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/golden.rs"]
mod golden;
#[path = "common/observed.rs"]
mod observed;

use std::collections::BTreeMap;
use std::time::Duration;

use golden::{assert_page, golden};
use nanami_model::{Destination, Facet, Filter, Generation, Observed, PeerId, Report, RouteId, TakenOver};
use nanami_plan::{Desired, Selection, State, Who, compile};
use observed::{NOW, report_of, usage};

fn desired() -> Desired {
    compile(&common::joined(&common::acme()), &Selection::default())
}

fn peer(desired: &Desired, name: &str) -> PeerId {
    desired.intent().id(name).unwrap()
}

#[test]
fn before_anything_runs_everything_is_planned() {
    for acme in [common::acme(), common::joined(&common::acme())] {
        let desired = compile(&acme, &Selection::default());
        let overview = desired.beside(Observed::none(), NOW).overview();
        assert_eq!(overview.count(State::Planned), 8);
        assert_page(&overview.to_string());
    }
    let desired = compile(&common::acme(), &Selection::default());
    golden("status_planned", &desired.beside(Observed::none(), NOW).overview().to_string());
}

#[test]
fn each_of_the_six_states_has_its_cause() {
    let desired = desired();
    let mut observed = Observed::none().clone();
    let mut record = |name: &str, report: Report, age: u64| {
        let at = nanami_model::Timestamp::from_millis(NOW.as_millis() - age * 1000);
        observed.record(peer(&desired, name), report, at).unwrap();
    };
    record("us-east", report_of(&desired, "us-east", 31), 2);
    record("ap-south", report_of(&desired, "ap-south", 11), 1);
    record("k8s-ingress", report_of(&desired, "k8s-ingress", 7), 120);
    let mut altered = report_of(&desired, "eu-west", 27);
    let tampered = desired.map_for(peer(&desired, "eu-west")).unwrap().with_filter(Filter::deny_all());
    let rule = nanami_model::ForwardRule {
        from: nanami_model::Cidr::ALL_V4,
        to: nanami_model::Cidr::ALL_V4,
        services: nanami_model::Service::ANY.into(),
        policy: None,
    };
    altered.digests = tampered.with_forward(rule).digests().to_vec();
    record("eu-west", altered, 4);
    let mut ci = report_of(&desired, "ci-runner", 5);
    ci.links[1].handshake_age = Some(Duration::from_secs(400));
    let eu_west = desired.intent().get(peer(&desired, "eu-west")).unwrap().key().unwrap();
    ci.taken_over = vec![TakenOver { prefix: "10.60.0.0/16".parse().unwrap(), by: eu_west }];
    record("ci-runner", ci, 3);
    let stranger = PeerId::from_bytes([7; 10]);
    observed.record(stranger, Report::default(), NOW).unwrap();
    let mut generations: BTreeMap<_, _> =
        desired.intent().peers().filter_map(|(id, _)| Some((id, observed.last(id)?.report.generation))).collect();
    generations.insert(peer(&desired, "ap-south"), Generation::new(12));

    let view = desired.beside(&observed, NOW).with_generations(&generations);
    let state = |name: &str| view.status(peer(&desired, name)).unwrap().state();
    assert_eq!(state("us-east"), State::Matching);
    assert_eq!(state("ci-runner"), State::Matching, "a standby that carries is no drift");
    assert_eq!(state("ap-south"), State::Behind);
    assert_eq!(state("eu-west"), State::Altered);
    assert_eq!(state("k8s-ingress"), State::Unknown);
    assert_eq!(state("db-cluster"), State::Planned);
    assert_eq!(view.status(stranger).unwrap().state(), State::Foreign);
    assert!(view.status(PeerId::from_bytes([8; 10])).is_none());
    let drift = view.drift(peer(&desired, "eu-west"));
    assert!(drift.iter().all(|drift| drift.since() == Duration::from_secs(4)), "{drift:?}");
    let facets: Vec<_> = view.drift(peer(&desired, "eu-west")).iter().map(nanami_plan::Drift::facet).collect();
    assert_eq!(facets, [Facet::Forward]);
    assert_eq!(view.status(peer(&desired, "ci-runner")).unwrap().links(), Some((2, 3)));

    let text = view.overview().to_string();
    assert_page(&text);
    golden("status_states", &text);
}

#[test]
fn reach_says_who_gets_where_how_and_whether_it_is_used() {
    let desired = desired();
    let acme = desired.intent();
    let mut observed = Observed::none().clone();
    let mut report = report_of(&desired, "db-cluster", 3);
    report.usage = vec![usage(acme, "api-to-db", "api-gateway", 1, 2)];
    observed.record(peer(&desired, "db-cluster"), report, NOW).unwrap();
    let view = desired.beside(&observed, NOW);
    let to_db = view.reach(&Who::To(peer(&desired, "db-cluster").into()));
    assert_page(&to_db.to_string());
    golden("reach_to", &to_db.to_string());
    let vpc = acme.id::<RouteId>("vpc").unwrap();
    assert_eq!(view.reach(&Who::To(Destination::Route(vpc))).passages().len(), 1);
    golden("reach_from", &view.reach(&Who::From(peer(&desired, "ci-runner"))).to_string());
    let lead = acme.id("platform-lead").unwrap();
    let of_lead: Vec<_> = view.reach(&Who::User(lead)).passages().map(|(p, _)| p.from).collect();
    assert_eq!(of_lead.len(), 3, "api-gateway and edge-router are platform's");
}

#[test]
fn the_board_of_a_view_shows_each_state_and_what_explain_says() {
    let desired = desired();
    let mut observed = Observed::none().clone();
    observed.record(peer(&desired, "db-cluster"), report_of(&desired, "db-cluster", 3), NOW).unwrap();
    observed.record(peer(&desired, "api-gateway"), report_of(&desired, "api-gateway", 3), NOW).unwrap();
    let view = desired.beside(&observed, NOW);
    let flow = desired.intent().flow("api-gateway", "db-cluster", "tcp/5432".parse().unwrap()).unwrap();
    let page = view.board().to_html();
    let because = "Because   policy api-to-db";
    assert!(view.explain(&flow).to_string().contains(because) && page.contains(because));
    assert!(page.contains("data-status=\"matching\"") && page.contains("data-status=\"planned\""));
}
