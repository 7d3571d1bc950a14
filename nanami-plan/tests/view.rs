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
    let tampered = tampered.with_forward(rule);
    let map = desired.map_for(peer(&desired, "eu-west")).unwrap();
    altered.digests = tampered.digests().to_vec();
    altered.applied_age = Some(Duration::from_secs(780));
    let mut altered = altered.with_altered(&map, &tampered, |_, _| Duration::from_secs(90));
    altered.altered_overflow = 3;
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
    let entries: Vec<_> = drift[0].entries().iter().map(ToString::to_string).collect();
    let when = "by somebody at 18:33 UTC (applied at 18:21 UTC)";
    assert_eq!(entries, [format!("forward 0.0.0.0/0 -> 0.0.0.0/0 any was added {when}")]);
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

#[test]
fn what_somebody_altered_is_named_entry_by_entry() {
    let desired = desired();
    let acme = desired.intent();
    let (us_east, ci) = (peer(&desired, "us-east"), acme.id::<PeerId>("ci-runner").unwrap());
    let map = desired.map_for(us_east).unwrap();
    let ci_key = acme.get(ci).unwrap().key().unwrap();
    // Somebody takes the runner's prefixes away, gives themselves a tunnel, and closes the forward filter.
    let stranger = nanami_model::PrivateKey::from_bytes([99; 32]).public();
    let mut tampered = nanami_model::NetworkMap::new(map.addresses().iter().copied());
    for neighbor in map.neighbors().iter().filter(|neighbor| neighbor.key() != ci_key) {
        tampered = tampered.with_neighbor(neighbor.clone());
    }
    let own = map.neighbor(&ci_key).unwrap();
    let bare = nanami_model::Neighbor::new(ci_key, []).with_identity(ci, own.name().unwrap().clone());
    let bare = own.keepalive().into_iter().fold(bare, nanami_model::Neighbor::with_keepalive);
    let tampered = tampered
        .with_neighbor(bare)
        .with_neighbor(nanami_model::Neighbor::new(stranger, ["192.0.2.0/24".parse().unwrap()]))
        .with_filter(map.filter().clone())
        .with_routes(map.routes().iter().copied());
    let report = Report {
        generation: Generation::new(31),
        digests: tampered.digests().to_vec(),
        applied_age: Some(Duration::from_secs(86_400)),
        ..Report::default()
    };
    let age = |how, _: &nanami_model::MapItem| {
        Duration::from_secs(if how == nanami_model::Alteration::Removed { 60 } else { 600 })
    };
    let mut observed = Observed::none().clone();
    observed.record(us_east, report.with_altered(&map, &tampered, age), NOW).unwrap();
    let generations = BTreeMap::from([(us_east, Generation::new(31))]);
    let view = desired.beside(&observed, NOW).with_generations(&generations);
    let status = view.status(us_east).unwrap();
    let said: Vec<_> = status.drift().iter().map(ToString::to_string).collect();
    golden("drift_entries", &said.join("\n").replace("; ", "\n").replace(&stranger.to_string(), "STRANGER"));
    let json: serde_json::Value = serde_json::to_value(view.overview()).unwrap();
    let peers = json["peers"]["first"].as_array().unwrap();
    let entries = &peers.iter().find(|peer| peer["name"] == "us-east").unwrap()["entries"];
    let how = |how: &str| entries["first"].as_array().unwrap().iter().filter(|entry| entry["how"] == how).count();
    assert_eq!(entries["count"].as_u64().unwrap() as usize, how("missing") + how("foreign"));
    assert_eq!(how("foreign"), 2, "a tunnel and its prefix");

    // A plan from there says the same, and its id is the one that it has without.
    let next = desired.intent().clone();
    let base = nanami_plan::Base::settled(&desired);
    let plan = |observed: &Observed| nanami_plan::plan(&base, &compile(&next, &Selection::default()), observed, NOW);
    let (seen, blind) = (plan(&observed), plan(Observed::none()));
    assert_eq!((seen.id(), blind.drift().len()), (blind.id(), 0));
    let text = seen.to_string();
    assert!(text.starts_with("Nothing to do") && text.contains("Altered       us-east: tunnel to "), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.ends_with("; and 4 more there"), "{text}");
    assert_eq!(format!("{seen:#}").matches("Altered ").count(), 5, "{seen:#}");
    let json: serde_json::Value = serde_json::to_value(&seen).unwrap();
    assert_eq!(json["altered"]["count"], entries["count"]);
    // After the lease nobody believes it.
    let late = NOW.after(Observed::LEASE);
    assert!(nanami_plan::plan(&base, &desired, &observed, late).drift().is_empty());
}

#[test]
fn what_a_report_says_against_the_map_is_no_drift() {
    let desired = desired();
    let us_east = peer(&desired, "us-east");
    let map = desired.map_for(us_east).unwrap();
    let alteration = |how, item| nanami_model::Altered { how, item, age: Duration::ZERO };
    let wanted = map.items(Facet::Cryptokey).next().unwrap();
    let mut report = report_of(&desired, "us-east", 31);
    report.digests[Facet::Cryptokey as usize] = nanami_model::Digest::EMPTY;
    report.altered = vec![
        alteration(nanami_model::Alteration::Added, wanted),
        alteration(nanami_model::Alteration::Removed, nanami_model::MapItem::Route("192.0.2.0/24".parse().unwrap())),
    ];
    let mut observed = Observed::none().clone();
    observed.record(us_east, report, NOW).unwrap();
    let generations = BTreeMap::from([(us_east, Generation::new(31))]);
    let drift = desired.beside(&observed, NOW).with_generations(&generations).drift(us_east);
    assert_eq!((drift.len(), drift[0].facet(), drift[0].entries().len()), (1, Facet::Cryptokey, 0));
    assert_eq!(drift[0].to_string(), "us-east: cryptokey routes changed on the machine");
}
