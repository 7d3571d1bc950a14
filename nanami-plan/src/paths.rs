//! Which way the packets of each pair go.
//!
//! **Invariants**: a pair of peers has one way, the same in both directions, for WireGuard sends by address and not by port.
//! A gateway that carries anything for a peer is reached by that peer directly.
//!
//! Where policies of one pair disagree, `via` wins: it is a demand, its absence is none, so a policy without `via` is
//! satisfied by a gateway on the way and a policy with it is not satisfied without. What an `only_via_gateway` assertion
//! promises therefore never depends on what else is allowed. Of several `via` lists those gateways are taken that are in all
//! of them; a list that has nothing in common with those before it, by the policies' names, yields.
//! A flow that ends at a gateway which it would go through, or which serves its other end anyway, goes there directly.
//!
//! Where no gateway may serve what needs one, there is no way: never a direct one instead, and what a route falls back to is the
//! next wider route's, if it says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use nanami_model::{
    Cidr, Destination, GatewayId, Intent, Name, OnAllDown, Path, PeerId, PolicyId, Route, RouteId, Slot,
};

use crate::access::Access;
use crate::access::expand::{Scratch, Toward};
use crate::bitmap::{Bitmap, bits};
use crate::chain::{self, Obstacle};
use crate::demand::Demands;
use crate::selection::Selection;
use crate::selection::candidates;
use crate::selection::roster::Roster;

/// The gateways on the way of a pair, ranked; none of them means that the two have a tunnel of their own.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// What the one tunnel of a plain device leads to, where that hands on to one of the ranks.
    near: Option<GatewayId>,
    ranks: Vec<GatewayId>,
    /// Whether a gateway is needed and none may serve.
    nowhere: bool,
}

impl Way {
    /// The gateways: the one in use first, then the standbys. Empty means direct.
    pub fn gateways(&self) -> &[GatewayId] {
        &self.ranks
    }

    /// The gateways that take over when those before them are dead.
    pub fn standbys(&self) -> &[GatewayId] {
        self.ranks.get(1..).unwrap_or_default()
    }

    /// The gateway before those, which hands on to them; `None` unless two gateways are on the way.
    pub fn near(&self) -> Option<GatewayId> {
        self.near
    }

    /// The path to the first hop while everything is well.
    pub fn path(&self) -> Path {
        self.entries().first().map_or(Path::Direct, |id| Path::Gateway(*id))
    }

    /// Whether there is no gateway on the way.
    pub fn is_direct(&self) -> bool {
        self.ranks.is_empty() && !self.nowhere
    }

    /// Whether there is no way at all: a gateway is needed, and none may serve.
    pub fn is_nowhere(&self) -> bool {
        self.nowhere
    }

    /// Those whom the peer that begins has a tunnel to, the one in use first.
    pub(crate) fn entries(&self) -> &[GatewayId] {
        if self.near.is_some() { self.near.as_slice() } else { &self.ranks }
    }

    /// Everyone on the way, in use or standing by, the nearest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = GatewayId> + '_ {
        self.near.into_iter().chain(self.ranks.iter().copied())
    }

    /// Whether a gateway is on the way, in use or standing by.
    pub(crate) fn passes(&self, gateway: GatewayId) -> bool {
        self.all().any(|id| id == gateway)
    }

    /// Whether a gateway is one of those from which packets leave the tunnels, in use or standing by.
    pub(crate) fn leaves_by(&self, gateway: Option<GatewayId>) -> bool {
        gateway.is_some_and(|gateway| self.ranks.contains(&gateway)) && self.near != gateway
    }

    pub(crate) fn by(ranks: Vec<GatewayId>) -> Self {
        Self { nowhere: ranks.is_empty(), near: None, ranks }
    }

    /// By a gateway that hands on to one of others.
    pub(crate) fn chained(near: GatewayId, ranks: Vec<GatewayId>) -> Self {
        Self { near: Some(near), ..Self::by(ranks) }
    }
}

