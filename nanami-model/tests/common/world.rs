//! Workspaces with every kind of object and every field of each, as bytes choose.
//!
//! **Invariant**: whatever the bytes are, the workspace breaks no rule; names collide across kinds on purpose. That every field is
//! drawn is a test of `round_trip.rs`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use nanami_model::{
    Activity, Actor, Admission, Assertion, Cidr, Condition, Draft, Duties, Duty, Entity, Facts, Gateway, GatewayId,
    GatewaySelector, Group, GroupId, Identity, Intent, JoinKey, JoinSecret, Lifecycle, Lifetime, Mode, Name, Network,
    NetworkId, OnAllDown, Os, Peer, PeerId, Policy, PrivateKey, Region, RegionId, ReturnPath, Role, Route, RouteId,
    RouteMode, RoutingMode, RoutingPreference, Selector, Serves, Service, Services, Session, Standing, Timestamp,
    TrafficMode, User, UserId, Uses, Version, name,
};

use super::dice::Dice;

const ROLES: [Role; 4] = [Role::Viewer, Role::Member, Role::Admin, Role::Owner];
const SYSTEMS: [Os; 6] = [Os::Android, Os::Freebsd, Os::Ios, Os::Linux, Os::Macos, Os::Windows];
const REASONS: [&str; 4] = ["", "a reason", "quote \" \\ 'n' control \u{1}\u{7f}\n\r\t#", "höher 🦀 \u{2028}"];

/// The workspace that these bytes choose, at revision 2.
pub(crate) fn world(bytes: &[u8]) -> Intent {
    let empty = Intent::new(name!("acme"), User::new(name!("netops")));
    let mut maker = Maker { dice: Dice::new(bytes), draft: empty.draft(), made: Made::default() };
    maker.owners();
    maker.overlay();
    maker.rules();
    let made = maker.made;
    let once = empty.apply(Actor::Control, &maker.draft.into_changes()).unwrap_or_else(|refused| panic!("{refused}"));
    let mut later = Maker { dice: maker.dice, draft: once.draft(), made };
    later.preferences(&once);
    later.what_happened(&once);
    once.apply(Actor::Control, &later.draft.into_changes()).unwrap_or_else(|refused| panic!("{refused}"))
}

/// A gateway with what decides who may name it.
#[derive(Clone)]
struct Forwarder {
    id: GatewayId,
    region: RegionId,
    duties: Duties,
    serves: Vec<NetworkId>,
    disabled: bool,
}

#[derive(Default)]
struct Made {
    groups: Vec<GroupId>,
    users: Vec<UserId>,
    networks: Vec<(NetworkId, Vec<Cidr>)>,
    gateways: Vec<Forwarder>,
    peers: Vec<(PeerId, Name, Vec<NetworkId>)>,
    pending: Vec<PeerId>,
    routes: Vec<RouteId>,
}

struct Maker<'a> {
    dice: Dice<'a>,
    draft: Draft,
    made: Made,
}

fn named(prefix: &str, n: usize) -> Name {
    format!("{prefix}{n}").parse().unwrap()
}

fn nth(pool: &Cidr, n: u32) -> IpAddr {
    match pool.address() {
        IpAddr::V4(v4) => (u32::from(v4) + n).to_be_bytes().into(),
        IpAddr::V6(v6) => (u128::from(v6) + u128::from(n)).to_be_bytes().into(),
    }
}

