//! The workloads that speed is measured with and that tests run at small sizes: W1 to W6.
//!
//! **Invariant**: the same kind and size give the same workspace, object for object; nothing here is random.
//!
//! - **W1**: everybody reaches everybody; each group also the next one on tcp/8080; one deny; up to 20 routes. Peer N-2 is
//!   expired, so nobody sees it.
//! - **W2**: N peers in G groups, one policy for each group, by which its members reach each other.
//! - **W3**: one group, and one policy that allows everything.
//! - **W4**: W1 without the policy for everybody, and each peer in four more groups, so that hardly two peers are alike.
//! - **W5**: seven admins see everybody; others see them and their own second device.
//! - **W6**: clients beside 20 gateways and 200 routes, two ranks each.
#![allow(dead_code, clippy::unwrap_used, reason = "for measurements and tests; each includer uses a part")]

use std::net::{IpAddr, Ipv4Addr};

use nanami_model::{
    Cidr, Gateway, GatewayId, Group, GroupId, Intent, Name, Network, NetworkId, Object, Peer, PeerId, Policy, PolicyId,
    PublicKey, Region, RegionId, Revision, Role, Route, RouteId, Service, Standing, User, UserId,
};

/// One of the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    W1,
    W2,
    W3,
    W4,
    W5,
    W6,
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "w1" => Self::W1,
            "w2" => Self::W2,
            "w3" => Self::W3,
            "w4" => Self::W4,
            "w5" => Self::W5,
            "w6" => Self::W6,
            _ => return Err(format!("a workload is w1 to w6, not {text:?}")),
        })
    }
}

/// A workspace of this kind with so many peers in so many groups; w3, w5 and w6 have their own groups.
pub(crate) fn workload(kind: Kind, peers: usize, groups: usize) -> Intent {
    let mut build = Build::new();
    match kind {
        Kind::W1 => build.netbird(peers, groups, false),
        Kind::W2 => build.teams(peers, groups),
        Kind::W3 => build.one_for_all(peers),
        Kind::W4 => build.netbird(peers, groups, true),
        Kind::W5 => build.hub(peers),
        Kind::W6 => build.clients(peers),
    }
    Intent::from_objects(workspace(), build.objects).unwrap()
}

/// The id of the object of this name in any workload.
pub(crate) fn peer_id(n: usize) -> PeerId {
    PeerId::derive(&workspace(), &named("peer", n), Revision::new(1))
}

pub(crate) fn group_id(n: usize) -> GroupId {
    GroupId::derive(&workspace(), &named("group", n), Revision::new(1))
}

/// The next revision, with this peer in another group of its own instead of its first.
pub(crate) fn regrouped(intent: &Intent, peer: usize, to: usize) -> Intent {
    let mut draft = intent.draft();
    draft.update(peer_id(peer), |old| {
        let kept: Vec<_> =
            old.groups().iter().copied().filter(|id| *id == everybody() || *id == group_id(to)).collect();
        old.with_groups(kept.into_iter().chain([group_id(to)]))
    });
    intent.apply(intent.owner(), &draft.into_changes()).unwrap()
}

/// The next revision, with so many peers, evenly spread, each in another group of its own.
pub(crate) fn many_regrouped(intent: &Intent, many: usize, peers: usize, groups: usize) -> Intent {
    let own: std::collections::BTreeSet<GroupId> = (0..groups).map(group_id).collect();
    let mut draft = intent.draft();
    for n in 0..many {
        draft.update(peer_id(n * (peers / many.max(1))), |peer| {
            let kept: Vec<_> = peer.groups().iter().copied().filter(|id| !own.contains(id)).collect();
            peer.with_groups(kept.into_iter().chain([group_id((n * 7 + 3) % groups)]))
        });
    }
    intent.apply(intent.owner(), &draft.into_changes()).unwrap()
}

fn workspace() -> Name {
    "scale".parse().unwrap()
}

fn named(kind: &str, n: usize) -> Name {
    format!("{kind}-{n}").parse().unwrap()
}

fn everybody() -> GroupId {
    GroupId::derive(&workspace(), &"all".parse().unwrap(), Revision::new(1))
}

/// A key that nobody has the private half of: measurements need a peer's key, never its secret.
fn key(n: usize) -> PublicKey {
    let mut bytes = [0x42; 32];
    bytes[1..9].copy_from_slice(&(n as u64).to_le_bytes());
    PublicKey::from_bytes(bytes).unwrap()
}

/// Steps through pseudorandom numbers (SplitMix64), so that W4 is the same everywhere.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

struct Build {
    objects: Vec<Object>,
    network: NetworkId,
}

impl Build {
    fn new() -> Self {
        let workspace = workspace();
        let (owner, network): (Name, Name) = ("owner".parse().unwrap(), "overlay".parse().unwrap());
        let user = UserId::derive(&workspace, &owner, Revision::new(1));
        let id = NetworkId::derive(&workspace, &network, Revision::new(1));
        // 2^22 addresses, and none of them in a route's prefix.
        let pool: Cidr = "100.64.0.0/10".parse().unwrap();
        let objects = vec![
            Object::User(user, User::new(owner).with_role(Role::Owner)),
            Object::Group(everybody(), Group::new("all".parse().unwrap())),
            Object::Network(id, Network::new(network, everybody(), [pool])),
        ];
        Self { objects, network: id }
    }

    fn group(&mut self, n: usize) -> GroupId {
        self.objects.push(Object::Group(group_id(n), Group::new(named("group", n))));
        group_id(n)
    }

