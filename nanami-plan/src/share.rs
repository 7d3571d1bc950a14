//! One peer's share of the desired state, with peers named by id: what a map says before keys are filled in.
//!
//! **Invariants**: the host prefixes of a neighbor are its own exactly if the two go directly, else the ranked gateways carry
//! them; so no prefix has two egress owners (PLANNING.md I5), and a source is taken only from its peer and from the ranks of
//! the pair (I6). A neighbor is there only for an allowed pair that needs the tunnel (I9).
//!
//! A share is asked for in two ways: with everybody, as planned, and with those who have joined, which is what a map can say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::{
    AcceptRule, Cidr, Destination, ForwardRule, GatewayId, Layer, PeerId, RouteId, Setting, TrafficMode,
};

use crate::access::Grant;
use crate::desired::Desired;
use crate::paths::Way;

/// All that one peer must do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ties: BTreeMap<PeerId, Tie>,
    pub(crate) accept: BTreeSet<AcceptRule>,
    pub(crate) forward: BTreeSet<ForwardRule>,
    /// What of it sees the gateway's own address.
    pub(crate) masquerade: BTreeSet<Cidr>,
    pub(crate) routes: BTreeSet<Cidr>,
}

/// A tunnel to another peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tie {
    /// What is sent there, by rank: 0 is the egress owner.
    pub(crate) prefixes: BTreeMap<Cidr, u8>,
    /// Whether the other end carries something for this one, so that the tunnel is kept warm.
    pub(crate) carries: bool,
}

impl Share {
    /// Every prefix with the neighbors that it is sent to, the egress owner first.
    pub(crate) fn prefixes(&self) -> BTreeMap<Cidr, Vec<PeerId>> {
        let mut ranked: BTreeMap<Cidr, BTreeMap<u8, PeerId>> = BTreeMap::new();
        for (id, tie) in &self.ties {
            for (prefix, rank) in &tie.prefixes {
                ranked.entry(*prefix).or_default().insert(*rank, *id);
            }
        }
        ranked.into_iter().map(|(prefix, ranks)| (prefix, ranks.into_values().collect())).collect()
    }
}

/// Whom a share takes as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Everybody, pending peers too.
    Planned,
    /// Those who have a key.
    Joined,
}

/// The part of a share that is about these others, beside what is about the peer itself and about routes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Among {
    /// Whom tunnels and prefixes are about.
    pub(crate) ties: BTreeSet<PeerId>,
    /// Whom rules are about.
    pub(crate) rules: BTreeSet<PeerId>,
    /// Which routes it matters for that a gateway forwards to them.
    pub(crate) routes: BTreeSet<RouteId>,
}

/// Collects the share of one peer.
pub(crate) struct Sharing<'a> {
    desired: &'a Desired,
    peer: PeerId,
    whom: Whom,
    among: Option<&'a Among>,
    share: Share,
}

impl<'a> Sharing<'a> {
    /// The share of a peer; empty if there is no such peer.
    pub(crate) fn of(desired: &'a Desired, peer: PeerId, whom: Whom) -> Share {
        Self { desired, peer, whom, among: None, share: Share::default() }.run()
    }

    /// The part of the planned share of a peer that is about these others.
    pub(crate) fn of_part(desired: &'a Desired, peer: PeerId, among: &'a Among) -> Share {
        Self { desired, peer, whom: Whom::Planned, among: Some(among), share: Share::default() }.run()
    }

    /// What routes say to a peer: where its host sends what is behind them, and by whom. Its tunnels to others and what they may
    /// begin are left out.
    pub(crate) fn of_routes(desired: &'a Desired, peer: PeerId) -> Share {
        let among = Among::default();
        Sharing { desired, peer, whom: Whom::Joined, among: Some(&among), share: Share::default() }.run()
    }

    fn run(self) -> Share {
        let peer = self.peer;
        let mut sharing = self;
        sharing.share.addresses = sharing.addresses(peer);
        sharing.reach();
        sharing.be_reached();
        sharing.carry();
        sharing.route();
        sharing.share
    }

