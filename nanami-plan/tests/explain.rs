//! Explanations: their texts, that they agree with what is allowed, and that every fix does what it says (PLANNING.md I25).
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/golden.rs"]
mod golden;
#[path = "common/observed.rs"]
mod observed;

use std::collections::{BTreeMap, BTreeSet};

use common::world;
use golden::{assert_columns, assert_page, golden};
use nanami_model::TakenOver;
use nanami_model::{
    ChangeSet, Destination, Flow, GatewayId, Group, GroupId, Intent, NetworkId, Observed, PeerId, Policy, PolicyId,
    Protocol, Service, Timestamp, name,
};
use nanami_plan::{Desired, Explanation, Selection, Why, WhyNot, compile};
use observed::{NOW, attempt, report_of, usage};
use proptest::prelude::*;

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn service(text: &str) -> Service {
    text.parse().unwrap()
}

fn denied(intent: &Intent, from: &str, to: &str, text: &str) -> WhyNot {
    let flow = intent.flow(from, to, service(text)).unwrap();
    match desired(intent).beside(Observed::none(), NOW).explain(&flow) {
        Explanation::Denied(why_not) => why_not,
        Explanation::Allowed(why) => panic!("{why}"),
    }
}

fn allowed(intent: &Intent, from: &str, to: &str, text: &str) -> Why {
    let flow = intent.flow(from, to, service(text)).unwrap();
    match desired(intent).beside(Observed::none(), NOW).explain(&flow) {
        Explanation::Allowed(why) => why,
        Explanation::Denied(why_not) => panic!("{why_not}"),
    }
}

fn blockers(why_not: &WhyNot) -> Vec<String> {
    why_not.blockers().map(ToString::to_string).collect()
}

#[test]
fn a_denial_names_its_cause_and_the_smallest_fix_first() {
    let acme = common::acme();
    let why_not = denied(&acme, "ci-runner", "db-cluster", "tcp/5432");
    assert_page(&why_not.to_string());
    golden("explain_denied", &why_not.to_string());
    assert_eq!(blockers(&why_not), ["policy: none of 5 matches; closest is api-to-db, for api-gateway only"]);
    assert_eq!(why_not.fixes()[0].others(), 0);
    let rejected: Vec<_> = why_not.rejected().iter().flat_map(|fix| fix.breaks().to_vec()).collect();
    assert_eq!(rejected, [name!("db-via-gateway")]);
}

#[test]
fn the_first_fix_is_a_piece_of_document_that_opens_the_flow() {
    let text = include_str!("../../examples/acme.toml");
    let why_not = denied(&common::acme(), "ci-runner", "db-cluster", "tcp/5432");
    let document = why_not.fixes()[0].document().unwrap();
    let fixed = Intent::from_toml(&format!("{text}\n{document}\n")).unwrap();
    let why = allowed(&fixed, "ci-runner", "db-cluster", "tcp/5432");
    assert!(!why.way().is_direct());
    assert!(desired(&fixed).check_assertions(&[]).is_ok());
}

#[test]
fn an_attempt_that_was_seen_is_evidence_and_so_is_its_absence() {
    let acme = common::joined(&common::acme());
    let desired = desired(&acme);
    let flow = acme.flow("ci-runner", "k8s-ingress", service("tcp/22")).unwrap();
    let mut observed = Observed::none().clone();
    let text = |observed: &Observed| match desired.beside(observed, NOW).explain(&flow) {
        Explanation::Denied(why_not) => why_not.chain().last().unwrap().text().to_owned(),
        Explanation::Allowed(why) => panic!("{why}"),
    };
    assert_eq!(text(&observed), "unknown: no report of k8s-ingress");
    let mut report = report_of(&desired, "k8s-ingress", 9);
    observed.record(acme.id("k8s-ingress").unwrap(), report.clone(), NOW).unwrap();
    assert_eq!(text(&observed), "agrees: no attempt was seen at k8s-ingress");
    report.attempts = vec![attempt(&acme, "ci-runner", "k8s-ingress", "tcp/22", 14, 38)];
    observed.record(acme.id("k8s-ingress").unwrap(), report, NOW).unwrap();
    assert_eq!(text(&observed), "agrees: 14 attempts refused at k8s-ingress, latest 38 s ago");
    assert_eq!(text(&Observed::none().clone()), "unknown: no report of k8s-ingress");
}

