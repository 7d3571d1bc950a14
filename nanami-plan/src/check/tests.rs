use nanami_model::{AcceptRule, Intent, Neighbor, PeerId, PrivateKey};

use super::*;
use crate::{Selection, compile};

/// acme, everybody joined.
fn acme() -> Desired {
    let acme = Intent::from_toml(include_str!("../../../examples/acme.toml")).unwrap();
    let mut draft = acme.draft();
    for (n, (id, _)) in (1u8..20).zip(acme.peers()) {
        draft.update(id, |peer| peer.with_key(PrivateKey::from_bytes([n * 8; 32]).public()));
    }
    compile(&acme.apply(acme.owner(), &draft.into_changes()).unwrap(), &Selection::default())
}

/// What the check says once the map of one peer is another.
fn codes(at: &str, tamper: impl Fn(&Desired, NetworkMap) -> NetworkMap) -> BTreeSet<&'static str> {
    let acme = acme();
    let at: PeerId = acme.intent().id(at).unwrap();
    let maps = acme.intent().peers().map(|(id, peer)| {
        let map = acme.map_for(id).unwrap();
        (id, peer.key().unwrap(), if id == at { tamper(&acme, map) } else { map })
    });
    match acme.check_maps(&Maps::new(maps)) {
        Ok(()) => BTreeSet::new(),
        Err(findings) => findings.iter().map(Finding::code).collect(),
    }
}

fn key(acme: &Desired, name: &str) -> nanami_model::PublicKey {
    acme.intent().get(acme.intent().id::<PeerId>(name).unwrap()).unwrap().key().unwrap()
}

fn host(acme: &Desired, name: &str) -> Cidr {
    Cidr::host(acme.intent().get(acme.intent().id::<PeerId>(name).unwrap()).unwrap().addresses()[0])
}

#[test]
fn untouched_maps_keep_every_promise() {
    assert_eq!(codes("ci-runner", |_, map| map), BTreeSet::new());
}

#[test]
fn each_broken_promise_is_found() {
    let twice = |a: &Desired, m: NetworkMap| {
        m.with_neighbor(Neighbor::new(key(a, "ap-south"), [host(a, "us-east"), host(a, "ap-south")]))
    };
    assert!(codes("ci-runner", twice).contains("check.two_owners"));
    let own = |a: &Desired, m: NetworkMap| m.with_neighbor(Neighbor::new(key(a, "ci-runner"), []));
    assert!(codes("ci-runner", own).contains("check.own_key"));
    let stranger = |a: &Desired, m: NetworkMap| {
        let both = [host(a, "api-gateway"), host(a, "ci-runner")];
        m.with_neighbor(Neighbor::new(key(a, "api-gateway"), both))
    };
    assert!(codes("db-cluster", stranger).contains("check.stranger"));
    let needless =
        |a: &Desired, m: NetworkMap| m.with_neighbor(Neighbor::new(key(a, "db-cluster"), [host(a, "db-cluster")]));
    assert_eq!(codes("ci-runner", needless), BTreeSet::from(["check.needless"]));
    let open = |a: &Desired, m: NetworkMap| {
        let rule = AcceptRule { from: host(a, "ci-runner"), services: Service::ANY.into(), policy: None };
        let filter = m.filter().clone().with_rule(rule);
        m.with_filter(filter)
    };
    assert_eq!(codes("k8s-ingress", open), BTreeSet::from(["check.unwitnessed"]));
    let shut = |_: &Desired, m: NetworkMap| m.with_filter(nanami_model::Filter::deny_all());
    assert_eq!(codes("k8s-ingress", shut), BTreeSet::from(["check.stopped"]));
    let leaks = |_: &Desired, m: NetworkMap| {
        let routes: Vec<_> = m.routes().iter().copied().chain([Cidr::ALL_V4]).collect();
        m.with_routes(routes)
    };
    assert_eq!(codes("k8s-ingress", leaks), BTreeSet::from(["check.one_family"]));
}