    /// The tunnels for what this peer begins.
    fn reach(&mut self) {
        for to in self.reached() {
            match to {
                Destination::Peer(other) => self.meet(other),
                Destination::Route(id) => {
                    let prefixes = self.desired.intent().get(id).map(|r| r.prefixes().to_vec()).unwrap_or_default();
                    let way = self.desired.way(self.peer, to);
                    let carriers = self.carriers_of(way);
                    self.send(&prefixes, &carriers);
                    // What nobody may carry goes into the tunnel all the same: refused there and at once, and not leaked.
                    if !carriers.is_empty() || way.is_nowhere() {
                        let overlay_only = self.overlay_only();
                        let own = |prefix: &Cidr| self.desired.selection().is_on_link(self.peer, prefix);
                        let routed = prefixes.iter().filter(|prefix| prefix.length() > 0 || !overlay_only);
                        let routed = routed.filter(|prefix| !own(prefix));
                        self.share.routes.extend(closed(routed));
                    }
                }
                Destination::Address(_) => {}
            }
        }
    }

    /// What this peer may reach, as far as it is asked about.
    fn reached(&self) -> Vec<Destination> {
        let access = self.desired.access();
        let Some(among) = self.among else { return access.from(self.peer).map(|(to, _)| to).collect() };
        let slot = self.desired.intent().slot(self.peer);
        let routes = slot.map(|slot| access.routes_from(slot)).unwrap_or_default();
        let peers = among.ties.iter().copied().map(Destination::Peer);
        let all = peers.chain(routes.into_iter().map(Destination::Route));
        all.filter(|to| !access.grants(self.peer, *to).is_empty()).collect()
    }

    /// Who may reach this peer, as far as it is asked about.
    fn reaching(&self) -> Vec<(PeerId, Vec<Grant>)> {
        let (access, to) = (self.desired.access(), Destination::Peer(self.peer));
        let Some(among) = self.among else { return access.to(to).collect() };
        let peers = among.ties.union(&among.rules).map(|from| (*from, access.grants(*from, to)));
        peers.filter(|(_, grants)| !grants.is_empty()).collect()
    }

    /// The tunnels for what others begin, and what they may.
    fn be_reached(&mut self) {
        for (from, grants) in self.reaching() {
            if !self.may_meet(from) {
                continue;
            }
            if self.among.is_none_or(|among| among.ties.contains(&from)) {
                self.meet(from);
            }
            if self.among.is_some_and(|among| !among.rules.contains(&from)) {
                continue;
            }
            for (source, _) in common_family(&self.addresses(from), &self.share.addresses) {
                let rule =
                    |g: &Grant| AcceptRule { from: source, services: g.services.clone(), policy: Some(g.policy) };
                self.share.accept.extend(grants.iter().map(rule));
            }
        }
    }

    /// What this peer forwards as a gateway, and the tunnels to those it does it for.
    fn carry(&mut self) {
        let mut masquerades: BTreeMap<RouteId, bool> = BTreeMap::new();
        for (from, to) in self.carried() {
            let there = |id| self.is_there(id);
            let targets = match to {
                Destination::Peer(other) if there(from) && there(other) => hosts(&self.addresses(other)),
                Destination::Route(route) if there(from) => self.desired.territory(route).to_vec(),
                _ => continue,
            };
            let far = if let Destination::Peer(other) = to { Some(other) } else { None };
            let Some(ends) = self.stretch(from, to, far, &targets) else { continue };
            for end in ends {
                if self.among.is_none_or(|among| among.ties.contains(&end)) {
                    self.tie_to(end);
                }
            }
            let asked = |among: &Among| match to {
                Destination::Route(route) => among.routes.contains(&route),
                _ => true,
            };
            if !self.among.is_none_or(asked) {
                continue;
            }
            let sources = hosts(&self.addresses(from));
            if let Destination::Route(route) = to
                && self.leaves_here(from, to)
                && *masquerades.entry(route).or_insert_with(|| self.desired.masquerades(self.peer, route))
                && !self.desired.access().grants(from, to).is_empty()
            {
                let meant = targets.iter().filter(|target| sources.iter().any(|s| s.is_ipv4() == target.is_ipv4()));
                self.share.masquerade.extend(meant.copied());
            }
            for grant in self.desired.access().grants(from, to) {
                for source in &sources {
                    for target in targets.iter().filter(|target| target.is_ipv4() == source.is_ipv4()) {
                        let (services, policy) = (grant.services.clone(), Some(grant.policy));
                        self.share.forward.insert(ForwardRule { from: *source, to: *target, services, policy });
                    }
                }
            }
        }
    }

