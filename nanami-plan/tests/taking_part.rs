//! Who is suspended or expired, what rests, and what a policy's conditions do not cover: nothing of it flows, in no map.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use nanami_model::{
    Condition, Facts, Flow, Intent, Lifecycle, NetworkId, Observed, Os, Peer, PeerId, PolicyId, Protocol, Service,
    Standing, Timestamp,
};
use nanami_plan::{Desired, Explanation, Selection, compile};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn changed(acme: &Intent, change: impl FnOnce(&mut nanami_model::Draft)) -> Desired {
    let mut draft = acme.draft();
    change(&mut draft);
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let desired = compile(&next, &Selection::default());
    assert!(desired.check().is_ok(), "{:?}", desired.check());
    desired
}

fn allowed(desired: &Desired, flow: &Flow) -> bool {
    matches!(desired.beside(Observed::none(), NOW).explain(flow), Explanation::Allowed(_))
}

fn api_to_db(acme: &Intent) -> (PeerId, PeerId, Flow) {
    let flow = acme.flow("api-gateway", "db-cluster", Service::tcp(5432)).unwrap();
    (acme.id("api-gateway").unwrap(), acme.id("db-cluster").unwrap(), flow)
}

#[test]
fn a_suspended_or_expired_peer_is_in_nobodys_map_and_reaches_nothing() {
    let acme = common::joined(&common::acme());
    let (api, db, flow) = api_to_db(&acme);
    for standing in [Standing::Suspended, Standing::Expired] {
        let desired = changed(&acme, |draft| draft.update(db, |peer| peer.with_standing(standing)));
        assert_eq!(desired.access().allows(api, db.into(), Protocol::Tcp, 5432), None);
        let key = acme.get(db).unwrap().key();
        for (id, _) in acme.peers().filter(|(id, _)| *id != db) {
            let map = desired.map_for(id).unwrap();
            assert!(map.neighbors().iter().all(|n| Some(n.key()) != key), "{:?} has it", acme.name_of(id));
        }
        assert!(desired.map_for(db).is_none_or(|map| map.neighbors().is_empty()));
        let Explanation::Denied(why) = desired.beside(Observed::none(), NOW).explain(&flow) else {
            panic!("{standing}")
        };
        let text = format!("{why}");
        assert!(text.contains(&format!("peer db-cluster is {standing}")), "{text}");
    }
}

#[test]
fn nothing_flows_to_or_from_a_network_that_is_not_in_use() {
    let acme = common::joined(&common::acme());
    let (_, _, flow) = api_to_db(&acme);
    let ci = acme.flow("ci-runner", "k8s-ingress", Service::tcp(6443)).unwrap();
    let vpc = acme.flow("ci-runner", "vpc", Service::tcp(443)).unwrap();
    for lifecycle in [Lifecycle::Suspended, Lifecycle::Retired] {
        let build = acme.id::<NetworkId>("build").unwrap();
        let rests = changed(&acme, |draft| draft.update(build, |network| network.with_lifecycle(lifecycle)));
        assert!(allowed(&rests, &flow) && !allowed(&rests, &ci) && !allowed(&rests, &vpc));
        let prod = acme.id::<NetworkId>("prod").unwrap();
        let rests = changed(&acme, |draft| draft.update(prod, |network| network.with_lifecycle(lifecycle)));
        assert!(!allowed(&rests, &flow) && !allowed(&rests, &vpc));
        assert_eq!(rests.access().iter().count(), 0);
    }
}

#[test]
fn a_condition_holds_only_of_what_was_reported() {
    let acme = common::joined(&common::acme());
    let (api, _, flow) = api_to_db(&acme);
    let policy = acme.id::<PolicyId>("api-to-db").unwrap();
    let with = |facts: Option<Facts>| {
        changed(&acme, |draft| {
            draft.update(policy, |policy| policy.with_conditions([Condition::os([Os::Linux])]));
            draft.update(api, |peer: Peer| facts.into_iter().fold(peer, Peer::with_facts));
        })
    };
    assert!(!allowed(&with(None), &flow));
    assert!(!allowed(&with(Some(Facts::unknown().with_os(Os::Windows))), &flow));
    assert!(allowed(&with(Some(Facts::unknown().with_os(Os::Linux))), &flow));
}
