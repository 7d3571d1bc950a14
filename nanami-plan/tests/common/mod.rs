//! Workspaces for the tests: acme, and random small ones.
#![allow(dead_code, clippy::unwrap_used, reason = "test helpers; each binary uses a part")]

use nanami_model::{
    Cidr, Draft, Gateway, GatewayId, Group, GroupId, Intent, Mode, Name, Network, NetworkId, Peer, PeerId, Policy,
    PrivateKey, Region, Route, RouteId, Selector, Service, Services, User, name,
};
use proptest::prelude::*;

/// VISION's acme, as its document says: nobody has joined.
pub(crate) fn acme() -> Intent {
    Intent::from_toml(include_str!("../../../examples/acme.toml")).unwrap()
}

/// The same workspace with a key for every peer.
pub(crate) fn joined(intent: &Intent) -> Intent {
    let mut draft = intent.draft();
    for (n, (id, peer)) in intent.peers().enumerate() {
        if peer.key().is_none() {
            // Whoever left may have made room for a number that another one has.
            let free = |n: &usize| intent.peers().all(|(_, other)| other.key() != Some(key(*n)));
            let n = (n..).step_by(100).find(free).unwrap();
            draft.update(id, |peer| peer.with_key(key(n)));
        }
    }
    intent.apply(intent.owner(), &draft.into_changes()).unwrap()
}

/// Two plain devices behind different gateways that may reach each other, and one of them a route.
pub(crate) fn chain(intent: &Intent, draft: &mut Draft, n: usize, (a, b, c): (u8, u8, u8)) -> Option<()> {
    let gateways: Vec<GatewayId> = intent.gateways().map(|(id, _)| id).collect();
    let plain = |id: &PeerId| intent.gateway_of(*id).is_none();
    let devices: Vec<PeerId> = intent.peers().map(|(id, _)| id).filter(plain).collect();
    let routes: Vec<RouteId> = intent.routes().map(|(id, _)| id).collect();
    if gateways.len() < 2 || devices.len() < 2 {
        return None;
    }
    let two =
        |len: usize, at: u8| [usize::from(at) % len, (usize::from(at) + 1 + usize::from(at / 16) % (len - 1)) % len];
    let (by, ends) = (two(gateways.len(), a), two(devices.len(), b));
    for (device, gateway) in ends.into_iter().zip(by) {
        draft.update(devices[device], |peer| {
            let peer = if peer.key().is_none() { peer.with_key(key(3000 + 2 * n + gateway)) } else { peer };
            peer.with_mode(Mode::Limited { gateway: gateways[gateway] })
        });
    }
    let named = |kind: &str| -> Name { format!("{kind}-{n}").parse().unwrap() };
    let policy = Policy::allow(named("chain"), devices[ends[0]], devices[ends[1]], Service::tcp(443));
    let policy = if c % 8 == 0 { policy.with_via([gateways[by[usize::from(c / 8 % 2)]]]) } else { policy };
    draft.add(if c % 2 == 0 { policy.both_ways() } else { policy });
    if let Some(route) = routes.get(usize::from(c) % routes.len().max(1)) {
        draft.add(Policy::allow(named("chained"), devices[ends[0]], *route, Service::ANY));
    }
    Some(())
}

pub(crate) fn key(n: usize) -> nanami_model::PublicKey {
    let mut bytes = [7; 32];
    // Not into the first byte, whose low bits X25519 clears.
    bytes[1..9].copy_from_slice(&(n as u64).to_le_bytes());
    PrivateKey::from_bytes(bytes).public()
}

/// acme with everybody joined and one more policy.
pub(crate) fn with_policy(intent: &Intent, policy: Policy) -> Intent {
    let mut draft = intent.draft();
    draft.add(policy);
    intent.apply(intent.owner(), &draft.into_changes()).unwrap()
}

/// The plan of a random workspace: numbers that are taken modulo what there is.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) peers: Vec<(u8, u8, bool)>,
    pub(crate) nesting: Vec<u8>,
    pub(crate) gateways: u8,
    pub(crate) draining: u8,
    pub(crate) routes: Vec<(u8, u8, u8)>,
    pub(crate) policies: Vec<Draw>,
}

#[derive(Debug, Clone)]
pub(crate) struct Draw {
    pub(crate) from: u8,
    pub(crate) to: u8,
    pub(crate) services: u8,
    pub(crate) deny: bool,
    pub(crate) both: bool,
    pub(crate) via: u8,
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let draw = (any::<u8>(), any::<u8>(), any::<u8>(), 0u8..4, any::<bool>(), any::<u8>());
    let draw = draw.prop_map(|(from, to, services, deny, both, via)| Draw {
        from,
        to,
        services,
        deny: deny == 0,
        both,
        via: if via > 128 { via } else { 0 },
    });
    (
        prop::collection::vec((any::<u8>(), any::<u8>(), prop::bool::weighted(0.8)), 3..8),
        prop::collection::vec(any::<u8>(), 3),
        1u8..4,
        any::<u8>(),
        prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..4),
        prop::collection::vec(draw, 1..9),
    )
        .prop_map(|(peers, nesting, gateways, draining, routes, policies)| World {
            peers,
            nesting,
            gateways,
            draining,
            routes,
            policies,
        })
}