impl fmt::Debug for Way {
    /// Ids of plans are made of this, so that a way by one gateway does not speak of another one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut way = f.debug_struct("Way");
        if let Some(near) = self.near {
            way.field("near", &near);
        }
        way.field("ranks", &self.ranks).field("nowhere", &self.nowhere).finish()
    }
}

/// The way of every pair.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    intent: Intent,
    routes: Arc<BTreeMap<RouteId, RouteWays>>,
    /// Only the pairs that a gateway carries, the smaller id first.
    carried: BTreeMap<(PeerId, PeerId), Way>,
    /// Of those that two gateways carry, the same from the larger id to the smaller one.
    back: BTreeMap<(PeerId, PeerId), Way>,
    direct: Way,
    /// Whether single peers ask to be reached by a gateway, whoever may reach them.
    demanding: bool,
}

/// The ways to one route. Clients that go the same way share it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RouteWays {
    /// The different ways; the first one is everybody's who has none of their own.
    ways: Vec<Way>,
    /// By slot of the client, which of them is its; empty if all take the first.
    of: Arc<[u32]>,
}

impl RouteWays {
    fn all(intent: &Intent, selection: &Selection, demands: &Demands) -> BTreeMap<RouteId, Self> {
        // A route that falls back takes the ways of a wider one, so that comes first.
        let narrowest = |route: &Route| route.prefixes().iter().map(Cidr::length).min();
        let mut order: Vec<_> = intent.routes().map(|(id, route)| (narrowest(route), id)).collect();
        order.sort_unstable();
        let mut all: BTreeMap<RouteId, Self> = BTreeMap::new();
        let mut tables: Vec<(Arc<Roster>, Arc<[u32]>)> = Vec::new();
        for (_, id) in order {
            let wider = crate::territory::wider(intent, id).and_then(|wider| all.get(&wider));
            let mut ways = Self::of(intent, id, selection, wider, &mut tables);
            ways.demand(intent, id, demands);
            all.insert(id, ways);
        }
        all
    }

    fn of(
        intent: &Intent,
        id: RouteId,
        selection: &Selection,
        wider: Option<&Self>,
        tables: &mut Vec<(Arc<Roster>, Arc<[u32]>)>,
    ) -> Self {
        let behaviour = intent.get(id).map(Route::on_all_down).unwrap_or_default();
        let down = selection.is_down(id);
        let everybody = Way::by(selection.rank_route(intent, id, &[]));
        let gone = everybody.is_nowhere() || (down && behaviour != OnAllDown::Hold);
        match (gone, behaviour, wider) {
            (true, OnAllDown::FallBack, Some(wider)) => return wider.fallen_back_to(intent),
            // Whoever asked for the next wider route and has none keeps what may come back.
            (true, OnAllDown::Drop, _) => return Self { ways: vec![Way::by(Vec::new())], of: Arc::default() },
            _ => {}
        }
        let Some(roster) = selection.roster(id) else { return Self { ways: vec![everybody], of: Arc::default() } };
        let own = roster.lists().iter().map(|ranks| Way::by(selection.rank_route(intent, id, ranks)));
        if roster.shared().is_some() {
            return Self { ways: own.collect(), of: Arc::default() };
        }
        let known = tables.iter().find(|(known, _)| Arc::ptr_eq(known, roster)).map(|(_, of)| of.clone());
        let of = known.unwrap_or_else(|| {
            let mut of = vec![0; intent.slot_bound::<PeerId>()];
            for (client, number) in roster.numbers() {
                if let Some(slot) = intent.slot(client) {
                    of[slot.index()] = number + 1;
                }
            }
            tables.push((roster.clone(), of.into()));
            tables[tables.len() - 1].1.clone()
        });
        Self { ways: std::iter::once(everybody).chain(own).collect(), of }
    }

