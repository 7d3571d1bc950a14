//! PLANNING section 8: the tricky cases that the model refuses, or gives one meaning.
#![allow(clippy::unwrap_used, reason = "tests")]

use nanami_model::{
    Assertion, Condition, DnsSuffix, Draft, Duties, Duty, Gateway, GatewayId, Group, GroupId, Identity, Intent,
    JoinKey, JoinSecret, Lifecycle, Mode, Name, Network, NetworkId, NotRedeemable, Peer, PeerId, PeerStatus, Policy,
    PrivateKey, Protocol, PublicKey, Region, ReturnPath, Route, RouteMode, RoutingMode, RoutingPreference, Serves,
    Service, Services, Timestamp, User, Uses, Violation, cidr, name, service,
};

struct World {
    acme: Intent,
    group: GroupId,
    prod: NetworkId,
    build: NetworkId,
    gateways: [GatewayId; 2],
    api: PeerId,
    db: PeerId,
}

fn key(n: u8) -> PublicKey {
    PrivateKey::from_bytes([n; 32]).public()
}

/// Two networks; in prod two gateways and two peers.
fn world() -> World {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let group = draft.add(Group::new(name!("all")));
    let prod = draft.add(Network::new(name!("prod"), group, [cidr!("10.42.0.0/16")]));
    let build = draft.add(Network::new(name!("build"), group, [cidr!("fd43::/48")]));
    let [east, west] = [name!("east"), name!("west")].map(|n| draft.add(Region::new(n)));
    let gateways = [(name!("g1"), east), (name!("g2"), west)].map(|(n, region)| {
        let peer = draft.add(Peer::new(n.clone()).with_networks([prod]));
        draft.add(Gateway::new(n, peer, region))
    });
    let [api, db] =
        [name!("api"), name!("db")].map(|n| draft.add(Peer::new(n).with_groups([group]).with_networks([prod])));
    let acme = empty.apply(empty.owner(), &draft.into_changes()).unwrap();
    World { acme, group, prod, build, gateways, api, db }
}

impl World {
    fn tries(&self, change: impl FnOnce(&mut Draft)) -> Result<Intent, Vec<Violation>> {
        let mut draft = self.acme.draft();
        change(&mut draft);
        self.acme.apply(self.acme.owner(), &draft.into_changes()).map_err(|refused| refused.violations().to_vec())
    }

    /// The reasons against a change, each as field and text; the remedy is never empty.
    fn reasons(&self, change: impl FnOnce(&mut Draft)) -> Vec<(Option<&'static str>, String)> {
        let Err(violations) = self.tries(change) else { return Vec::new() };
        assert!(violations.iter().all(|violation| !violation.remedy().is_empty()));
        violations.iter().map(|violation| (violation.field(), violation.to_string())).collect()
    }

    /// The one reason against a change.
    fn reason(&self, change: impl FnOnce(&mut Draft)) -> (Option<&'static str>, String) {
        let all = self.reasons(change);
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }

    fn route(&self, name: Name) -> Route {
        Route::new(name, self.prod, cidr!("10.60.0.0/16"), self.gateways)
    }
}

#[test]
fn case_2_two_claims_on_one_address_name_both_and_so_does_a_route_over_a_pool() {
    let w = world();
    let at = w.acme.get(w.api).unwrap().addresses()[0];
    let (field, text) = w.reason(|d| d.update(w.db, |peer| peer.with_addresses([at])));
    assert_eq!((field, text.as_str()), (Some("addresses"), "peer db has the address 10.42.0.1 of peer api"), "{at}");
    let host = nanami_model::Cidr::host(at);
    let (field, text) = w.reason(|d| _ = d.add(Route::new(name!("host"), w.prod, host, w.gateways)));
    assert!(field == Some("prefix") && text.contains("route host") && text.contains("network prod"), "{text}");
}

#[test]
fn case_8_two_peers_with_one_key_are_named() {
    let w = world();
    let (field, text) = w.reason(|d| {
        d.update(w.api, |peer| peer.with_key(key(1)));
        d.update(w.db, |peer| peer.with_key(key(1)));
    });
    assert_eq!((field, text.as_str()), (Some("key"), "peer db has the key of peer api"));
}