#[test]
fn what_passes_shows_its_hops_with_what_they_report() {
    let acme = common::joined(&common::acme());
    let via = ["us-east", "eu-west"].map(|n| acme.id::<GatewayId>(n).unwrap());
    let (ci, db) = (acme.id::<PeerId>("ci-runner").unwrap(), acme.id::<PeerId>("db-cluster").unwrap());
    let policy = Policy::allow(name!("ci-reads-db"), ci, db, Service::tcp(5432)).with_via(via);
    let acme = common::with_policy(&acme, policy.with_reason("nightly schema check"));
    let desired = desired(&acme);
    let mut observed = Observed::none().clone();
    for (peer, generation) in [("ci-runner", 18), ("us-east", 31), ("db-cluster", 9)] {
        let mut report = report_of(&desired, peer, generation);
        if peer == "us-east" {
            report.usage = vec![usage(&acme, "ci-reads-db", "ci-runner", 0, 38)];
        }
        observed.record(acme.id(peer).unwrap(), report, NOW).unwrap();
    }
    let generations: BTreeMap<_, _> = observed.iter().map(|(id, sighting)| (id, sighting.report.generation)).collect();
    let view = desired.beside(&observed, NOW).with_generations(&generations);
    let flow = acme.flow("ci-runner", "db-cluster", service("tcp/5432")).unwrap();
    let explanation = view.explain(&flow);
    assert_page(&explanation.to_string());
    golden("explain_allowed", &explanation.to_string());
    let flow = acme.flow("ci-runner", "10.60.3.4", service("tcp/443")).unwrap();
    golden("explain_route", &view.explain(&flow).to_string());

    let mut report = report_of(&desired, "ci-runner", 18);
    let by = acme.get(acme.id::<PeerId>("eu-west").unwrap()).unwrap().key().unwrap();
    report.taken_over = vec![TakenOver { prefix: "10.60.0.0/16".parse().unwrap(), by }];
    let mut failed_over = observed.clone();
    failed_over.record(ci, report, NOW).unwrap();
    let view = desired.beside(&failed_over, NOW).with_generations(&generations);
    let Explanation::Allowed(why) = view.explain(&flow) else { panic!("it is allowed") };
    assert_eq!(why.carrying(), Some(via[1]));
    golden("explain_standby", &why.to_string());
}

#[test]
fn every_blocker_is_named_and_a_fix_deals_with_all_of_them() {
    let acme = common::acme();
    let (build, prod) = (acme.id::<NetworkId>("build").unwrap(), acme.id::<NetworkId>("prod").unwrap());
    let no_ssh = Policy::deny(name!("no-ssh"), build, prod, service("tcp/22")).with_reason("use the bastion");
    let acme = common::with_policy(&acme, no_ssh);
    let why_not = denied(&acme, "ci-runner", "k8s-ingress", "tcp/22");
    assert_page(&why_not.to_string());
    golden("explain_two_blockers", &why_not.to_string());
    assert_eq!(
        blockers(&why_not),
        [
            "policy: none of 5 matches; closest is ci-deploys, tcp/6443 only",
            "deny: no-ssh denies tcp/22 \"use the bastion\"",
        ]
    );
    assert!(!why_not.fixes().is_empty());
}

#[test]
fn a_policy_that_lacks_a_part_says_which_part() {
    let why_not = denied(&common::acme(), "ci-runner", "k8s-ingress", "tcp/6440-6450");
    assert_eq!(
        blockers(&why_not),
        ["policy: none of 5 allows tcp/6440-6442, tcp/6444-6450; closest is ci-deploys, tcp/6443 only"]
    );
    let text = why_not.to_string();
    assert!(text.contains("Because   no policy allows all of it"), "{text}");
}

#[test]
fn a_membership_is_a_fix_too_and_comes_after_what_opens_less() {
    let acme = common::acme();
    let mut draft = acme.draft();
    let readers = draft.add(Group::new(name!("readers")));
    let (db, api) = (acme.id::<PeerId>("db-cluster").unwrap(), acme.id::<PeerId>("api-gateway").unwrap());
    draft.add(Policy::allow(name!("read"), readers, db, Service::tcp(5432)));
    draft.add(Policy::allow(name!("scrape"), readers, api, Service::tcp(9100)));
    let acme = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let why_not = denied(&acme, "edge-router", "db-cluster", "tcp/5432");
    let others: Vec<_> = why_not.fixes().iter().map(|fix| fix.others()).collect();
    assert!(others.is_sorted() && others.contains(&1), "{why_not:#}");
    let joins = why_not.fixes().iter().find(|fix| fix.others() == 1).unwrap();
    let next = acme.apply(acme.owner(), joins.changes()).unwrap();
    assert!(next.is_member(acme.id("edge-router").unwrap(), acme.id::<GroupId>("readers").unwrap().into()));
}