    /// The same ways for a route that falls back to this one. Who bears a gateway of its way is no client of the wider route, but may
    /// be one of the narrower: its packets leave from its own host.
    fn fallen_back_to(&self, intent: &Intent) -> Self {
        let mut ways = self.clone();
        let gateways: BTreeSet<GatewayId> = self.ways.iter().flat_map(|way| way.entries()).copied().collect();
        let bearers = gateways.into_iter().filter_map(|id| Some((id, intent.get(id)?.peer())));
        let own = bearers.filter(|(id, peer)| self.ways[self.number(intent.slot(*peer))].entries().contains(id));
        let direct = own.map(|(_, peer)| (peer, Way { nowhere: false, ..Way::by(Vec::new()) })).collect();
        ways.assign(intent, direct);
        ways
    }

    /// Those who ask for one gateway go by that one, or by none; a plain device whose gateway does not stand before the route goes on
    /// from there as that gateway's own peer would.
    fn demand(&mut self, intent: &Intent, id: RouteId, demands: &Demands) {
        let listed = intent.gateways_of(id);
        let serves = |gateway: GatewayId| match candidates::may_serve(intent, id, gateway) {
            true => Way::by(vec![gateway]),
            false => Way::by(Vec::new()),
        };
        // A pinned gateway says nothing about routes that it does not stand before; the one tunnel of a device does.
        let pinned = demands.egress.iter().filter(|(_, gateway)| listed.contains(gateway));
        self.assign(intent, pinned.map(|(peer, gateway)| (*peer, serves(*gateway))).collect());
        let device = |(peer, gateway): (&PeerId, &GatewayId)| {
            let way = match listed.contains(gateway) {
                true => serves(*gateway),
                false => {
                    let bearer = intent.get(*gateway).and_then(|gateway| intent.slot(gateway.peer()));
                    chain::to_route(intent, *gateway, &self.ways[self.number(bearer)]).unwrap_or_else(Obstacle::way)
                }
            };
            (*peer, way)
        };
        self.assign(intent, demands.limited.iter().map(device).collect());
    }

    /// Gives these clients these ways.
    fn assign(&mut self, intent: &Intent, ways: Vec<(PeerId, Way)>) {
        if ways.is_empty() {
            return;
        }
        let mut of = self.of.to_vec();
        of.resize(intent.slot_bound::<PeerId>(), 0);
        for (client, way) in ways {
            let Some(slot) = intent.slot(client) else { continue };
            let known = self.ways.iter().position(|known| *known == way);
            let number = known.unwrap_or_else(|| {
                self.ways.push(way);
                self.ways.len() - 1
            });
            of[slot.index()] = u32::try_from(number).expect("there are no more ways than peers");
        }
        self.of = of.into();
    }

    fn number(&self, client: Option<Slot<PeerId>>) -> usize {
        client.and_then(|slot| self.of.get(slot.index())).map_or(0, |number| *number as usize)
    }
}

impl Ways {
    pub(crate) fn of(intent: &Intent, access: &Access, selection: &Selection) -> Self {
        let demands = Demands::of(intent);
        let routes = Arc::new(RouteWays::all(intent, selection, &demands));
        Self::with_routes(routes, &demands, intent, access, selection)
    }

    /// The ways in a revision in which nothing touched those to routes, if everybody goes the same way to each: then no route is
    /// reached by two gateways that follow each other, which depends on what is carried between these.
    pub(crate) fn with_same_routes(&self, intent: &Intent, access: &Access, selection: &Selection) -> Self {
        Self::with_routes(self.routes.clone(), &Demands::of(intent), intent, access, selection)
    }

    fn with_routes(
        routes: Arc<BTreeMap<RouteId, RouteWays>>,
        demands: &Demands,
        intent: &Intent,
        access: &Access,
        selection: &Selection,
    ) -> Self {
        let demanding = !demands.ingress.is_empty() || !demands.limited.is_empty();
        let (carried, back, direct) = (BTreeMap::new(), BTreeMap::new(), Way::default());
        let mut ways = Self { intent: intent.clone(), routes, carried, back, direct, demanding };
        let lists = demanded(intent, access);
        for (pair, listed) in &lists {
            ways.carried.insert(*pair, Way::by(selection.rank(intent, listed)));
        }
        ways.let_in(intent, access, selection, demands, &lists);
        ways.limit(intent, access, demands, &lists);
        let served = ways.served(intent, access);
        ways.carried.retain(|pair, _| !served.contains(pair));
        ways.part();
        ways
    }

