//! Desired: the complete state of the network that follows from an intent.
//!
//! **Invariant**: a pure function of intent and selection, total, the same bytes for the same input. Pending peers are planned
//! as if they had joined; only maps leave them out, for they have no key yet. Maps are derived when asked for; nothing is
//! cached that could grow stale.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nanami_model::{
    Cidr, Destination, GatewayId, Intent, Neighbor, NetworkMap, PeerId, ReturnPath, RouteId, Slot, Standby,
};

use crate::access::Access;
use crate::bitmap::{Bitmap, bits};
use crate::paths::{Way, Ways};
use crate::selection::Selection;
use crate::share::{Among, Share, Sharing, Tie, Whom};
use crate::territory;
use crate::touched::Touched;

/// The complete state of the network that follows from an intent. A cheap clone.
///
/// ```
/// use nanami_model::{Destination, Group, Intent, Network, Peer, Policy, PrivateKey, Protocol, Service, User, name};
/// use nanami_plan::{Selection, compile};
///
/// let empty = Intent::new(name!("acme"), User::new(name!("netops")));
/// let mut draft = empty.draft();
/// let platform = draft.add(Group::new(name!("platform")));
/// let prod = draft.add(Network::new(name!("prod"), platform, ["10.42.0.0/16".parse()?]));
/// let key = |n| PrivateKey::from_bytes([n; 32]).public();
/// let api = draft.add(Peer::new(name!("api")).with_networks([prod]).with_key(key(1)));
/// let db = draft.add(Peer::new(name!("db")).with_networks([prod]).with_key(key(2)));
/// let policy = draft.add(Policy::allow(name!("api-to-db"), api, db, Service::tcp(5432)));
/// let acme = empty.apply(empty.owner(), &draft.into_changes())?;
///
/// let desired = compile(&acme, &Selection::default());
/// assert_eq!(desired.access().allows(api, db.into(), Protocol::Tcp, 5432), Some(policy));
/// assert_eq!(desired.map_for(db).expect("db has a key").neighbors().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Desired(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    intent: Intent,
    selection: Selection,
    access: Access,
    ways: Arc<Ways>,
    territories: Arc<BTreeMap<RouteId, Vec<Cidr>>>,
    /// How many pairs of peers may meet, once somebody asked.
    pairs: OnceLock<usize>,
}

/// How often an idle tunnel to a gateway says that it is there: shorter than the 30 s after which common NATs forget a UDP
/// flow, as WireGuard's own documentation has it. Standbys too, so that they are warm when they are needed.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(25);

/// The state of the network that follows from an intent. Every intent has one.
pub fn compile(intent: &Intent, selection: &Selection) -> Desired {
    let access = Access::of(intent);
    let ways = Arc::new(Ways::of(intent, &access, selection));
    let territories = Arc::new(territories(intent));
    let (intent, selection) = (intent.clone(), selection.clone());
    Desired(Arc::new(Parts { intent, selection, access, ways, territories, pairs: OnceLock::new() }))
}

fn territories(intent: &Intent) -> BTreeMap<RouteId, Vec<Cidr>> {
    intent.routes().map(|(id, route)| (id, territory::of(intent, route))).collect()
}

impl Desired {
    /// The state that follows from the next revision of the same workspace, with what was touched; from any other one it is
    /// compiled anew. Adds the number of elements that were looked at to `work`.
    pub(crate) fn advance(&self, next: &Intent, work: &mut u64) -> (Self, Option<Touched>) {
        let Some(touched) = Touched::between(self.intent(), next, work) else {
            return (compile(next, self.selection()), None);
        };
        let Parts { selection, access, ways, territories: known, .. } = &*self.0;
        let access = access.advanced(next, &touched, work);
        let asked = touched.ways || self.carries_peers() || access.asks_for_gateways();
        let asked = asked || (touched.moved && ways.differ_by_client());
        let ways = match (asked, touched.ways || ways.differ_by_client()) {
            (false, _) => ways.clone(),
            (true, true) => Arc::new(Ways::of(next, &access, selection)),
            (true, false) => Arc::new(ways.with_same_routes(next, &access, selection)),
        };
        let territories = if touched.ways { Arc::new(territories(next)) } else { known.clone() };
        let (intent, selection) = (next.clone(), selection.clone());
        let pairs = OnceLock::new();
        (Self(Arc::new(Parts { intent, selection, access, ways, territories, pairs })), Some(touched))
    }

    /// The intent that this follows from.
    pub fn intent(&self) -> &Intent {
        &self.0.intent
    }

    /// How its gateways were chosen.
    pub fn selection(&self) -> &Selection {
        &self.0.selection
    }

    /// Who may reach what.
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// How many pairs of peers may meet by at least one service, in one direction each.
    pub fn pairs(&self) -> usize {
        *self.0.pairs.get_or_init(|| crate::effect::total(self))
    }

    /// The gateways on the way from a peer to what it reaches, if it may.
    pub fn way(&self, from: PeerId, to: Destination) -> &Way {
        self.0.ways.way(from, to)
    }

