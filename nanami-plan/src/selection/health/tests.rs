//! Who lives, by what peers report of their tunnels.

use nanami_model::{
    Cidr, Gateway, Group, Network, Peer, Policy, PrivateKey, Region, Report, Route, RouteId, Service, TakenOver, User,
    name,
};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_545_275_000);

/// Three clients of a route behind two gateways.
fn acme() -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let all = draft.add(Group::new(name!("all")));
    let prod = draft.add(Network::new(name!("prod"), all, ["10.42.0.0/16".parse().unwrap()]));
    let names = [name!("east"), name!("west"), name!("a"), name!("b"), name!("c")];
    let peers = names
        .map(|name| draft.add(Peer::new(name.clone()).with_networks([prod]).with_groups([all]).with_key(key(&name))));
    let region = draft.add(Region::new(name!("here")));
    let east = draft.add(Gateway::new(name!("east"), peers[0], region));
    let west = draft.add(Gateway::new(name!("west"), peers[1], region));
    let route = Route::new(name!("vpc"), prod, vpc(), [east, west]).with_redundancy(2);
    let route = draft.add(route);
    draft.add(Policy::allow(name!("all-to-vpc"), all, route, Service::ANY));
    empty.apply(empty.owner(), &draft.into_changes()).unwrap()
}

fn vpc() -> Cidr {
    "10.60.0.0/16".parse().unwrap()
}

fn key(name: &nanami_model::Name) -> PublicKey {
    let mut bytes = [9; 32];
    bytes[1..=name.as_str().len()].copy_from_slice(name.as_str().as_bytes());
    PrivateKey::from_bytes(bytes).public()
}

fn link(to: &str, handshake_seconds: u64) -> LinkReport {
    let age = Duration::from_secs(handshake_seconds);
    LinkReport {
        key: key(&to.parse().unwrap()),
        endpoint: None,
        handshake_age: Some(age),
        handshakes: 1,
        rtt: Some(Duration::from_millis(5)),
        probes: 0,
        answered: 0,
        received_bytes: 0,
        sent_bytes: 0,
    }
}

/// What each of these peers reports at `NOW`.
fn observed(intent: &Intent, reports: &[(&str, Vec<LinkReport>, Vec<TakenOver>)]) -> Observed {
    let mut observed = Observed::none().clone();
    for (peer, links, taken_over) in reports {
        let report = Report { links: links.clone(), taken_over: taken_over.clone(), ..Report::default() };
        observed.record(intent.id(peer).unwrap(), report, NOW).unwrap();
    }
    observed
}

fn dead(intent: &Intent, observed: &Observed, previous: &Selection, now: Timestamp) -> Vec<String> {
    let standing = assess(intent, observed, previous, now);
    let dead = standing.into_iter().filter(|(_, standing)| standing.dead_since.is_some());
    dead.map(|(id, _)| intent.name_of(id).unwrap().to_string()).collect()
}

#[test]
fn a_gateway_that_talks_to_control_and_to_nobody_else_is_dead() {
    let acme = acme();
    // east reports happily; its clients have not shaken hands with it for long.
    let seen = observed(
        &acme,
        &[
            ("east", vec![link("a", 3)], vec![]),
            ("a", vec![link("east", 400), link("west", 3)], vec![]),
            ("b", vec![link("east", 400), link("west", 3)], vec![]),
        ],
    );
    assert_eq!(dead(&acme, &seen, &Selection::default(), NOW), ["east"]);
    let chosen = crate::select(&acme, &seen, &Selection::default(), NOW);
    let vpc = acme.id::<RouteId>("vpc").unwrap();
    let first = chosen.ranks(&acme, vpc, acme.id("a").unwrap())[0];
    assert_eq!(acme.name_of(first).unwrap().as_str(), "west");
}

#[test]
fn who_sends_by_a_standby_says_that_those_before_it_are_dead() {
    let acme = acme();
    let taken = vec![TakenOver { prefix: vpc(), by: key(&name!("west")) }];
    let both = || vec![link("east", 20), link("west", 20)];
    let seen = observed(&acme, &[("a", both(), taken.clone()), ("b", both(), taken.clone()), ("c", both(), vec![])]);
    assert_eq!(dead(&acme, &seen, &Selection::default(), NOW), ["east"], "two of three have noticed");
    let one = observed(&acme, &[("a", both(), taken), ("b", both(), vec![]), ("c", both(), vec![])]);
    assert_eq!(dead(&acme, &one, &Selection::default(), NOW), Vec::<String>::new(), "it may be a's own way");
}

#[test]
fn who_finds_everybody_dead_is_not_asked() {
    let acme = acme();
    let seen = observed(
        &acme,
        &[
            ("a", vec![link("east", 400), link("west", 500)], vec![]),
            ("b", vec![link("east", 5), link("west", 5)], vec![]),
        ],
    );
    assert_eq!(dead(&acme, &seen, &Selection::default(), NOW), Vec::<String>::new());
}

#[test]
fn reports_older_than_their_lease_say_nothing() {
    let acme = acme();
    let seen = observed(&acme, &[("a", vec![link("east", 400), link("west", 3)], vec![])]);
    let later = NOW.after(Observed::LEASE);
    assert_eq!(dead(&acme, &seen, &Selection::default(), later), Vec::<String>::new());
}

#[test]
fn a_gateway_that_fails_again_is_left_alone_for_twice_as_long() {
    let acme = acme();
    let failing = observed(&acme, &[("a", vec![link("east", 400), link("west", 3)], vec![])]);
    let well = observed(&acme, &[("a", vec![link("east", 3), link("west", 3)], vec![])]);
    let vpc = acme.id::<RouteId>("vpc").unwrap();
    let first = |chosen: &Selection| {
        let first = chosen.ranks(&acme, vpc, acme.id("a").unwrap())[0];
        acme.name_of(first).unwrap().to_string()
    };
    let at = |seen: &Observed, chosen: &Selection, seconds: u64| {
        // The same words, said again at that time.
        let now = NOW.after(Duration::from_secs(seconds));
        let mut again = Observed::none().clone();
        for (peer, sighting) in seen.iter() {
            again.record(peer, sighting.report.clone(), now).unwrap();
        }
        crate::select(&acme, &again, chosen, now)
    };
    let mut chosen = at(&failing, &Selection::default(), 0);
    assert_eq!(first(&chosen), "west");
    chosen = at(&well, &chosen, 30);
    assert_eq!(first(&chosen), "west", "within its minute");
    let second = at(&failing, &at(&well, &chosen, 400), 401);
    let (id, _) = acme.gateway_of(acme.id("east").unwrap()).unwrap();
    let held = second.standing(id).unwrap();
    assert_eq!(held.failures, 2);
    assert_eq!(held.held_until.since(NOW), Duration::from_secs(401 + 120));
}
