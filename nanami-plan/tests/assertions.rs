//! Each assertion can break, and says by which flow and why.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use nanami_model::{Assertion, GatewayId, Intent, NetworkId, PeerId, Policy, RouteId, Selector, Service, name};
use nanami_plan::{Desired, Selection, compile};

fn acme() -> Intent {
    common::acme()
}

fn desired(intent: &Intent) -> Desired {
    compile(intent, &Selection::default())
}

fn peer(name: &str) -> PeerId {
    acme().id(name).unwrap()
}

fn says(intent: &Intent, extra: &[Assertion]) -> Vec<String> {
    match desired(intent).check_assertions(extra) {
        Ok(()) => Vec::new(),
        Err(failed) => failed.broken().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_assertions_of_acme_hold() {
    assert_eq!(says(&acme(), &[]), Vec::<String>::new());
}

#[test]
fn each_claim_breaks_with_a_flow_and_a_cause() {
    let direct = Policy::allow(name!("ci-reads-db"), peer("ci-runner"), peer("db-cluster"), Service::tcp(5432));
    let text = "assertion db-via-gateway: ci-runner reaches db-cluster on tcp/5432 directly, by policy ci-reads-db";
    assert_eq!(says(&common::with_policy(&acme(), direct.clone()), &[]), [text]);
    let via = direct.with_via([acme().id::<GatewayId>("us-east").unwrap()]);
    assert_eq!(says(&common::with_policy(&acme(), via), &[]), Vec::<String>::new());

    let deny = Policy::deny(name!("freeze"), peer("ci-runner"), peer("k8s-ingress"), Service::tcp(6443));
    let text = "assertion deploys-survive: ci-runner does not reach k8s-ingress on tcp/6443: policy freeze denies it";
    assert_eq!(says(&common::with_policy(&acme(), deny), &[]), [text]);

    let (build, prod) = (acme().id::<NetworkId>("build").unwrap(), acme().id::<NetworkId>("prod").unwrap());
    let closed = Assertion::must_not_reach(name!("closed"), build, prod, "tcp/6000-7000".parse().unwrap());
    let open = Assertion::must_reach(name!("open"), build, prod, Service::tcp(6443));
    let survives = Assertion::survives_loss_of(name!("exit-twice"), acme().id::<RouteId>("exit").unwrap(), 1);
    assert_eq!(
        says(&acme(), &[closed, open, survives]),
        [
            "assertion closed: ci-runner reaches k8s-ingress on tcp/6443, by policy ci-deploys",
            "assertion open: ci-runner does not reach ap-south on tcp/6443: no policy allows it, and 5 more like it",
            "assertion exit-twice: edge-router reaches exit by ap-south alone, so the loss of one gateway cuts it off",
        ]
    );
}

#[test]
fn what_is_reached_by_several_policies_together_is_reached() {
    let wide =
        Policy::allow(name!("low"), peer("ci-runner"), peer("edge-router"), "tcp/1-100".parse::<Service>().unwrap());
    let both = common::with_policy(&acme(), wide);
    let high =
        Policy::allow(name!("high"), peer("ci-runner"), peer("edge-router"), "tcp/101-200".parse::<Service>().unwrap());
    let both = common::with_policy(&both, high);
    let claim = |text: &str| {
        let to: Selector = peer("edge-router").into();
        Assertion::must_reach(name!("claim"), peer("ci-runner"), to, text.parse().unwrap())
    };
    assert_eq!(says(&both, &[claim("tcp/50-150")]), Vec::<String>::new());
    let text = "assertion claim: ci-runner does not reach edge-router on tcp/201: no policy allows it";
    assert_eq!(says(&both, &[claim("tcp/50-201")]), [text]);
}

#[test]
fn what_a_change_may_do_is_asserted_too() {
    let acme = acme();
    let mut draft = acme.draft();
    draft.remove(acme.id::<nanami_model::PolicyId>("ci-to-vpc").unwrap());
    draft.add(Policy::allow(name!("api-to-edge"), peer("api-gateway"), peer("edge-router"), Service::tcp(22)));
    let next = acme.apply(acme.owner(), &draft.into_changes()).unwrap();
    let what_if = desired(&acme).what_if(&next);
    let says = |extra: &[Assertion]| match what_if.check_assertions(extra) {
        Ok(()) => Vec::new(),
        Err(failed) => failed.broken().iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    let build = acme.id::<NetworkId>("build").unwrap();
    let delivery = acme.id::<nanami_model::GroupId>("delivery").unwrap();
    assert_eq!(
        says(&[Assertion::removes_at_most(name!("one"), 1), Assertion::never_touches(name!("db"), peer("db-cluster"))]),
        Vec::<String>::new()
    );
    assert_eq!(
        says(&[
            Assertion::removes_at_most(name!("none"), 0),
            Assertion::never_touches(name!("api"), peer("api-gateway")),
            Assertion::never_touches(name!("build-rests"), build),
            Assertion::never_touches(name!("delivery-rests"), delivery),
        ]),
        [
            "assertion none: 1 stop, 0 may; ci-runner no longer reaches vpc on tcp/443, by policy ci-to-vpc",
            "assertion api: api-gateway comes to reach edge-router on tcp/22, by policy api-to-edge",
            "assertion build-rests: ci-runner no longer reaches vpc on tcp/443, by policy ci-to-vpc",
            "assertion delivery-rests: ci-runner no longer reaches vpc on tcp/443, by policy ci-to-vpc",
        ]
    );
    assert!(
        desired(&next).check_assertions(&[Assertion::removes_at_most(name!("none"), 0)]).is_ok(),
        "a state changes nothing"
    );
}