    /// Whoever is reached by one gateway is so by that one, or by nobody; the gateway's own peer reaches it directly, and is reached
    /// so. Where a policy asks for `via` as well, its list has the last word.
    fn let_in(
        &mut self,
        intent: &Intent,
        access: &Access,
        selection: &Selection,
        demands: &Demands,
        lists: &BTreeMap<(PeerId, PeerId), Vec<GatewayId>>,
    ) {
        let mut asked: BTreeMap<(PeerId, PeerId), Vec<GatewayId>> = BTreeMap::new();
        for (to, gateway) in &demands.ingress {
            let bearer = intent.get(*gateway).map(|gateway| gateway.peer());
            let begins = access.to(Destination::Peer(*to)).map(|(from, _)| from);
            for from in begins.filter(|from| bearer != Some(*from) && bearer != Some(*to)) {
                asked.entry(ordered(from, *to)).or_default().push(*gateway);
            }
        }
        for (pair, gateways) in asked {
            let way = match lists.get(&pair) {
                Some(list) => Way::by(selection.rank(intent, &common(list.clone(), gateways))),
                None => {
                    Way::by(gateways.into_iter().take(1).filter(|id| candidates::may_let_in(intent, *id)).collect())
                }
            };
            self.carried.insert(pair, way);
        }
    }

    /// A plain device goes by its gateway alone: directly to that gateway's own peer, and through it to everybody else. Between two
    /// that stand behind different gateways, the one hands on to the other.
    fn limit(
        &mut self,
        intent: &Intent,
        access: &Access,
        demands: &Demands,
        lists: &BTreeMap<(PeerId, PeerId), Vec<GatewayId>>,
    ) {
        for (device, gateway) in &demands.limited {
            let begins = access.from(*device).map(|(to, _)| to);
            let begins = begins.filter_map(|to| if let Destination::Peer(to) = to { Some(to) } else { None });
            let ends = access.to(Destination::Peer(*device)).map(|(from, _)| from);
            for other in begins.chain(ends).collect::<BTreeSet<_>>() {
                let pair = ordered(*device, other);
                if intent.get(*gateway).is_some_and(|gateway| gateway.peer() == other) {
                    self.carried.remove(&pair);
                    continue;
                }
                let list = lists.get(&pair).map(Vec::as_slice);
                if let Some(far) = demands.limited.get(&other).filter(|far| *far != gateway) {
                    self.chain((*device, *gateway), (other, *far), list);
                    continue;
                }
                let agreed = list.is_none_or(|list| list.contains(gateway));
                let serves = agreed && candidates::may_let_in(intent, *gateway);
                self.carried.insert(pair, Way::by(if serves { vec![*gateway] } else { Vec::new() }));
            }
        }
    }

    /// Two plain devices behind different gateways, of which a `via` asks for at least one.
    fn chain(&mut self, one: (PeerId, GatewayId), other: (PeerId, GatewayId), list: Option<&[GatewayId]>) {
        let (first, last) = if one.0 <= other.0 { (one, other) } else { (other, one) };
        let pair = (first.0, last.0);
        match chain::between(&self.intent, first.1, last.1, list) {
            Ok(way) => {
                self.carried.insert(pair, way);
                self.back.insert(pair, Way::chained(last.1, vec![first.1]));
            }
            Err(obstacle) => {
                self.carried.insert(pair, obstacle.way());
                self.back.remove(&pair);
            }
        }
    }