#[test]
fn case_9_nobody_else_has_a_peers_own_key_so_that_it_is_never_a_neighbor() {
    let w = world();
    let with = w.tries(|d| d.update(w.api, |peer| peer.with_key(key(1)))).unwrap();
    let mut draft = with.draft();
    draft.add(Peer::new(name!("clone")).with_networks([w.prod]).with_key(key(1)));
    assert!(with.apply(with.owner(), &draft.into_changes()).is_err());
    let own = with.peers().filter(|(_, peer)| peer.key() == Some(key(1))).count();
    assert_eq!(own, 1);
}

#[test]
fn sec_11_a_revoked_key_is_nobodys_and_never_enters_again() {
    let w = world();
    let revoke = |d: &mut Draft, keys: &[u8]| {
        d.update(w.acme.workspace(), |it| it.with_revoked_keys(keys.iter().map(|n| key(*n))));
    };
    let both = |d: &mut Draft| {
        revoke(d, &[1]);
        d.update(w.api, |peer| peer.with_key(key(1)));
    };
    assert_eq!(w.reason(both), (Some("key"), "peer api: its key is revoked".to_owned()));
    // Who has the key is told when it is revoked; and it comes back to nobody.
    let held = w.tries(|d| d.update(w.api, |peer| peer.with_key(key(1)))).unwrap();
    let held = World { acme: held, ..world() };
    assert_eq!(held.reason(|d| revoke(d, &[1])), (Some("key"), "peer api: its key is revoked".to_owned()));
    let lost = held.tries(|d| {
        revoke(d, &[1, 2]);
        d.update(w.api, |peer| peer.with_key(key(3)));
    });
    let lost = World { acme: lost.unwrap(), ..world() };
    assert_eq!(lost.reasons(|d| d.update(w.db, |peer| peer.with_key(key(2)))).len(), 1);
    // A document adds to the list, and takes nothing off it.
    let document = Intent::from_toml(&w.acme.to_toml()).unwrap();
    let changes = lost.acme.changes_to(&document);
    let next = lost.acme.apply(lost.acme.owner(), &changes).unwrap();
    assert_eq!(next.get(next.workspace()).unwrap().revoked_keys().len(), 2);
}

#[test]
fn case_15_a_balanced_route_says_how_answers_come_back() {
    let w = world();
    let balanced = |return_path| w.route(name!("vpc")).with_mode(RouteMode::Balanced).with_return_path(return_path);
    let (field, text) = w.reason(|d| _ = d.add(balanced(ReturnPath::Unstated)));
    assert!(field == Some("mode") && text.contains("gateway g1 and gateway g2"), "{text}");
    for return_path in [ReturnPath::Declared, ReturnPath::Snat] {
        assert!(w.tries(|d| _ = d.add(balanced(return_path))).is_ok());
    }
    let alone = Route::new(name!("vpc"), w.prod, cidr!("10.60.0.0/16"), [w.gateways[0]]).with_mode(RouteMode::Balanced);
    assert!(w.tries(|d| _ = d.add(alone)).is_ok());
}

#[test]
fn a_host_stands_in_one_region_and_both_gateways_are_named() {
    let w = world();
    let on = |d: &mut Draft, n: usize| d.update(w.gateways[n], |gateway| gateway.with_host(name!("rack")));
    let both = |d: &mut Draft| [0, 1].into_iter().for_each(|n| on(d, n));
    let moves = |d: &mut Draft, n: usize, region| d.update(w.gateways[n], |gateway| gateway.with_region(region));
    let (field, text) = w.reason(both);
    let wanted = "gateway g2: gateway g1 runs on rack too, and says that it stands in region east";
    assert_eq!((field, text.as_str()), (Some("host"), wanted));
    // One after the other, whichever is first; and a gateway that moves is found as well.
    for (first, second) in [(0, 1), (1, 0)] {
        let one = w.tries(|d| on(d, first)).unwrap();
        let mut draft = one.draft();
        on(&mut draft, second);
        assert!(one.apply(one.owner(), &draft.into_changes()).is_err());
    }
    let (east, west) = (w.acme.id("east").unwrap(), w.acme.id("west").unwrap());
    let together = w.tries(|d| {
        both(d);
        moves(d, 1, east);
    });
    let together = together.unwrap();
    let mut draft = together.draft();
    moves(&mut draft, 0, west);
    assert!(together.apply(together.owner(), &draft.into_changes()).is_err());
}