    /// Whether this peer is the last gateway on a way: it hands on to no other one.
    fn leaves_here(&self, from: PeerId, to: Destination) -> bool {
        let own = self.desired.intent().gateway_of(self.peer).map(|(own, _)| own);
        self.desired.way(from, to).leaves_by(own)
    }

    /// The ends of a way to which this peer hands on by tunnels of their own. Where another gateway stands between, that one is sent what
    /// goes there. `None` if nobody can: what is to be handed on must not leave here.
    fn stretch(&mut self, from: PeerId, to: Destination, far: Option<PeerId>, targets: &[Cidr]) -> Option<Vec<PeerId>> {
        let way = self.desired.way(from, to);
        let Some(near) = way.near() else { return Some(std::iter::once(from).chain(far).collect()) };
        let own = self.desired.intent().gateway_of(self.peer).is_some_and(|(own, _)| own == near);
        let others = self.carriers(if own { way.gateways() } else { way.entries() });
        if others.is_empty() {
            return None;
        }
        if own {
            self.send(targets, &others);
            return Some(vec![from]);
        }
        let back = hosts(&self.addresses(from));
        self.tie_to(others[0]).prefixes.extend(back.into_iter().map(|host| (host, 0)));
        Some(far.into_iter().collect())
    }

    /// What this peer carries as a gateway, as far as it is asked about.
    fn carried(&self) -> Vec<(PeerId, Destination)> {
        let Some(among) = self.among else { return self.desired.carried_by(self.peer) };
        let Some((gateway, _)) = self.desired.intent().gateway_of(self.peer) else { return Vec::new() };
        let goes = |from, to| self.desired.way(from, to).passes(gateway);
        let mut carried = self.desired.pairs_carried_by(gateway);
        carried
            .extend(self.desired.chained_by(gateway).into_iter().filter(|(_, to)| matches!(to, Destination::Route(_))));
        for route in &among.routes {
            let clients = self.desired.access().sources(*route);
            let clients = clients.iter().filter_map(|slot| Some(self.desired.intent().in_slot(slot)?.0));
            let to = Destination::Route(*route);
            carried.extend(clients.filter(|from| goes(*from, to)).map(|from| (from, to)));
        }
        for from in &among.ties {
            let slot = self.desired.intent().slot(*from);
            let routes = slot.map(|slot| self.desired.access().routes_from(slot)).unwrap_or_default();
            let routes = routes.into_iter().map(Destination::Route);
            let granted = |to: &Destination| !self.desired.access().grants(*from, *to).is_empty();
            carried.extend(routes.filter(|to| goes(*from, *to) && granted(to)).map(|to| (*from, to)));
        }
        carried
    }

    /// What the host sends into the tunnel: besides what a gateway carries for it every address of the overlay, so that what
    /// is not allowed is refused here and at once, and leaves the machine neither in the clear nor by a time-out.
    fn route(&mut self) {
        let pools = self.desired.intent().networks().flat_map(|(_, network)| network.pools());
        self.share.routes.extend(pools);
        // Whoever sends everything through the tunnels does so too while no exit is there: nothing leaks.
        if self.traffic().value() == TrafficMode::FullTunnel {
            self.share.routes.extend([Cidr::ALL_V4, Cidr::ALL_V6]);
        }
    }

    fn traffic(&self) -> Setting<TrafficMode> {
        self.desired.intent().preference_of(self.peer).traffic()
    }