    /// The map of a peer; `None` if there is no such peer, or while it is pending.
    pub fn map_for(&self, peer: PeerId) -> Option<NetworkMap> {
        self.intent().get(peer)?.key()?;
        let share = Sharing::of(self, peer, Whom::Joined);
        let neighbors = share.ties.iter().filter_map(|(id, tie)| self.neighbor(*id, tie));
        Some(
            NetworkMap::new(share.addresses.iter().copied())
                .with_neighbors(neighbors)
                .with_filter(share.accept.iter().cloned().collect())
                .with_forwards(share.forward.iter().cloned())
                .with_masquerade(share.masquerade.iter().copied())
                .with_routes(share.routes.iter().copied()),
        )
    }

    /// What a peer does once everybody has joined.
    pub(crate) fn share(&self, peer: PeerId) -> Share {
        Sharing::of(self, peer, Whom::Planned)
    }

    /// The part of it that is about these others.
    pub(crate) fn part_of_share(&self, peer: PeerId, among: &Among) -> Share {
        Sharing::of_part(self, peer, among)
    }

    /// The different ways to a route.
    pub(crate) fn ways_to(&self, route: RouteId) -> &[Way] {
        self.0.ways.to_route(route)
    }

    /// Whether everybody goes to a route by the same gateways as in another state, whose slots mean the same.
    pub(crate) fn goes_as(&self, other: &Self, route: RouteId) -> bool {
        Arc::ptr_eq(&self.0.ways, &other.0.ways) || self.0.ways.goes_as(&other.0.ways, route)
    }

    /// Every client of a route, with the number of its way among [`Desired::ways_to`].
    pub(crate) fn each_client(&self, route: RouteId, mut with: impl FnMut(Slot<PeerId>, usize)) {
        let numbers = self.0.ways.numbers(route);
        for slot in self.access().sources(route).iter() {
            with(slot, numbers.get(slot.index()).map_or(0, |number| *number as usize));
        }
    }

    /// The pairs of peers, as they begin flows, that do not go directly, with the way, which may be none.
    pub(crate) fn detours(&self) -> impl Iterator<Item = (PeerId, PeerId, &Way)> {
        let both = self.0.ways.carried().flat_map(|(a, b)| [(a, b), (b, a)]);
        let meet = both.filter(|(from, to)| !self.access().grants(*from, (*to).into()).is_empty());
        meet.map(|(from, to)| (from, to, self.between(from, to))).filter(|(_, _, way)| !way.is_direct())
    }