    /// Two gateways of which the one reaches the other's peer by a third one alone do not follow each other.
    fn part(&mut self) {
        let Self { intent, routes, carried, back, .. } = self;
        let apart: BTreeSet<_> = carried.keys().copied().collect();
        let parted = |way: &Way| {
            let mut hops = bearers(intent, way);
            let near = hops.next().filter(|_| way.near.is_some());
            near.is_some_and(|near| hops.any(|far| apart.contains(&ordered(near, far))))
        };
        let nowhere = |way: &mut Way| *way = Way::by(Vec::new());
        if routes.values().flat_map(|ways| &ways.ways).any(parted) {
            let all = Arc::make_mut(routes).values_mut().flat_map(|ways| &mut ways.ways);
            all.filter(|way| parted(way)).for_each(nowhere);
        }
        carried.values_mut().filter(|way| parted(way)).for_each(nowhere);
        back.retain(|pair, _| carried.get(pair).is_some_and(|way| way.near.is_some()));
    }

    /// The way between a peer and what it reaches.
    pub(crate) fn way(&self, from: PeerId, to: Destination) -> &Way {
        match to {
            Destination::Peer(to) => self.between(from, to),
            Destination::Route(route) => {
                let Some(ways) = self.routes.get(&route) else { return &self.direct };
                &ways.ways[ways.number(self.intent.slot(from))]
            }
            Destination::Address(_) => &self.direct,
        }
    }

    /// The different ways to a route.
    pub(crate) fn to_route(&self, route: RouteId) -> &[Way] {
        self.routes.get(&route).map(|ways| ways.ways.as_slice()).unwrap_or_default()
    }

    /// Whether a route has the same ways here and there.
    pub(crate) fn goes_as(&self, other: &Self, route: RouteId) -> bool {
        self.routes.get(&route) == other.routes.get(&route)
    }

    /// Which of the ways to a route is each client's, by slot; whoever is beyond the end takes the first.
    pub(crate) fn numbers(&self, route: RouteId) -> &[u32] {
        self.routes.get(&route).map(|ways| &*ways.of).unwrap_or_default()
    }

    /// Which of the ways to a route is a client's.
    pub(crate) fn number(&self, route: RouteId, client: Slot<PeerId>) -> usize {
        self.routes.get(&route).map_or(0, |ways| ways.number(Some(client)))
    }

    /// The pairs of peers that gateways carry, the smaller id first.
    pub(crate) fn carried(&self) -> impl Iterator<Item = (PeerId, PeerId)> {
        self.carried.keys().copied()
    }

    /// The way from the one to the other. That back is the same, seen from there.
    pub(crate) fn between(&self, a: PeerId, b: PeerId) -> &Way {
        let pair = ordered(a, b);
        let back = if pair.0 == a { None } else { self.back.get(&pair) };
        back.or_else(|| self.carried.get(&pair)).unwrap_or(&self.direct)
    }

    /// The carried pairs of which one end has a tunnel to the other anyway, because that one carries something for it.
    fn served(&self, intent: &Intent, access: &Access) -> BTreeSet<(PeerId, PeerId)> {
        let bears = |way: &Way, peer: PeerId| first_hops(intent, way).any(|bearer| bearer == peer);
        let by_route = |client: PeerId, bearer: PeerId| {
            let routes = intent.slot(client).map(|slot| access.routes_from(slot)).unwrap_or_default();
            let mut reached = routes.into_iter().map(Destination::Route);
            reached.any(|to| bears(self.way(client, to), bearer) && !access.grants(client, to).is_empty())
        };
        let mut served = BTreeSet::new();
        // Each gateway of a chain serves its own device alone, and that one goes there directly anyway.
        for ((a, b), way) in self.carried.iter().filter(|(_, way)| way.near.is_none()) {
            for bearer in bearers(intent, way) {
                served.extend([ordered(*a, bearer), ordered(*b, bearer)]);
            }
        }
        let carries: BTreeSet<PeerId> = intent.gateways().map(|(_, gateway)| gateway.peer()).collect();
        let by_route = |(client, bearer)| carries.contains(&bearer) && by_route(client, bearer);
        served.extend(self.carried.keys().filter(|(a, b)| by_route((*a, *b)) || by_route((*b, *a))).copied());
        served
    }