#[test]
fn a_pinned_route_promises_no_redundancy() {
    let w = world();
    let pinned = |redundancy| w.route(name!("vpc")).with_mode(RouteMode::Pinned).with_redundancy(redundancy);
    let (field, text) = w.reason(|d| _ = d.add(pinned(2)));
    assert_eq!((field, text.as_str()), (Some("redundancy"), "route vpc: redundancy 2, and it is pinned to gateway g1"));
    assert!(w.tries(|d| _ = d.add(pinned(1))).is_ok());
}

#[test]
fn case_17_and_18_no_route_covers_the_overlay_address_of_its_own_gateway() {
    let w = world();
    for prefix in [cidr!("10.42.0.0/24"), cidr!("10.0.0.0/8"), cidr!("10.42.0.1/32")] {
        let (field, _) = w.reason(|d| _ = d.add(Route::new(name!("loop"), w.prod, prefix, w.gateways)));
        assert_eq!(field, Some("prefix"), "{prefix}");
    }
}

#[test]
fn case_21_a_policy_between_families_is_legal_for_members_change_and_the_plan_says_why_nothing_flows() {
    let w = world();
    let six = w.tries(|d| {
        let six = d.add(Peer::new(name!("six")).with_networks([w.build]));
        d.add(Policy::allow(name!("apart"), w.api, six, Service::ANY));
    });
    assert!(six.is_ok());
}

#[test]
fn case_28_an_empty_group_is_nobody_and_a_circle_of_groups_is_spelled_out() {
    let w = world();
    let mut inner = None;
    let acme = w.tries(|d| {
        let a = d.add(Group::new(name!("a")));
        let b = d.add(Group::new(name!("b")).with_groups([a]));
        inner = Some((a, d.add(Group::new(name!("c")).with_groups([b]))));
    });
    let acme = acme.unwrap();
    let (a, c) = inner.unwrap();
    assert!(acme.members(c.into()).is_empty() && !acme.is_member(w.api, c.into()));
    let mut draft = acme.draft();
    draft.update(a, |group| group.with_groups([c]));
    let refused = acme.apply(acme.owner(), &draft.into_changes()).unwrap_err();
    let texts: Vec<_> = refused.violations().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[0], "group a: its nested groups run in a circle: a -> c -> b -> a");
}

#[test]
fn case_31_a_revoked_key_lets_nobody_in_and_a_pending_peer_is_planned_all_the_same() {
    let w = world();
    let secret = JoinSecret::new(nanami_model::JoinKeyId::from_bytes([1; 10]), [2; 20]);
    let key = JoinKey::one_off(name!("key")).with_hash(secret.hash());
    let now = Timestamp::from_millis(1);
    assert_eq!(key.redeemable(&secret, now), Ok(()));
    assert_eq!(key.revoked().redeemable(&secret, now), Err(NotRedeemable::Revoked));
    assert_eq!(w.acme.get(w.api).unwrap().status(), PeerStatus::Pending);
    assert!(w.acme.is_effective(w.api) && !w.acme.get(w.api).unwrap().addresses().is_empty());
    let twice = JoinKey::one_off(name!("key")).for_peer(w.api).with_uses(Uses::Reusable);
    assert_eq!(w.reason(|d| _ = d.add(twice)).0, Some("uses"));
}

#[test]
fn case_33_two_workspaces_use_one_range() {
    let (one, two) = (world(), world());
    assert_eq!(one.acme.get(one.prod).unwrap().pools(), two.acme.get(two.prod).unwrap().pools());
    let other = Intent::new(name!("other"), User::new(name!("netops")));
    let mut draft = other.draft();
    let group = draft.add(Group::new(name!("all")));
    draft.add(Network::new(name!("prod"), group, [cidr!("10.42.0.0/16")]));
    assert!(other.apply(other.owner(), &draft.into_changes()).is_ok());
    let (field, _) = one.reason(|d| _ = d.add(Network::new(name!("again"), one.group, [cidr!("10.42.0.0/16")])));
    assert_eq!(field, Some("pools"));
}

