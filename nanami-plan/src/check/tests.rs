use nanami_model::{AcceptRule, Entity as _, ForwardRule, Intent, Neighbor, PeerId, PrivateKey};

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

/// From api-gateway to db-cluster by one gateway after the other, each of which forwards it.
fn by_every_gateway(acme: &Desired, at: &str, map: NetworkMap) -> NetworkMap {
    let (from, to) = (host(acme, "api-gateway"), host(acme, "db-cluster"));
    let sends = |map: NetworkMap, by: &str, what: &[Cidr]| {
        map.with_neighbor(Neighbor::new(key(acme, by), what.iter().copied()))
    };
    let hops = ["api-gateway", "us-east", "eu-west", "ap-south", "db-cluster"];
    let Some(n) = hops.iter().position(|hop| *hop == at) else { return map };
    let map = match n {
        0 => sends(map, "db-cluster", &[]),
        4 => sends(map, "api-gateway", &[]),
        _ => map.with_forward(ForwardRule { from, to, services: Service::ANY.into(), policy: None }),
    };
    let map = if n > 0 { sends(map, hops[n - 1], &[from]) } else { map };
    if n < 4 { sends(map, hops[n + 1], &[to]) } else { map }
}

#[test]
fn what_takes_more_hops_than_a_way_has_is_found() {
    let acme = acme();
    let maps = acme.intent().peers().map(|(id, peer)| {
        let map = acme.map_for(id).unwrap();
        (id, peer.key().unwrap(), by_every_gateway(&acme, peer.name().as_str(), map))
    });
    let findings = acme.check_maps(&Maps::new(maps)).unwrap_err();
    let far = findings.iter().find(|finding| finding.code() == "check.too_far").unwrap();
    assert_eq!(far.to_string(), "what peer api-gateway sends to peer db-cluster takes 4 hops, and 3 are the most");
}