    /// The pairs of peers, as they begin flows, that gateways carry.
    pub(crate) fn carried_peers(&self) -> impl Iterator<Item = (PeerId, Destination)> + '_ {
        let both = self.0.ways.carried().flat_map(|(a, b)| [(a, b), (b, a)]);
        let both = both.map(|(from, to)| (from, Destination::Peer(to)));
        both.filter(|(from, to)| !self.way(*from, *to).is_nowhere() && !self.access().grants(*from, *to).is_empty())
    }

    pub(crate) fn between(&self, a: PeerId, b: PeerId) -> &Way {
        self.0.ways.between(a, b)
    }

    /// The ways of a peer to other peers that gateways carry it to.
    pub(crate) fn ways_of(&self, peer: PeerId) -> impl Iterator<Item = (PeerId, &Way)> {
        self.0.ways.carried_of(peer)
    }

    /// Whether a peer, as a gateway, puts its own address in the place of those who begin, towards what is behind a route. What falls
    /// back leaves where the next wider route's packets leave, and its answers come back as theirs do.
    pub(crate) fn masquerades(&self, peer: PeerId, route: RouteId) -> bool {
        let Some(gateway) = self.borne_by(peer) else { return false };
        let mut at = Some(route);
        while let Some((id, route)) = at.and_then(|id| Some((id, self.intent().get(id)?))) {
            if self.intent().gateways_of(id).contains(&gateway) {
                return route.return_path() == ReturnPath::Snat;
            }
            at = territory::wider(self.intent(), id);
        }
        false
    }

    /// Whether gateways carry anything between peers.
    pub(crate) fn carries_peers(&self) -> bool {
        self.0.ways.carry_peers()
    }

    /// The peers at the ends of what gateways carry between peers.
    pub(crate) fn carried_ends(&self) -> Vec<PeerId> {
        self.0.ways.ends().collect()
    }

    /// The pairs that a peer carries as a gateway, in use or standing by.
    pub(crate) fn carried_by(&self, peer: PeerId) -> Vec<(PeerId, Destination)> {
        let Some(gateway) = self.borne_by(peer) else { return Vec::new() };
        let mut carried = Vec::new();
        for (route, carries) in self.carried_routes(|way| way.passes(gateway)) {
            self.each_client(route, |slot, number| {
                let from = self.intent().in_slot(slot).filter(|_| carries.get(number) == Some(&true));
                carried.extend(from.map(|(id, _)| (id, Destination::Route(route))));
            });
        }
        carried.extend(self.pairs_carried_by(gateway));
        carried
    }

    /// Adds the clients of the routes to which these ways lead. Says how many were looked at.
    pub(crate) fn clients_of(&self, ways: impl Fn(&Way) -> bool, into: &mut Bitmap) -> u64 {
        let mut looked = 0;
        for (route, carries) in self.carried_routes(ways) {
            let mut clients = self.access().sources(route);
            if carries.contains(&false) {
                // Most clients have more than one route, and are looked at once.
                clients.subtract(into);
                let numbers = self.0.ways.numbers(route);
                let number = |slot: Slot<PeerId>| numbers.get(slot.index()).map_or(0, |number| *number as usize);
                clients.retain(|index, word| {
                    looked += u64::from(word.count_ones());
                    let own = bits(index, word).filter(|slot| carries.get(number(*slot)) == Some(&true));
                    own.fold(0, |word, slot| word | 1 << (slot.index() % 64))
                });
            }
            looked += clients.words().count() as u64;
            into.union(&clients);
        }
        looked
    }

    /// The gateway that a peer bears.
    pub(crate) fn borne_by(&self, peer: PeerId) -> Option<GatewayId> {
        let bears = Some(peer).filter(|peer| self.access().bears(*peer));
        Some(self.intent().gateway_of(bears?)?.0)
    }

    /// The routes to which some of these ways lead, with which of the ways to each they are.
    fn carried_routes(&self, ways: impl Fn(&Way) -> bool) -> impl Iterator<Item = (RouteId, Vec<bool>)> {
        let by = move |route| self.ways_to(route).iter().map(&ways).collect();
        let all = self.intent().routes().map(move |(route, _)| (route, by(route)));
        all.filter(|(_, carries): &(RouteId, Vec<bool>)| carries.contains(&true))
    }

    /// The pairs of peers, each way round, that a gateway carries, in use or standing by.
    pub(crate) fn pairs_carried_by(&self, gateway: GatewayId) -> Vec<(PeerId, Destination)> {
        let both = self.0.ways.carried_by(gateway).flat_map(|(a, b)| [(a, b), (b, a)]);
        both.map(|(from, to)| (from, Destination::Peer(to))).collect()
    }

    /// What a gateway carries together with another one, near or far: who begins, and what is reached.
    pub(crate) fn chained_by(&self, gateway: GatewayId) -> Vec<(PeerId, Destination)> {
        let chained = |way: &Way| way.near().is_some() && way.passes(gateway);
        let pairs = self.pairs_carried_by(gateway);
        let mut all: Vec<_> = pairs.into_iter().filter(|(from, to)| chained(self.way(*from, *to))).collect();
        for (route, _) in self.intent().routes() {
            let ways: Vec<bool> = self.ways_to(route).iter().map(chained).collect();
            if ways.contains(&true) {
                self.each_client(route, |slot, number| {
                    let client = self.intent().in_slot(slot).filter(|_| ways[number]);
                    all.extend(client.map(|(from, _)| (from, Destination::Route(route))));
                });
            }
        }
        all
    }

    /// The other gateways' peers to whom a peer has a tunnel because a chain leads by both, each with what goes by it.
    pub(crate) fn links_of(&self, peer: PeerId) -> BTreeMap<PeerId, Vec<(PeerId, Destination)>> {
        let mut links: BTreeMap<PeerId, Vec<_>> = BTreeMap::new();
        let bears = Some(peer).filter(|peer| self.access().bears(*peer));
        let Some((gateway, _)) = bears.and_then(|peer| self.intent().gateway_of(peer)) else { return links };
        for (from, to) in self.chained_by(gateway) {
            let way = self.way(from, to);
            let others = if way.near() == Some(gateway) { way.gateways() } else { way.entries() };
            for other in others.iter().filter_map(|id| self.intent().get(*id)) {
                links.entry(other.peer()).or_default().push((from, to));
            }
        }
        links
    }

    /// Which of the ways to a route is a client's, among [`Desired::ways_to`].
    pub(crate) fn number_of_way(&self, route: RouteId, client: Slot<PeerId>) -> usize {
        self.0.ways.number(route, client)
    }

    /// Whether the clients of one route may go different ways.
    pub(crate) fn differs_by_client(&self) -> bool {
        self.0.ways.differ_by_client()
    }

    pub(crate) fn territory(&self, route: RouteId) -> &[Cidr] {
        self.0.territories.get(&route).map(Vec::as_slice).unwrap_or_default()
    }

    fn neighbor(&self, peer: PeerId, tie: &Tie) -> Option<Neighbor> {
        let entity = self.intent().get(peer)?;
        let name = self.intent().name_of(peer)?.clone();
        let with = |standby: bool| tie.prefixes.iter().filter(move |(_, rank)| (**rank > 0) == standby);
        let neighbor = Neighbor::new(entity.key()?, with(false).map(|(prefix, _)| *prefix))
            .with_identity(peer, name)
            .with_standbys(with(true).map(|(prefix, rank)| Standby { prefix: *prefix, rank: *rank }));
        Some(if tie.carries { neighbor.with_keepalive(KEEPALIVE) } else { neighbor })
    }
}
