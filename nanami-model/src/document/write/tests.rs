use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::*;

const ACME: &str = include_str!("../../../../examples/acme.toml");

fn read(text: &str) -> Intent {
    Intent::from_toml(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Golden: what acme reads like when it is written.
#[test]
fn acme_is_written_as_a_person_would() {
    let written = read(ACME).to_toml();
    assert_eq!(written, include_str!("acme.toml"), "\n{written}");
    let written = read(ACME).to_json();
    assert_eq!(written, include_str!("acme.json"), "\n{written}");
}

#[test]
fn acme_as_it_is_exported_changes_nothing_of_the_acme_that_it_came_from() {
    let acme = read(ACME);
    assert_same(&acme, &read(&acme.to_toml()));
}

fn assert_same(one: &Intent, other: &Intent) {
    assert_eq!(one.name(), other.name());
    for (from, to) in [(one, other), (other, one)] {
        let changes = from.changes_to(to);
        assert!(changes.is_empty(), "{changes:?}");
    }
    assert_eq!(one.to_json(), other.to_json());
    let addresses = |intent: &Intent| {
        intent.peers().map(|(_, peer)| (Entity::name(peer).clone(), peer.addresses().to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(addresses(one), addresses(other));
    assert_eq!(one.to_toml(), other.to_toml());
}

/// What a policy or an assertion is made of: numbers that choose.
type Picks = (usize, usize, usize, String);

fn name(prefix: &str, i: usize) -> Name {
    format!("{prefix}{i}").parse().unwrap()
}

/// A workspace with one of everything that documents can say, as the numbers choose. Names collide across kinds on purpose.
fn workspace(nested: &[usize], peers: &[Vec<usize>], policies: &[Picks], flags: u8) -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut draft = empty.draft();
    let mut groups: Vec<GroupId> = Vec::new();
    for (i, count) in nested.iter().enumerate() {
        let inner = groups.iter().copied().take(*count);
        groups.push(draft.add(Group::new(name("x", i)).with_groups(inner.collect::<Vec<_>>())));
    }
    draft.add(User::new(name!("lead")).with_group_role(groups[0], Role::Admin).with_role(Role::Viewer));
    draft.add(User::new(name!("nobody")));
    let networks: Vec<NetworkId> = (0..3)
        .map(|i| {
            let pools = [format!("10.{i}.0.0/24"), format!("fd0{i}::/48")].map(|pool| pool.parse().unwrap());
            draft.add(Network::new(name("net", i), groups[i % groups.len()], pools))
        })
        .collect();
    let mut ids: Vec<PeerId> = Vec::new();
    for (i, member_of) in peers.iter().enumerate() {
        let mut peer = Peer::new(name("x", i + 1)).with_networks(member_of.iter().map(|n| networks[*n]));
        peer = peer.with_groups(member_of.iter().filter_map(|n| groups.get(*n)).copied());
        if i % 2 == 0 {
            peer = peer.with_key(PrivateKey::from_bytes([i as u8 + 1; 32]).public());
        }
        if member_of.first() == Some(&0) && i % 3 == 0 {
            peer = peer.with_addresses([format!("10.0.0.{}", 200 - i).parse().unwrap()]);
        }
        ids.push(draft.add(peer));
    }
    let lonely = draft.add(Region::new(name!("lonely")));
    let region = if flags & 1 == 0 { lonely } else { draft.add(Region::new(name!("east"))) };
    let own = draft.add(Peer::new(name!("gw")).with_networks(networks.clone()));
    let other = draft.add(Peer::new(name!("machine")).with_networks([networks[1]]));
    let first = draft.add(Gateway::new(name!("gw"), own, region));
    let second = Gateway::new(name!("second"), other, lonely);
    let second = draft.add(if flags & 2 == 0 { second } else { second.draining() });
    let route = Route::new(name!("net1"), networks[1], "192.168.0.0/24".parse().unwrap(), [second, first]);
    let route = draft.add(route.with_redundancy(1 + (flags >> 2 & 1)).with_return_path(ReturnPath::Declared));
    draft.add(Route::exit(name!("exit"), networks[0], [first]));
    let sides = |n: usize| -> Selector {
        match n % 3 {
            0 => groups[n % groups.len()].into(),
            1 => networks[n % 3].into(),
            _ => ids.get(n % ids.len().max(1)).map_or(own.into(), |id| (*id).into()),
        }
    };
    for (i, (from, to, kind, text)) in policies.iter().enumerate() {
        let services = Services::new([Service::tcp(1 + *from as u16), Service::udp(9), Service::ICMP]).unwrap();
        let to = if kind % 5 == 4 { route.into() } else { sides(*to) };
        let mut policy = Policy::allow(name("p", i), sides(*from), to, services.clone()).with_reason(text.clone());
        match kind % 5 {
            0 => policy = policy.with_via([first, second]),
            1 => policy = policy.both_ways(),
            2 => policy = Policy::deny(name("p", i), sides(*from), to, services),
            _ => {}
        }
        draft.add(policy);
        draft.add(match kind % 4 {
            0 => Assertion::must_reach(name("a", i), sides(*from), to, Service::ICMP),
            1 => Assertion::must_not_reach(name("a", i), sides(*from), to, Service::ANY),
            2 => Assertion::only_via_gateway(name("a", i), sides(*from), to),
            _ => Assertion::survives_loss_of(name("a", i), route, 2),
        });
    }
    empty.apply(empty.owner(), &draft.into_changes()).unwrap_or_else(|refused| panic!("{refused}"))
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same_workspace(
        nested in vec(0usize..4, 1..6),
        peers in vec(subsequence(vec![0usize, 1, 2], 0..=3), 0..8),
        policies in vec((0usize..50, 0usize..50, 0usize..20, any::<String>()), 0..6),
        flags: u8,
    ) {
        let written = workspace(&nested, &peers, &policies, flags);
        let (toml, json) = (written.to_toml(), written.to_json());
        let again = read(&toml);
        assert_same(&written, &again);
        prop_assert_eq!(again.to_toml(), toml);
        let again = Intent::from_json(&json).unwrap_or_else(|errors| panic!("{errors}\n{json}"));
        assert_same(&written, &again);
        prop_assert_eq!(again.to_json(), json);
    }
}
