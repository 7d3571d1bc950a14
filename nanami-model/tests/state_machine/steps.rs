//! Changes from a small world, in which much collides.

use std::net::IpAddr;
use std::sync::LazyLock;

use nanami_model::{
    Change, Cidr, Gateway, GatewayId, Group, GroupId, Name, Network, NetworkId, Object, Peer, PeerId, Policy, PolicyId,
    PrivateKey, PublicKey, Region, RegionId, Role, Route, RouteId, Selector, Service, User, UserId,
};
use proptest::prelude::*;

/// One change, by numbers: what to do, the kind and the id of the object, its name, and five choices for its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    verb: u8,
    kind: u8,
    id: u8,
    name: u8,
    pick: [u8; 5],
}

/// Change sets; first ones that mostly succeed.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let add = |kind, id| Step { verb: 0, kind, id, name: id, pick: [id, 0, id, 0, 0] };
    let world: Vec<_> = (0..8).map(|kind| (0..2).map(|id| add(kind, id)).collect::<Vec<_>>()).collect();
    let any = (0u8..8, 0u8..8, 0u8..4, 0u8..5, any::<[u8; 5]>());
    let any = any.prop_map(|(verb, kind, id, name, pick)| {
        // Most objects keep the name that their id suggests, so that not everything is refused for its name.
        Step { verb, kind, id, name: if name == 4 { pick[4] % 4 } else { id }, pick }
    });
    let sets = proptest::collection::vec(proptest::collection::vec(any, 1..4), 1..25);
    (any_bool(), sets).prop_map(move |(begun, sets)| if begun { [world.clone(), sets].concat() } else { sets })
}

fn any_bool() -> impl Strategy<Value = bool> {
    any::<u8>().prop_map(|n| n > 30)
}

fn id(n: u8) -> [u8; 10] {
    [n % 4 + 1; 10]
}

fn named(kind: &str, n: u8) -> Name {
    format!("{kind}{n}").parse().unwrap()
}

static KEYS: LazyLock<[PublicKey; 4]> =
    LazyLock::new(|| [1, 2, 3, 4].map(|n| PrivateKey::from_bytes([n; 32]).public()));

const POOLS: [&str; 6] = ["10.0.0.0/28", "10.0.0.16/28", "10.0.1.0/24", "10.0.1.64/28", "fd00::/64", "fd00:0:0:1::/64"];
const PREFIXES: [&str; 5] = ["10.9.0.0/16", "10.9.1.0/24", "0.0.0.0/0", "10.0.1.0/26", "10.0.0.0/8"];
const FIXED: [&str; 4] = ["10.0.0.1", "10.0.0.2", "10.0.0.17", "10.0.1.65"];

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// Elements that the bits of a number choose.
fn some<T: Copy>(all: &[T], bits: u8) -> Vec<T> {
    all.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, value)| *value).collect()
}

pub(crate) fn step(step: &Step) -> Change {
    let object = object(step);
    match step.verb {
        0..=2 => Change::Add(object),
        3..=5 => Change::Update(object),
        _ => Change::Remove(object.id()),
    }
}

fn object(step: &Step) -> Object {
    let [a, b, c, d, _] = step.pick;
    let groups = |bits: u8| some(&[0, 1, 2, 3].map(|n| GroupId::from_bytes(id(n))), bits & 3);
    let gateways = |bits: u8| some(&[0, 1, 0, 2].map(|n| GatewayId::from_bytes(id(n))), bits);
    match step.kind {
        0 => {
            let user = User::new(named("u", step.name)).with_groups(groups(a));
            let user = if b % 3 == 0 { user.with_role(Role::Owner) } else { user };
            Object::User(UserId::from_bytes(id(step.id)), user)
        }
        1 => {
            let nested = if step.id == 0 && b % 4 != 0 { Vec::new() } else { groups(a) };
            let nested = nested.into_iter().filter(|g| *g != GroupId::from_bytes(id(step.id)) || b % 8 == 0);
            Object::Group(GroupId::from_bytes(id(step.id)), Group::new(named("g", step.name)).with_groups(nested))
        }
        2 => {
            let pools = some(&POOLS, if c < 2 { 1 << c } else { c & d }).into_iter().map(cidr);
            let network = Network::new(named("n", step.name), GroupId::from_bytes(id(b % 2)), pools);
            Object::Network(NetworkId::from_bytes(id(step.id)), network)
        }
        3 => Object::Region(RegionId::from_bytes(id(step.id)), Region::new(named("r", step.name))),
        4 => Object::Peer(PeerId::from_bytes(id(step.id)), peer(step, groups(a))),
        5 => {
            let (peer, region) = (PeerId::from_bytes(id(step.id)), RegionId::from_bytes(id(b % 3)));
            Object::Gateway(GatewayId::from_bytes(id(step.id)), Gateway::new(named("gw", step.name), peer, region))
        }
        6 => {
            let prefix = cidr(PREFIXES[usize::from(c) % PREFIXES.len()]);
            let (network, gateways) = (NetworkId::from_bytes(id(b % 2)), gateways(if a < 2 { 1 << a } else { a & 15 }));
            let route = Route::new(named("rt", step.name), network, prefix, gateways).with_redundancy(d % 3);
            Object::Route(RouteId::from_bytes(id(step.id)), route)
        }
        _ => Object::Policy(PolicyId::from_bytes(id(step.id)), policy(step, gateways(a & b & 15))),
    }
}

fn peer(step: &Step, groups: Vec<GroupId>) -> Peer {
    let [a, b, c, d, _] = step.pick;
    let networks = some(&[0, 1, 2].map(|n| NetworkId::from_bytes(id(n))), if c < 2 { 1 } else { c & 7 });
    let peer = Peer::new(named("p", step.name)).with_groups(groups).with_networks(networks);
    let peer = if b % 2 == 1 { peer.with_key(KEYS[usize::from(b / 2) % 4]) } else { peer };
    let peer = if d % 4 == 1 { peer.with_owner(UserId::from_bytes(id(a))) } else { peer };
    match d % 8 {
        2 => peer.with_addresses([FIXED[usize::from(d / 8) % 4].parse::<IpAddr>().unwrap()]),
        _ => peer,
    }
}

fn policy(step: &Step, via: Vec<GatewayId>) -> Policy {
    let [_, _, c, d, _] = step.pick;
    let side = |n: u8| match n % 5 {
        0 | 1 => Selector::Peer(PeerId::from_bytes(id(n / 5))),
        2 => Selector::Group(GroupId::from_bytes(id(n / 5))),
        3 => Selector::Network(NetworkId::from_bytes(id(n / 5))),
        _ => Selector::Route(RouteId::from_bytes(id(n / 5))),
    };
    let name = named("pol", step.name);
    let policy = match d % 4 {
        3 => Policy::deny(name, side(c), side(d), Service::ANY),
        _ => Policy::allow(name, side(c), side(d), Service::ANY),
    };
    if via.is_empty() { policy } else { policy.with_via(via) }
}