#[test]
fn case_36_everything_includes_what_has_no_ports_and_ranges_stay_ranges() {
    assert!(Service::ANY.includes(&Service::ICMP) && Service::ANY.covers(Protocol::Icmp, 0));
    let all = Services::new([service!("tcp/1-65535"), service!("tcp/443"), service!("icmp")]).unwrap();
    assert_eq!((all.iter().len(), all.to_string().as_str()), (2, "tcp/1-65535, icmp"));
    let rest = all.minus(&service!("tcp/443").into()).unwrap();
    assert_eq!(rest.to_string(), "tcp/1-442, tcp/444-65535, icmp");
}

#[test]
fn pinned_gateways_do_their_duty_and_serve_one_network_of_the_peer() {
    let w = world();
    let pin = |ingress, egress| RoutingPreference::none().with_routing(RoutingMode::Manual { ingress, egress });
    let both = pin(Some(w.gateways[0]), Some(w.gateways[1]));
    assert!(w.tries(|d| d.update(w.api, |peer| peer.with_preference(both))).is_ok());
    let (field, text) = w.reason(|d| {
        d.update(w.gateways[1], |gateway| gateway.with_duties(Duty::Ingress | Duty::Transit));
        d.update(w.api, |peer| peer.with_preference(both));
    });
    assert_eq!((field, text.as_str()), (Some("egress"), "peer api: gateway g2 has no duty egress"));
    let (field, text) = w.reason(|d| _ = d.add(Peer::new(name!("far")).with_networks([w.build]).with_preference(both)));
    assert!(field == Some("ingress") && text.contains("gateway g1 and gateway g2 serve no network"), "{text}");
    let (field, _) = w.reason(|d| d.update(w.build, |network| network.with_preference(both)));
    assert_eq!(field, Some("ingress"));
    // Whoever disables what somebody pinned hears of it; whoever only drains it need not ask.
    let pinned = w.tries(|d| d.update(w.api, |peer| peer.with_preference(both))).unwrap();
    let w = World { acme: pinned, ..w };
    assert_eq!(w.reason(|d| d.update(w.gateways[0], Gateway::disabled)).1, "peer api: gateway g1 is disabled");
    assert!(w.tries(|d| d.update(w.gateways[0], Gateway::draining)).is_ok());
    let g1 = w.acme.get(w.gateways[0]).unwrap().peer();
    assert_eq!(w.reason(|d| d.update(g1, |peer| peer.with_networks([w.build]))).0, Some("ingress"));
}

#[test]
fn a_plain_device_needs_a_key_and_a_gateway_of_its_network_that_lets_it_in() {
    let w = world();
    let mode = Mode::Limited { gateway: w.gateways[0] };
    let device = |network| Peer::new(name!("nas")).with_networks([network]).with_mode(mode);
    assert!(w.tries(|d| _ = d.add(device(w.prod).with_key(key(9)))).is_ok());
    assert_eq!(w.reason(|d| _ = d.add(device(w.prod))).0, Some("key"));
    assert_eq!(w.reason(|d| _ = d.add(device(w.build).with_key(key(9)))).0, Some("gateway"));
    let (field, text) = w.reason(|d| {
        d.update(w.gateways[0], |gateway| gateway.with_duties(Duties::from(Duty::Egress)));
        d.add(device(w.prod).with_key(key(9)));
    });
    assert!(field == Some("gateway") && text.ends_with("has no duty ingress"), "{text}");
    let bearer = w.acme.get(w.gateways[1]).unwrap().peer();
    let (field, _) = w.reason(|d| d.update(bearer, |peer| peer.with_key(key(9)).with_mode(mode)));
    assert_eq!(field, Some("peer"));
}

#[test]
fn a_retired_network_takes_nobody_in_and_keeps_whom_it_has() {
    let w = world();
    let acme = w.tries(|d| d.update(w.prod, |network| network.with_lifecycle(Lifecycle::Retired))).unwrap();
    let w = World { acme, ..w };
    let (field, text) = w.reason(|d| _ = d.add(Peer::new(name!("late")).with_networks([w.prod])));
    assert_eq!((field, text.as_str()), (Some("networks"), "peer late: network prod is retired and takes nobody in"));
    assert!(w.tries(|d| d.update(w.api, |peer| peer.with_key(key(1)))).is_ok());
    assert!(w.tries(|d| d.update(w.api, |peer| peer.with_networks([w.build]))).is_ok());
}