    fn peer(&mut self, n: usize, groups: impl IntoIterator<Item = GroupId>) {
        let peer = self.plain(n, groups);
        self.objects.push(Object::Peer(peer_id(n), peer));
    }

    fn plain(&self, n: usize, groups: impl IntoIterator<Item = GroupId>) -> Peer {
        let address = IpAddr::V4(Ipv4Addr::from_bits(0x6440_0001 + n as u32));
        Peer::new(named("peer", n))
            .with_key(key(n))
            .with_networks([self.network])
            .with_groups(groups)
            .with_addresses([address])
    }

    fn policy(&mut self, policy: Policy) {
        let id = PolicyId::derive(&workspace(), nanami_model::Entity::name(&policy), Revision::new(1));
        self.objects.push(Object::Policy(id, policy));
    }

    fn region(&mut self, n: usize) -> RegionId {
        let id = RegionId::derive(&workspace(), &named("region", n), Revision::new(1));
        self.objects.push(Object::Region(id, Region::new(named("region", n))));
        id
    }

    fn gateway(&mut self, n: usize, peer: usize, region: RegionId) -> GatewayId {
        let id = GatewayId::derive(&workspace(), &named("gateway", n), Revision::new(1));
        self.objects.push(Object::Gateway(id, Gateway::new(named("gateway", n), peer_id(peer), region)));
        id
    }

    fn route(&mut self, n: usize, gateways: impl IntoIterator<Item = GatewayId>, redundancy: u8) -> RouteId {
        let id = RouteId::derive(&workspace(), &named("route", n), Revision::new(1));
        let prefix = Cidr::new(IpAddr::V4(Ipv4Addr::new(10, n as u8, 0, 0)), 16).unwrap();
        let route = Route::new(named("route", n), self.network, prefix, gateways).with_redundancy(redundancy);
        self.objects.push(Object::Route(id, route));
        id
    }

    /// W1 and W4.
    fn netbird(&mut self, peers: usize, groups: usize, adversarial: bool) {
        let ids: Vec<_> = (0..groups).map(|n| self.group(n)).collect();
        let mut draws = Draws(7);
        for n in 0..peers {
            // Group g is peers [g * N / G, (g + 1) * N / G).
            let own = ((n + 1) * groups).div_ceil(peers.max(1)) - 1;
            let mut of = vec![everybody(), ids[own]];
            if adversarial {
                of.extend((0..4).map(|_| ids[draws.below(groups)]));
                of.sort_unstable();
                of.dedup();
            }
            let peer = self.plain(n, of);
            let peer = if n + 2 == peers { peer.with_standing(Standing::Expired) } else { peer };
            self.objects.push(Object::Peer(peer_id(n), peer));
        }
        if !adversarial {
            self.policy(
                Policy::allow("all-to-all".parse().unwrap(), everybody(), everybody(), Service::ANY).both_ways(),
            );
        }
        for (n, id) in ids.iter().enumerate() {
            let next = ids[(n + 1) % groups];
            self.policy(Policy::allow(named("next", n), *id, next, Service::tcp(8080)).both_ways());
        }
        if groups > 1 {
            self.policy(Policy::deny("no-db".parse().unwrap(), ids[0], ids[1], Service::tcp(5432)).both_ways());
        }
        let region = self.region(0);
        for n in 0..groups.min(20).min(peers - peers / 2) {
            let gateway = self.gateway(n, peers / 2 + n, region);
            let route = self.route(n, [gateway], 1);
            self.policy(Policy::allow(named("use", n), ids[n % groups], route, Service::ANY));
        }
    }

    fn teams(&mut self, peers: usize, groups: usize) {
        let ids: Vec<_> = (0..groups).map(|n| self.group(n)).collect();
        (0..peers).for_each(|n| self.peer(n, [ids[n % groups]]));
        for (n, id) in ids.iter().enumerate() {
            self.policy(Policy::allow(named("team", n), *id, *id, Service::ANY).both_ways());
        }
    }

    fn one_for_all(&mut self, peers: usize) {
        (0..peers).for_each(|n| self.peer(n, [everybody()]));
        self.policy(Policy::allow("all-to-all".parse().unwrap(), everybody(), everybody(), Service::ANY).both_ways());
    }

    fn hub(&mut self, peers: usize) {
        let admins = self.group(0);
        for n in 0..peers.min(7) {
            self.peer(n, [everybody(), admins]);
        }
        for n in 7..peers {
            let pair = 1 + (n - 7) / 2;
            if (n - 7) % 2 == 0 {
                let own = self.group(pair);
                self.policy(Policy::allow(named("own", pair), own, own, Service::ANY).both_ways());
            }
            self.peer(n, [everybody(), group_id(pair)]);
        }
        self.policy(Policy::allow("admins".parse().unwrap(), admins, everybody(), Service::ANY).both_ways());
    }

    /// W6: the first 20 peers are the gateways; route r begins its ranks at gateway r mod 20.
    fn clients(&mut self, peers: usize) {
        const GATEWAYS: usize = 20;
        let clients = self.group(0);
        let regions: Vec<_> = (0..4).map(|n| self.region(n)).collect();
        for n in 0..peers + GATEWAYS {
            self.peer(n, (n >= GATEWAYS).then_some(clients));
        }
        let gateways: Vec<_> = (0..GATEWAYS).map(|n| self.gateway(n, n, regions[n % 4])).collect();
        for n in 0..200 {
            let order = (0..GATEWAYS).map(|k| gateways[(n + k) % GATEWAYS]).collect::<Vec<_>>();
            let route = self.route(n, order, 2);
            self.policy(Policy::allow(named("use", n), clients, route, Service::ANY));
        }
    }
}