impl Maker<'_> {
    fn owners(&mut self) {
        for n in 0..1 + self.dice.roll(5) {
            let inner = self.dice.some(&self.made.groups);
            self.made.groups.push(self.draft.add(Group::new(named("x", n)).with_groups(inner)));
        }
        for n in 0..self.dice.roll(4) {
            let mut user = User::new(named("u", n)).with_groups(self.dice.some(&self.made.groups));
            if self.dice.once_in(2) {
                user = user.with_role(ROLES[self.dice.roll(4)]);
            }
            for group in self.dice.some(&self.made.groups) {
                user = user.with_group_role(group, ROLES[self.dice.roll(4)]);
            }
            let known = |k: usize| Identity::new("https://login.example.com/a?b=\"c\"#d", &format!("{n}|{k}")).unwrap();
            user = user.with_identities((0..self.dice.roll(3)).map(known));
            self.made.users.push(self.draft.add(user));
        }
    }

    fn overlay(&mut self) {
        for n in 0..1 + self.dice.roll(3) {
            let pools = [format!("10.{n}.0.0/24"), format!("fd0{n}::/48")].map(|pool| pool.parse::<Cidr>().unwrap());
            let (pools, owner) = (self.dice.few(&pools), self.dice.one(&self.made.groups).unwrap());
            let mut network = Network::new(named("net", n), owner, pools.clone());
            if self.dice.once_in(3) {
                network = network.with_dns_suffix(format!("net{n}.acme.internal").parse().unwrap());
            }
            self.made.networks.push((self.draft.add(network), pools));
        }
        let region = |n| if n == 0 { name!("lonely") } else { named("net", n) };
        let regions: Vec<RegionId> =
            (0..1 + self.dice.roll(3)).map(|n| self.draft.add(Region::new(region(n)))).collect();
        for n in 0..self.dice.roll(4) {
            self.gateway(n, &regions);
        }
        for n in 0..self.dice.roll(7) {
            let peer = self.peer(named("x", n + 1), 10 + n);
            let peer = self.plain_device(peer);
            self.add_peer(peer);
        }
    }

    fn gateway(&mut self, n: usize, regions: &[RegionId]) {
        let (own, region) = (self.dice.once_in(2), self.dice.roll(regions.len()));
        let peer = self.peer(if own { named("gw", n) } else { named("machine", n) }, n);
        let (id, networks) = self.add_peer(peer);
        let mut gateway = Gateway::new(named("gw", n), id, regions[region]);
        let duties = self.dice.few(&[Duty::Ingress, Duty::Egress, Duty::Transit]);
        let duties = if self.dice.once_in(2) { Duties::ALL } else { Duties::new(duties).unwrap() };
        let activity = [Activity::Active, Activity::Active, Activity::Draining, Activity::Disabled][self.dice.roll(4)];
        gateway = gateway.with_duties(duties).with_activity(activity);
        if self.dice.once_in(3) {
            gateway = gateway.with_capacity(NonZeroU32::new(1 + self.dice.roll(9) as u32).unwrap());
        }
        if self.dice.once_in(3) {
            gateway = gateway.with_host(named("rack", region));
        }
        let mut serves = networks.clone();
        if self.dice.once_in(3) && !networks.is_empty() {
            serves = self.dice.few(&networks);
            gateway = gateway.with_serves(Serves::Only(serves.clone()));
        }
        let (id, disabled) = (self.draft.add(gateway), activity == Activity::Disabled);
        self.made.gateways.push(Forwarder { id, region: regions[region], duties, serves, disabled });
    }

    /// A peer with an agent, or nothing yet.
    fn peer(&mut self, name: Name, number: usize) -> Peer {
        let networks = self.dice.some(&self.made.networks);
        let mut peer = Peer::new(name).with_networks(networks.iter().map(|(id, _)| *id));
        peer = peer.with_groups(self.dice.some(&self.made.groups));
        if self.dice.once_in(2) {
            peer = peer.with_key(PrivateKey::from_bytes([number as u8 + 1; 32]).public());
        }
        if let (true, Some((_, pools))) = (self.dice.once_in(3), networks.first()) {
            let at = nth(&pools[0], 200 + number as u32);
            peer = peer.with_addresses([at]);
        }
        if let (true, Some(owner)) = (self.dice.once_in(3), self.dice.one(&self.made.users)) {
            peer = peer.with_owner(owner);
        }
        peer = peer.with_standing(
            [Standing::Active, Standing::Active, Standing::Suspended, Standing::Expired][self.dice.roll(4)],
        );
        if self.dice.once_in(4) { peer.with_lifetime(Lifetime::Ephemeral) } else { peer }
    }

    fn plain_device(&mut self, peer: Peer) -> Peer {
        let able = |gateway: &&Forwarder| {
            let serves = gateway.serves.iter().any(|network| peer.networks().contains(network));
            serves && !gateway.disabled && gateway.duties.contains(Duty::Ingress)
        };
        let able: Vec<_> = self.made.gateways.iter().filter(able).map(|gateway| gateway.id).collect();
        match (self.dice.once_in(2) && peer.key().is_some(), self.dice.one(&able)) {
            (true, Some(gateway)) => peer.with_mode(Mode::Limited { gateway }),
            _ => peer,
        }
    }

    fn add_peer(&mut self, peer: Peer) -> (PeerId, Vec<NetworkId>) {
        let (name, networks, pending) = (peer.name().clone(), peer.networks().to_vec(), peer.key().is_none());
        let id = self.draft.add(peer);
        self.made.peers.push((id, name, networks.clone()));
        self.made.pending.extend(pending.then_some(id));
        (id, networks)
    }

    fn rules(&mut self) {
        (0..self.dice.roll(4)).for_each(|n| self.route(n));
        (0..self.dice.roll(5)).for_each(|n| self.policy(n));
        (0..self.dice.roll(4)).for_each(|n| self.join_key(n));
        (0..self.dice.roll(6)).for_each(|n| self.assertion(n));
    }

    fn route(&mut self, n: usize) {
        let Some((network, _)) = self.dice.one(&self.made.networks) else { return };
        let able = |gateway: &&Forwarder| gateway.serves.contains(&network) && gateway.duties.contains(Duty::Egress);
        let able: Vec<_> = self.made.gateways.iter().filter(able).cloned().collect();
        if able.is_empty() {
            return;
        }
        let (selector, count) = match self.dice.roll(3) {
            0 => (GatewaySelector::All, able.len()),
            1 => {
                let region = self.dice.one(&able).unwrap().region;
                (
                    GatewaySelector::InRegion(vec![region]),
                    able.iter().filter(|gateway| gateway.region == region).count(),
                )
            }
            _ => {
                let mut few: Vec<_> = self.dice.few(&able).iter().map(|gateway| gateway.id).collect();
                let count = few.len();
                few.rotate_left(self.dice.roll(count));
                (GatewaySelector::Only(few), count)
            }
        };
        let mut route = match n {
            0 => Route::exit(named("net", n), network, selector),
            _ => Route::new(named("net", n), network, format!("192.168.{n}.0/24").parse().unwrap(), selector),
        };
        let mode = [RouteMode::Primary, RouteMode::Balanced, RouteMode::Pinned, RouteMode::Nearest][self.dice.roll(4)];
        let mut back = [ReturnPath::Unstated, ReturnPath::Declared, ReturnPath::Snat][self.dice.roll(3)];
        if mode == RouteMode::Balanced && back == ReturnPath::Unstated {
            back = ReturnPath::Snat;
        }
        if mode != RouteMode::Pinned {
            route = route.with_redundancy(1 + self.dice.roll(count) as u8);
        }
        let down = [OnAllDown::Hold, OnAllDown::FallBack, OnAllDown::Drop][self.dice.roll(3)];
        let id = self.draft.add(route.with_mode(mode).with_return_path(back).with_on_all_down(down));
        self.made.routes.push(id);
    }

    /// Who may begin.
    fn side(&mut self) -> Selector {
        let peer = self.dice.one(&self.made.peers);
        match (self.dice.roll(3), peer) {
            (0, Some((peer, ..))) => peer.into(),
            (1, _) => self.dice.one(&self.made.networks).unwrap().0.into(),
            _ => self.dice.one(&self.made.groups).unwrap().into(),
        }
    }

    fn target(&mut self) -> Selector {
        let route = self.dice.one(&self.made.routes);
        let side = self.side();
        route.filter(|_| self.dice.once_in(3)).map_or(side, Selector::from)
    }

    fn service(&mut self) -> Service {
        let port = 1 + self.dice.roll(200) as u16;
        [Service::tcp(port), "udp/1-65535".parse().unwrap(), Service::ICMP, Service::ANY, Service::udp(port)]
            [self.dice.roll(5)]
    }

    fn policy(&mut self, n: usize) {
        let (from, to) = (self.side(), self.target());
        let services = Services::new((0..=self.dice.roll(3)).map(|_| self.service()).collect::<Vec<_>>()).unwrap();
        let to_route = matches!(to, Selector::Route(_));
        let mut policy = if self.dice.once_in(4) {
            Policy::deny(named("p", n), from, to, services)
        } else {
            let mut policy = Policy::allow(named("p", n), from, to, services);
            let transit = self.made.gateways.iter().filter(|gateway| gateway.duties.contains(Duty::Transit));
            let via = self.dice.some(&transit.map(|gateway| gateway.id).collect::<Vec<_>>());
            if !to_route {
                policy = policy.with_via(via);
            }
            policy.with_conditions(self.conditions())
        };
        if self.dice.once_in(3) && !to_route {
            policy = policy.both_ways();
        }
        if self.dice.once_in(2) {
            let letter = |dice: &mut Dice<'_>| char::from_u32((dice.roll(256) << 8 | dice.roll(256)) as u32);
            let length = self.dice.roll(9);
            let drawn: String = (0..length).filter_map(|_| letter(&mut self.dice)).collect();
            policy = policy.with_reason(REASONS[self.dice.roll(4)].to_owned() + &drawn);
        }
        self.draft.add(policy);
    }

    fn version(&mut self) -> Version {
        let part = [0, 1, 9, 10, u32::MAX];
        Version::new(part[self.dice.roll(5)], part[self.dice.roll(5)], part[self.dice.roll(5)])
    }

    fn conditions(&mut self) -> Vec<Condition> {
        let all = [
            Condition::os(self.dice.few(&SYSTEMS)),
            Condition::MinOsVersion(self.version()),
            Condition::MinAgentVersion(self.version()),
        ];
        if self.dice.once_in(2) { self.dice.some(&all) } else { Vec::new() }
    }

    fn join_key(&mut self, n: usize) {
        let mut key = JoinKey::one_off(named("k", n));
        if let (true, Some(peer)) = (self.dice.once_in(2), self.dice.one(&self.made.pending)) {
            key = key.for_peer(peer);
        } else {
            key = key.with_uses(
                [Uses::OneOff, Uses::Reusable, Uses::Limited(NonZeroU32::new(7).unwrap())][self.dice.roll(3)],
            );
            let networks: Vec<_> = self.made.networks.iter().map(|(id, _)| *id).collect();
            key = key.with_groups(self.dice.some(&self.made.groups)).with_networks(self.dice.some(&networks));
        }
        if self.dice.once_in(3) {
            key = key.with_lifetime(Lifetime::Ephemeral);
        }
        if self.dice.once_in(3) {
            key = key.with_admission(Admission::Held);
        }
        if self.dice.once_in(2) {
            let at = [1, 1_000, 1_796_083_200_000, 253_402_300_799_999];
            key = key.with_expiry(Timestamp::from_millis(at[self.dice.roll(4)]));
        }
        let key = if self.dice.once_in(4) { key.revoked() } else { key };
        match self.dice.once_in(2) {
            true => _ = self.draft.add_join_key(key, |id| JoinSecret::new(id, [n as u8; 20]).hash()),
            false => _ = self.draft.add(key),
        }
    }

    fn assertion(&mut self, n: usize) {
        let (name, from, to, service) = (named("a", n), self.side(), self.target(), self.service());
        let route = self.dice.one(&self.made.routes);
        self.draft.add(match (self.dice.roll(6), route) {
            (0, Some(route)) => Assertion::survives_loss_of(name, route, 1 + self.dice.roll(255) as u8),
            (1, _) => Assertion::must_reach(name, from, to, service),
            (2, _) => Assertion::must_not_reach(name, from, to, service),
            (3, _) => Assertion::only_via_gateway(name, from, to),
            (4, _) => Assertion::never_touches(name, from),
            _ => Assertion::removes_at_most(name, [0, 10, u64::from(u32::MAX) + 1][self.dice.roll(3)]),
        });
    }

    /// What somebody in these networks may prefer; `None` is everybody.
    fn preference(&mut self, networks: &[NetworkId]) -> Option<RoutingPreference> {
        let mut wanted = RoutingPreference::none();
        if self.dice.once_in(2) {
            wanted = wanted.with_traffic([TrafficMode::VpnOnly, TrafficMode::FullTunnel][self.dice.roll(2)]);
        }
        let network = self.dice.one(networks);
        let mut pick = |duty| {
            let able = |gateway: &&Forwarder| {
                let serves = network.is_some_and(|network| gateway.serves.contains(&network));
                serves && !gateway.disabled && gateway.duties.contains(duty)
            };
            let able: Vec<_> = self.made.gateways.iter().filter(able).map(|gateway| gateway.id).collect();
            self.dice.one(&able).filter(|_| self.dice.roll(3) > 0)
        };
        let (ingress, egress) = (pick(Duty::Ingress), pick(Duty::Egress));
        match self.dice.roll(3) {
            0 => {}
            1 => wanted = wanted.with_routing(RoutingMode::Auto),
            _ if ingress.is_none() && egress.is_none() => {}
            _ => wanted = wanted.with_routing(RoutingMode::Manual { ingress, egress }),
        }
        (!wanted.is_none()).then_some(wanted)
    }

    fn preferences(&mut self, once: &Intent) {
        let all: Vec<_> = self.made.networks.iter().map(|(id, _)| *id).collect();
        let lost = (0..self.dice.roll(3)).map(|n| PrivateKey::from_bytes([200 + n as u8; 32]).public());
        self.draft.update(once.workspace(), |it| it.with_revoked_keys(lost));
        let wanted = self.preference(&all);
        wanted.into_iter().for_each(|wanted| self.draft.update(once.workspace(), |it| it.with_preference(wanted)));
        for user in self.made.users.clone() {
            self.preference(&all)
                .into_iter()
                .for_each(|wanted| self.draft.update(user, |it| it.with_preference(wanted)));
        }
        for network in all {
            let wanted = self.preference(&[network]);
            wanted.into_iter().for_each(|wanted| self.draft.update(network, |it| it.with_preference(wanted)));
        }
        for (peer, _, networks) in self.made.peers.clone() {
            let wanted = self.preference(&networks);
            wanted.into_iter().for_each(|wanted| self.draft.update(peer, |it| it.with_preference(wanted)));
        }
    }

    /// What happens to a workspace that lives: sessions, reports, keys that were used, networks at their end.
    fn what_happened(&mut self, once: &Intent) {
        for (network, _) in self.made.networks.clone() {
            let lifecycle = [Lifecycle::Active, Lifecycle::Suspended, Lifecycle::Retired][self.dice.roll(3)];
            self.draft.update(network, |it| it.with_lifecycle(lifecycle));
        }
        for (peer, name, _) in self.made.peers.clone() {
            if self.dice.once_in(2) {
                let facts = self.facts();
                self.draft.update(peer, |it| it.with_facts(facts));
            }
            if self.dice.once_in(3) {
                let at = |n: usize| Timestamp::from_millis(n as u64 * 1_000);
                let mut session = Session::new(name, peer, at(self.dice.roll(9)), at(10 + self.dice.roll(9)));
                if self.dice.once_in(2) {
                    session = session.with_idle_limit(Duration::from_millis(1 + self.dice.roll(99) as u64));
                }
                self.draft.add(if self.dice.once_in(3) { session.revoked() } else { session });
            }
        }
        for (key, entity) in once.join_keys().map(|(id, key)| (id, key.clone())).collect::<Vec<_>>() {
            let peer = self.dice.one(&self.made.peers);
            if let (None, false, Some((peer, ..)), true) =
                (entity.peer(), entity.is_revoked(), peer, self.dice.once_in(2))
            {
                self.draft.update(key, |it| it.redeemed(peer));
                self.draft.update(peer, |it| it.with_join_key(key));
            }
        }
    }

    fn facts(&mut self) -> Facts {
        let mut facts = Facts::unknown();
        if self.dice.once_in(2) {
            facts = facts.with_os(SYSTEMS[self.dice.roll(6)]);
        }
        if self.dice.once_in(2) {
            facts = facts.with_os_version(self.version());
        }
        if self.dice.once_in(2) { facts.with_agent_version(self.version()) } else { facts }
    }
}
