//! What was stored before a field came still reads, and says what it said.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that reads its files")]

use nanami_model::{
    Activity, Duties, Gateway, GatewayId, GatewaySelector, Lifecycle, Lifetime, Mode, Network, OnAllDown, Peer, Policy,
    Region, ReturnPath, Route, RouteMode, Serves, Standing, User, name,
};

/// As the log of a workspace held them before networks had a life, peers owners, gateways duties and routes modes.
const OBJECTS: &str = r#"{
    "user": {"name": "lead", "role": "admin", "roles": {"group_0000000000000000": "member"}},
    "network": {"name": "prod", "owner": "group_0000000000000000", "pools": ["10.42.0.0/16"]},
    "peer": {"name": "api", "key": null, "groups": ["group_0000000000000000"], "networks": ["network_0000000000000000"],
             "fixed": [], "addresses": ["10.42.0.1"]},
    "gateway": {"name": "us-east", "peer": "peer_0000000000000000", "region": "region_0000000000000000",
                "activity": "draining"},
    "route": {"name": "vpc", "network": "network_0000000000000000", "prefixes": ["10.60.0.0/16"],
              "gateways": ["gateway_0000000000000000"], "redundancy": 1, "return_path": "declared"},
    "policy": {"name": "web", "from": {"peer": "peer_0000000000000000"}, "to": {"route": "route_0000000000000000"},
               "services": ["tcp/443"], "verdict": "allow", "direction": "both_ways", "via": [], "reason": null}
}"#;

fn stored<T: serde::de::DeserializeOwned>(kind: &str) -> T {
    let all: serde_json::Value = serde_json::from_str(OBJECTS).unwrap();
    serde_json::from_value(all[kind].clone()).unwrap()
}

#[test]
fn objects_of_an_older_log_read_with_the_defaults_of_the_new_fields() {
    let user: User = stored("user");
    assert!(user.identities().is_empty() && user.groups().is_empty() && user.preference().is_none());
    let network: Network = stored("network");
    assert_eq!((network.lifecycle(), network.dns_suffix()), (Lifecycle::Active, None));
    let peer: Peer = stored("peer");
    assert_eq!((peer.owner(), peer.standing(), peer.lifetime()), (None, Standing::Active, Lifetime::Lasting));
    assert_eq!((peer.mode(), peer.facts().os()), (Mode::Managed, None));
    let gateway: Gateway = stored("gateway");
    assert_eq!((gateway.activity(), gateway.duties(), gateway.capacity()), (Activity::Draining, Duties::ALL, None));
    assert_eq!((gateway.serves(), gateway.host()), (&Serves::Auto, None));
    let route: Route = stored("route");
    assert_eq!(route.gateways(), &GatewaySelector::Only(vec![GatewayId::from_bytes([0; 10])]));
    assert_eq!((route.mode(), route.on_all_down()), (RouteMode::Primary, OnAllDown::Hold));
    assert_eq!(route.return_path(), ReturnPath::Declared);
    assert!(stored::<Policy>("policy").conditions().is_empty());
}

#[test]
fn a_selector_of_gateways_is_stored_as_a_list_or_as_what_it_selects() {
    let text = |selector: &GatewaySelector| serde_json::to_string(selector).unwrap();
    let region = "region_0000000000000000".parse().unwrap();
    for (selector, wanted) in [
        (GatewaySelector::Only(Vec::new()), "[]"),
        (GatewaySelector::InRegion(vec![region]), r#"{"in_region":["region_0000000000000000"]}"#),
        (GatewaySelector::All, r#""all""#),
    ] {
        assert_eq!(text(&selector), wanted);
        assert_eq!(serde_json::from_str::<GatewaySelector>(wanted).unwrap(), selector);
    }
    assert!(serde_json::from_str::<GatewaySelector>(r#""some""#).is_err());
}

#[test]
fn a_field_that_says_nothing_is_not_stored() {
    let peer = serde_json::to_string(&Peer::new(name!("a"))).unwrap();
    assert_eq!(peer, r#"{"name":"a","key":null,"groups":[],"networks":[],"fixed":[],"addresses":[]}"#);
    assert_eq!(serde_json::to_string(&Region::new(name!("a"))).unwrap(), r#"{"name":"a"}"#);
}