/// Prefixes that nest in each other, and an exit.
const PREFIXES: [&str; 5] = ["10.60.0.0/16", "10.60.1.0/24", "10.60.1.128/25", "fd60::/48", "0.0.0.0/0"];
const SERVICES: [&str; 7] = ["tcp/443", "tcp/400-500", "tcp/1-65535", "udp/53", "icmp", "any", "udp/1-100"];

impl World {
    /// The workspace, with or without its policies from `limit` on.
    pub(crate) fn intent(&self) -> Intent {
        self.with_policies(&self.policies)
    }

    pub(crate) fn with_policies(&self, policies: &[Draw]) -> Intent {
        let empty = Intent::new(name!("small"), User::new(name!("owner")));
        let mut draft = empty.draft();
        let named = |kind: &str, n: usize| -> Name { format!("{kind}{n}").parse().unwrap() };
        let mut groups: Vec<GroupId> = Vec::new();
        for (n, nests) in self.nesting.iter().enumerate() {
            let inner: Vec<_> =
                groups.iter().enumerate().filter(|(i, _)| nests >> i & 1 == 1).map(|(_, g)| *g).collect();
            groups.push(draft.add(Group::new(named("g", n)).with_groups(inner)));
        }
        let pool = |text: &str| text.parse::<Cidr>().unwrap();
        let networks: [NetworkId; 3] = [
            draft.add(Network::new(named("n", 0), groups[0], [pool("10.42.0.0/16"), pool("fd42::/48")])),
            draft.add(Network::new(named("n", 1), groups[1], [pool("10.43.0.0/16")])),
            draft.add(Network::new(named("n", 2), groups[2], [pool("fd44::/48")])),
        ];
        let region = draft.add(Region::new(named("r", 0)));
        let mut peers: Vec<PeerId> = Vec::new();
        let mut gateways: Vec<GatewayId> = Vec::new();
        for (n, (of, network, joined)) in self.peers.iter().enumerate() {
            let member: Vec<_> = groups.iter().enumerate().filter(|(i, _)| of >> i & 1 == 1).map(|(_, g)| *g).collect();
            let is_gateway = n < usize::from(self.gateways);
            // Gateways are in the first network, so that routes may name them.
            let within: Vec<_> = match (is_gateway, network % 5) {
                (true, _) => vec![networks[0]],
                (_, 4) => vec![networks[0], networks[1]],
                (_, 3) => vec![],
                (_, at) => vec![networks[usize::from(at)]],
            };
            let peer = Peer::new(named("p", n)).with_groups(member).with_networks(within);
            let id = draft.add(if *joined { peer.with_key(key(n)) } else { peer });
            peers.push(id);
            if is_gateway {
                let gateway = Gateway::new(named("w", n), id, region);
                let drains = self.draining >> n & 3 == 3;
                gateways.push(draft.add(if drains { gateway.draining() } else { gateway }));
            }
        }
        let chosen = |bits: u8| -> Vec<GatewayId> {
            let mut list: Vec<_> =
                gateways.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, g)| *g).collect();
            if bits & 64 == 64 {
                list.reverse();
            }
            list
        };
        let mut routes: Vec<RouteId> = Vec::new();
        let mut used = Vec::new();
        for (n, (prefix, by, redundancy)) in self.routes.iter().enumerate() {
            let prefix = PREFIXES[usize::from(*prefix) % PREFIXES.len()];
            let mut by = chosen(*by);
            if by.is_empty() {
                by.push(gateways[0]);
            }
            if used.contains(&prefix) {
                continue;
            }
            used.push(prefix);
            let redundancy = redundancy % by.len() as u8 + 1;
            let route = match prefix {
                "0.0.0.0/0" => Route::exit(named("t", n), networks[0], by),
                prefix => Route::new(named("t", n), networks[0], pool(prefix), by),
            };
            routes.push(draft.add(route.with_redundancy(redundancy)));
        }
        let side = |at: u8| -> Selector {
            let at = usize::from(at);
            match at % 4 {
                0 => groups[at / 4 % groups.len()].into(),
                1 => networks[at / 4 % networks.len()].into(),
                _ => peers[at / 4 % peers.len()].into(),
            }
        };
        for (n, draw) in policies.iter().enumerate() {
            let to_route = draw.to % 3 == 0 && !routes.is_empty();
            let to = if to_route { routes[usize::from(draw.to) / 3 % routes.len()].into() } else { side(draw.to) };
            let services = (0..SERVICES.len()).filter(|i| draw.services >> i & 1 == 1).take(2);
            let services = services.map(|i| SERVICES[i].parse::<Service>().unwrap());
            let services = Services::new(services).unwrap_or(Service::tcp(443).into());
            let policy = match draw.deny {
                true => Policy::deny(named("d", n), side(draw.from), to, services),
                false => Policy::allow(named("a", n), side(draw.from), to, services),
            };
            let via = if draw.deny || to_route { Vec::new() } else { chosen(draw.via) };
            let policy = policy.with_via(via);
            draft.add(if draw.both { policy.both_ways() } else { policy });
        }
        empty.apply(empty.owner(), &draft.into_changes()).unwrap()
    }
}