    /// Whether clients of one route go different ways.
    pub(crate) fn differ_by_client(&self) -> bool {
        self.routes.values().any(|ways| !ways.of.is_empty())
    }

    /// Whether gateways carry anything between peers, or would if those might meet.
    pub(crate) fn carry_peers(&self) -> bool {
        !self.carried.is_empty() || self.demanding
    }

    /// The peers that gateways carry to each other.
    pub(crate) fn ends(&self) -> impl Iterator<Item = PeerId> {
        self.carried.keys().flat_map(|(a, b)| [*a, *b])
    }

    /// The peers whom gateways carry this one to, with the way.
    pub(crate) fn carried_of(&self, peer: PeerId) -> impl Iterator<Item = (PeerId, &Way)> {
        let other = move |(a, b): (PeerId, PeerId)| if a == peer { Some(b) } else { (b == peer).then_some(a) };
        let carried = self.carried.iter().filter(|(_, way)| !way.is_direct());
        carried.filter_map(move |(pair, _)| other(*pair)).map(move |other| (other, self.between(peer, other)))
    }

    /// The pairs of peers that a gateway carries, in use or standing by.
    pub(crate) fn carried_by(&self, gateway: GatewayId) -> impl Iterator<Item = (PeerId, PeerId)> {
        self.carried.iter().filter(move |(_, way)| way.passes(gateway)).map(|(pair, _)| *pair)
    }
}

/// The peers that bear the gateways of a way, the nearest first, then the one in use.
pub(crate) fn bearers<'a>(intent: &'a Intent, way: &'a Way) -> impl Iterator<Item = PeerId> + 'a {
    way.all().filter_map(|id| intent.get(id)).map(|gateway| gateway.peer())
}

/// The peers that bear the gateways to whom whoever begins has a tunnel, the one in use first.
pub(crate) fn first_hops<'a>(intent: &'a Intent, way: &'a Way) -> impl Iterator<Item = PeerId> + 'a {
    way.entries().iter().filter_map(|id| intent.get(*id)).map(|gateway| gateway.peer())
}

fn ordered(a: PeerId, b: PeerId) -> (PeerId, PeerId) {
    if a <= b { (a, b) } else { (b, a) }
}

/// For each pair of which a policy asks for `via`: the gateways that it may go through.
fn demanded(intent: &Intent, access: &Access) -> BTreeMap<(PeerId, PeerId), Vec<GatewayId>> {
    let mut begins = Bitmap::new(intent.slot_bound::<PeerId>());
    for rule in access.rules().filter(|rule| rule.via && rule.is_allow()) {
        rule.arrows.iter().for_each(|arrow| begins.add(access.members(arrow.begin)));
    }
    if begins.is_empty() {
        return BTreeMap::new();
    }
    // By the policies' names.
    let mut asking: BTreeMap<_, BTreeMap<&Name, PolicyId>> = BTreeMap::new();
    let mut scratch = Scratch::default();
    let asks = |rule: u32| access.rule(rule).is_some_and(|rule| rule.via);
    for slot in begins.iter() {
        let Some((from, _)) = intent.in_slot(slot) else { continue };
        access.expand_rules(slot, Toward::There, &mut scratch, asks, |index, word, rule, _| {
            let Some(name) = intent.name_of(rule.policy) else { return };
            for (to, _) in bits(index, word).filter_map(|slot| intent.in_slot(slot)) {
                asking.entry(ordered(from, to)).or_default().insert(name, rule.policy);
            }
        });
    }
    let lists = |policies: BTreeMap<&Name, PolicyId>| {
        policies.into_values().filter_map(|id| intent.get(id)).map(|p| p.via().to_vec()).reduce(common)
    };
    asking.into_iter().filter_map(|(pair, policies)| Some((pair, lists(policies)?))).collect()
}

fn common(first: Vec<GatewayId>, next: Vec<GatewayId>) -> Vec<GatewayId> {
    let both: Vec<_> = first.iter().filter(|id| next.contains(id)).copied().collect();
    if both.is_empty() { first } else { both }
}