#[test]
fn a_gateway_serves_networks_of_its_peer() {
    let w = world();
    let only = |network| Serves::Only(vec![network]);
    assert_eq!(w.reason(|d| d.update(w.gateways[0], |g| g.with_serves(only(w.build)))).0, Some("serves"));
    assert!(w.tries(|d| d.update(w.gateways[0], |g| g.with_serves(only(w.prod)))).is_ok());
}

#[test]
fn routes_and_policies_use_gateways_that_have_the_duty() {
    let w = world();
    let only = |duty: Duty| move |gateway: Gateway| gateway.with_duties(duty);
    let (field, text) = w.reason(|d| {
        d.update(w.gateways[0], only(Duty::Ingress));
        d.add(w.route(name!("vpc")));
    });
    assert!(field == Some("gateways") && text.ends_with("gateway g1 has no duty egress"), "{text}");
    let (field, _) = w.reason(|d| {
        d.update(w.gateways[0], only(Duty::Egress));
        d.add(Policy::allow(name!("in"), w.api, w.db, Service::ANY).with_via(w.gateways));
    });
    assert_eq!(field, Some("via"));
    let nobody = Route::new(name!("none"), w.build, cidr!("fd60::/48"), nanami_model::GatewaySelector::All);
    assert_eq!(w.reason(|d| _ = d.add(nobody)).0, Some("gateways"));
}

#[test]
fn a_denial_waits_for_no_report_and_a_condition_names_something() {
    let w = world();
    let deny = Policy::deny(name!("no"), w.api, w.db, Service::ANY);
    let waits = deny.with_conditions([Condition::MinAgentVersion("1.2".parse().unwrap())]);
    assert_eq!(w.reason(|d| _ = d.add(waits)).0, Some("conditions"));
    let allow = Policy::allow(name!("yes"), w.api, w.db, Service::ANY).with_conditions([Condition::os([])]);
    assert_eq!(w.reason(|d| _ = d.add(allow)).0, Some("conditions"));
}

#[test]
fn an_identity_is_one_users() {
    let w = world();
    let identity = Identity::new("https://login.example.com", "1").unwrap();
    let with = |n, count| User::new(n).with_identities(vec![identity.clone(); count]);
    let (field, text) = w.reason(|d| {
        d.add(with(name!("ann"), 1));
        d.add(with(name!("bob"), 1));
    });
    assert_eq!((field, text.as_str()), (Some("identities"), "user bob: 1 at https://login.example.com is user ann"));
    assert_eq!(w.reason(|d| _ = d.add(with(name!("ann"), 2))).0, Some("identities"));
}

#[test]
fn an_assertion_speaks_of_what_can_do_what_it_claims() {
    let w = world();
    let loss = |gateways| {
        w.reasons(|d| {
            let vpc = d.add(w.route(name!("vpc")));
            d.add(Assertion::survives_loss_of(name!("kept"), vpc, gateways));
        })
    };
    assert_eq!((loss(0).len(), loss(1).len()), (1, 0));
    let mut vpc = None;
    let acme = w.tries(|d| vpc = Some(d.add(w.route(name!("vpc"))))).unwrap();
    let (w, vpc) = (World { acme, ..w }, vpc.unwrap());
    assert_eq!(w.reason(|d| _ = d.add(Assertion::must_reach(name!("a"), vpc, w.db, Service::ANY))).0, Some("from"));
    assert_eq!(w.reason(|d| _ = d.add(Assertion::never_touches(name!("a"), vpc))).0, Some("what"));
    assert!(w.tries(|d| _ = d.add(Assertion::never_touches(name!("a"), w.prod))).is_ok());
}

#[test]
fn sec_21_no_name_and_no_suffix_breaks_out_of_the_text_that_it_stands_in() {
    for bad in ["a\nPostUp = x", "a\"", "a;b", "a b", "A", "\u{202e}a", "a_b", "ä"] {
        assert!(bad.parse::<Name>().is_err() && bad.parse::<DnsSuffix>().is_err(), "{bad:?}");
    }
}