#[test]
fn nothing_is_suggested_where_no_policy_could_help() {
    let acme = common::acme();
    let itself = denied(&acme, "ci-runner", "ci-runner", "tcp/1");
    assert_eq!(blockers(&itself), ["workspace: ci-runner reaches itself without a tunnel"]);
    let nobody = denied(&acme, "ci-runner", "10.42.99.99", "tcp/1");
    assert_eq!(blockers(&nobody), ["workspace: 10.42.99.99 is no peer's address and behind no route"]);
    let own = denied(&acme, "us-east", "vpc", "tcp/443");
    assert_eq!(blockers(&own), ["workspace: vpc is behind us-east itself"]);
    for why_not in [itself, nobody, own] {
        assert!(why_not.fixes().is_empty() && why_not.rejected().is_empty());
        assert_page(&why_not.to_string());
    }
}

/// The policies that an explanation names as what allows the flow.
fn cited(intent: &Intent, why: &Why) -> BTreeSet<PolicyId> {
    let policy = why.chain().iter().find(|ground| ground.topic() == "policy").unwrap();
    policy.text().split(", ").map(|name| intent.id(name).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn i25_the_verdict_is_access_and_each_fix_opens_the_flow(world in world()) {
        let intent = world.intent();
        let desired = desired(&intent);
        let view = desired.beside(Observed::none(), Timestamp::from_millis(0));
        let peers: Vec<PeerId> = intent.peers().map(|(id, _)| id).take(4).collect();
        let routes = intent.routes().map(|(id, _)| Destination::Route(id)).take(1);
        let targets: Vec<Destination> = peers.iter().copied().map(Destination::Peer).chain(routes).collect();
        for from in peers {
            for to in targets.clone() {
                let flow = Flow { from, to, service: Service::tcp(443) };
                let is_allowed = desired.access().allows(from, to, Protocol::Tcp, 443).is_some();
                let explanation = view.explain(&flow);
                let text = explanation.to_string();
                prop_assert!(text.lines().count() <= 24, "{}", text);
                assert_columns(&format!("{explanation:#}"));
                match explanation {
                    Explanation::Allowed(why) => {
                        prop_assert!(is_allowed);
                        prop_assert!(why.chain().iter().all(nanami_plan::Ground::holds));
                        // Without the policies that it cites nothing is left of it, and without any other one all of it.
                        let cited: BTreeSet<PolicyId> = cited(&intent, &why);
                        let without = |all: &dyn Fn(PolicyId) -> bool| {
                            let mut draft = intent.draft();
                            intent.policies().map(|(id, _)| id).filter(|id| all(*id)).for_each(|id| draft.remove(id));
                            let next = intent.apply(intent.owner(), &draft.into_changes()).unwrap();
                            compile(&next, &Selection::default()).access().allows(from, to, Protocol::Tcp, 443).is_some()
                        };
                        prop_assert!(!cited.is_empty() && !without(&|id| cited.contains(&id)), "{}", text);
                        prop_assert!(without(&|id| !cited.contains(&id)), "{}", text);
                        for one in &cited {
                            prop_assert!(without(&|id| id != *one && cited.contains(&id)), "{} does not allow it: {}", one, text);
                        }
                    }
                    Explanation::Denied(why_not) => {
                        prop_assert!(!is_allowed);
                        prop_assert!(why_not.blockers().count() > 0);
                        for fix in why_not.fixes().iter().chain(why_not.rejected()) {
                            let next = intent.apply(intent.owner(), fix.changes()).unwrap();
                            let fixed = compile(&next, &Selection::default());
                            prop_assert!(fixed.access().allows(from, to, Protocol::Tcp, 443).is_some(), "{}", text);
                            prop_assert!(!fixed.way(from, to).is_nowhere());
                            // Each of its changes is needed.
                            let all: Vec<_> = fix.changes().iter().cloned().collect();
                            for left_out in 0..all.len() {
                                let part = all.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, change)| change.clone());
                                let part: ChangeSet = part.collect();
                                let Ok(next) = intent.apply(intent.owner(), &part) else { continue };
                                let fixed = compile(&next, &Selection::default());
                                prop_assert!(fixed.access().allows(from, to, Protocol::Tcp, 443).is_none(), "{}", text);
                            }
                        }
                        let others: Vec<_> = why_not.fixes().iter().map(|fix| fix.others()).collect();
                        prop_assert!(others.is_sorted(), "{}", text);
                        for fix in why_not.fixes() {
                            prop_assert!(fix.breaks().is_empty());
                        }
                    }
                }
            }
        }
    }
}