    /// Whether an exit that the peer may use is not where its host sends everything else. Where nobody says, it is: that is
    /// what somebody who may use an exit expects.
    fn overlay_only(&self) -> bool {
        let traffic = self.traffic();
        traffic.value() == TrafficMode::VpnOnly && traffic.layer() != Layer::Default
    }

    /// Sets up this end of the way to another peer.
    fn meet(&mut self, other: PeerId) {
        if !self.may_meet(other) {
            return;
        }
        let way = self.desired.between(self.peer, other);
        if way.is_direct() {
            self.tie_to(other);
        } else {
            let carriers = self.carriers_of(way);
            self.send(&hosts(&self.addresses(other)), &carriers);
        }
    }

    /// Whether the other is there and, if gateways carry the pair, one of them is.
    fn may_meet(&self, other: PeerId) -> bool {
        let way = self.desired.between(self.peer, other);
        self.is_there(other) && (way.is_direct() || !self.carriers_of(way).is_empty())
    }

    /// Sends prefixes by these carriers, the first of which owns them.
    fn send(&mut self, prefixes: &[Cidr], carriers: &[PeerId]) {
        for (rank, carrier) in carriers.iter().enumerate() {
            let tie = self.tie_to(*carrier);
            tie.carries = true;
            let rank = u8::try_from(rank).unwrap_or(u8::MAX);
            tie.prefixes.extend(prefixes.iter().map(|prefix| (*prefix, rank)));
        }
    }

    /// The tunnel to another peer, which owns its host prefixes unless gateways carry the pair.
    fn tie_to(&mut self, other: PeerId) -> &mut Tie {
        let direct = self.desired.between(self.peer, other).is_direct();
        let own = if direct { hosts(&self.addresses(other)) } else { Vec::new() };
        let tie = self.share.ties.entry(other).or_default();
        tie.prefixes.extend(own.into_iter().map(|host| (host, 0)));
        tie
    }

    /// The peers that this one sends to, to go a way, in order; nobody where a chain breaks off behind them.
    fn carriers_of(&self, way: &Way) -> Vec<PeerId> {
        if self.carriers(way.gateways()).is_empty() { Vec::new() } else { self.carriers(way.entries()) }
    }

    /// The peers behind these gateways that are there, in order.
    fn carriers(&self, gateways: &[GatewayId]) -> Vec<PeerId> {
        let bearers = gateways.iter().filter_map(|id| self.desired.intent().get(*id)).map(|gateway| gateway.peer());
        bearers.filter(|id| self.is_there(*id)).collect()
    }

    fn is_there(&self, peer: PeerId) -> bool {
        let entity = self.desired.intent().get(peer);
        entity.is_some_and(|e| e.status().is_effective() && (self.whom == Whom::Planned || e.key().is_some()))
    }

    fn addresses(&self, peer: PeerId) -> Vec<IpAddr> {
        self.desired.intent().live_addresses(peer)
    }
}

/// The prefixes that a host routes into the tunnel: whoever sends everything of one family through it leaks nothing of the other
/// (PLANNING.md I13).
fn closed<'a>(prefixes: impl Iterator<Item = &'a Cidr>) -> Vec<Cidr> {
    let both = |prefix: &Cidr| if prefix.length() == 0 { vec![Cidr::ALL_V4, Cidr::ALL_V6] } else { vec![*prefix] };
    prefixes.flat_map(both).collect()
}

/// The ranges that hold just these addresses.
pub(crate) fn hosts(addresses: &[IpAddr]) -> Vec<Cidr> {
    addresses.iter().copied().map(Cidr::host).collect()
}

/// The pairs of addresses that can speak with each other: for each source the first destination of its family.
pub(crate) fn common_family(from: &[IpAddr], to: &[IpAddr]) -> Vec<(Cidr, IpAddr)> {
    let partner = |a: &IpAddr| to.iter().copied().find(|b| a.is_ipv4() == b.is_ipv4());
    from.iter().filter_map(|a| Some((Cidr::host(*a), partner(a)?))).collect()
}
