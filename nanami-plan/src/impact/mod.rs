//! Impact: what follows when gateways, regions, hosts or control die.
//!
//! **Invariant** (PLANNING.md I27): what is said of a failure is what a compilation without the dead gateways says, after clients have
//! gone to the standbys that they are prepared for by themselves. What takes the same way to the same thing has one outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nanami_model::{Destination, GatewayId, Intent, Mode, Name, OnAllDown, PeerId, RegionId, RouteId};

use crate::desired::Desired;
use crate::names::Names;
use crate::paths::Way;
use crate::selection::candidates;
use crate::view::View;

mod load;
mod single_point;
mod sweep;

pub use load::Crowded;
pub use single_point::{Domain, SinglePoint};
pub use sweep::{Sweep, Toll};

/// What dies, all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    gateways: BTreeSet<GatewayId>,
    regions: BTreeSet<RegionId>,
    hosts: BTreeSet<Name>,
    control: bool,
}

impl Failure {
    /// One gateway.
    pub fn gateway(id: GatewayId) -> Self {
        Self { gateways: BTreeSet::from([id]), ..Self::default() }
    }

    /// Every gateway of a region.
    pub fn region(id: RegionId) -> Self {
        Self { regions: BTreeSet::from([id]), ..Self::default() }
    }

    /// Every gateway on a host.
    pub fn host(name: Name) -> Self {
        Self { hosts: BTreeSet::from([name]), ..Self::default() }
    }

    /// The control plane: nobody gets a new map.
    pub fn control() -> Self {
        Self { control: true, ..Self::default() }
    }

    /// This and another failure at the same time.
    pub fn and(mut self, other: Self) -> Self {
        self.gateways.extend(other.gateways);
        self.regions.extend(other.regions);
        self.hosts.extend(other.hosts);
        self.control |= other.control;
        self
    }

    /// The gateways that die, by id.
    pub fn gateways(&self, intent: &Intent) -> BTreeSet<GatewayId> {
        let dies = |id: GatewayId, gateway: &nanami_model::Gateway| {
            self.gateways.contains(&id)
                || self.regions.contains(&gateway.region())
                || gateway.host().is_some_and(|host| self.hosts.contains(host))
        };
        intent.gateways().filter(|(id, gateway)| dies(*id, gateway)).map(|(id, _)| id).collect()
    }

    /// Whether the control plane is away too.
    pub fn takes_control(&self) -> bool {
        self.control
    }

    /// What dies, in words.
    pub(crate) fn describe(&self, names: &Names) -> String {
        let gateways = self.gateways.iter().map(|id| names.of(*id));
        let regions = self.regions.iter().map(|id| format!("region {}", names.of(*id)));
        let hosts = self.hosts.iter().map(|host| format!("host {host}"));
        let control = self.control.then(|| "control".to_owned());
        let all: Vec<_> = gateways.chain(regions).chain(hosts).chain(control).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    }
}

/// What becomes of something that may be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fate {
    /// It goes on as before.
    Unaffected,
    /// Its client goes to this standby by itself, without control.
    LocalFailover {
        /// The standby.
        to: GatewayId,
        /// Its name.
        name: Name,
        /// How much longer the round trip is, if both are known.
        slower: Option<Duration>,
    },
    /// It goes on by this gateway once control has sent new maps.
    NeedsControl {
        /// The gateway.
        to: GatewayId,
        /// Its name.
        name: Name,
    },
    /// It stops, until what died is back.
    Lost(Loss),
}

impl Fate {
    /// The place in lists: what is worst comes first.
    fn weight(&self) -> u8 {
        match self {
            Self::Lost(_) => 0,
            Self::NeedsControl { .. } => 1,
            Self::LocalFailover { .. } => 2,
            Self::Unaffected => 3,
        }
    }
}

/// Why something stops.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Loss {
    /// One end bears a gateway that died.
    End(Name),
    /// Every gateway that could carry it died.
    NoGateway,
    /// Another gateway could carry it, but control is away and nobody was told.
    ControlAway(Name),
    /// One end is a plain device whose one tunnel leads to a gateway that died.
    OnlyTunnel(Name),
}

/// What becomes of those who go the same way to the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    to: Destination,
    from: Vec<PeerId>,
    way: Way,
    standbys: usize,
    fate: Fate,
    /// Both ends in words.
    pub(crate) text: [String; 2],
}

impl Outcome {
    /// What is reached: a peer or a route.
    pub fn to(&self) -> Destination {
        self.to
    }

    /// Who reaches it, by name.
    pub fn from(&self) -> &[PeerId] {
        &self.from
    }

    /// The way while everything is well.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// What becomes of it.
    pub fn fate(&self) -> &Fate {
        &self.fate
    }

    /// How many prepared standbys are left behind the gateway that carries it afterwards; 0 if none is, or nothing does.
    pub fn standbys(&self) -> usize {
        self.standbys
    }

    /// Whether it had a standby, goes on, and has none any more.
    pub fn lost_its_last_standby(&self) -> bool {
        let goes_on = matches!(self.fate, Fate::Unaffected | Fate::LocalFailover { .. });
        goes_on && self.standbys == 0 && !self.way.standbys().is_empty()
    }
}

/// What follows from a failure. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Impact {
    pub(crate) failure: Failure,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) crowded: Vec<Crowded>,
    desired: Desired,
    pub(crate) names: Names,
    pub(crate) revision: nanami_model::Revision,
}

impl Impact {
    /// What becomes of everything that a gateway carries or that has a dead end, what is lost first, then by name. What goes
    /// directly between two peers that live is not in it.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// How many flows go directly between two peers that live, and so go on whatever gateways do; none of them is an outcome.
    /// Counted each time that it is asked for.
    pub fn direct(&self) -> usize {
        let cut_off = self.outcomes.iter().filter(|outcome| outcome.way.is_direct()).map(|outcome| outcome.from.len());
        crate::overview::direct(&self.desired).saturating_sub(cut_off.sum())
    }

    /// The gateways that have more clients afterwards than they are made for.
    pub fn crowded(&self) -> &[Crowded] {
        &self.crowded
    }
}

impl View<'_> {
    /// What follows from a failure.
    pub fn impact(&self, of: &Failure) -> Impact {
        let desired = self.desired();
        let names = Names::new(desired.intent(), None);
        let after = After::of(desired, of);
        let mut classes: BTreeMap<(Destination, &Way, Fate), Vec<PeerId>> = BTreeMap::new();
        for (from, to) in carried(desired).into_iter().chain(after.cut_off()) {
            let way = desired.way(from, to);
            let fate = self.with_latency(from, way, after.fate(from, to, way));
            classes.entry((to, way, fate)).or_default().push(from);
        }
        let outcome = |((to, way, fate), mut from): ((Destination, &Way, Fate), Vec<PeerId>)| {
            from.sort_by_cached_key(|id| names.of(*id));
            let who = match from.as_slice() {
                [only] => names.of(*only),
                many => crate::text::count(many.len(), "peer"),
            };
            let text = [who, names.destination(to)];
            Outcome { to, from, way: way.clone(), standbys: after.standbys(way), fate, text }
        };
        let mut outcomes: Vec<_> = classes.into_iter().map(outcome).collect();
        outcomes.sort_by_cached_key(|o| (o.fate.weight(), o.text[1].clone(), o.text[0].clone(), o.way.clone()));
        let crowded = load::crowded(desired, &outcomes);
        let (desired, revision) = (desired.clone(), desired.intent().revision());
        Impact { failure: of.clone(), outcomes, crowded, desired, names, revision }
    }

    /// How much longer the standby's round trip is than that of the gateway in use.
    fn with_latency(&self, from: PeerId, way: &Way, fate: Fate) -> Fate {
        let Fate::LocalFailover { to, name, .. } = fate else { return fate };
        let bearer = |id: GatewayId| self.desired().intent().get(id).map(|gateway| gateway.peer());
        // Of two gateways that follow each other, it is the first one that sends by the other.
        let sender = way.near().and_then(bearer).unwrap_or(from);
        let rtt = |id: GatewayId| self.link(sender, bearer(id)?)?.rtt;
        let before = way.gateways().first().and_then(|id| rtt(*id));
        let slower = before.and_then(|before| Some(rtt(to)?.saturating_sub(before)));
        Fate::LocalFailover { to, name, slower }
    }
}

/// Every pair that gateways carry.
fn carried(desired: &Desired) -> Vec<(PeerId, Destination)> {
    let intent = desired.intent();
    let mut pairs: Vec<_> = desired.carried_peers().collect();
    for (route, _) in intent.routes() {
        let ways = desired.ways_to(route);
        desired.each_client(route, |slot, number| {
            if let Some((client, _)) = intent.in_slot(slot).filter(|_| !ways[number].is_nowhere()) {
                pairs.push((client, Destination::Route(route)));
            }
        });
    }
    pairs
}

/// The state after a failure.
struct After<'a> {
    intent: &'a Intent,
    desired: &'a Desired,
    dead: BTreeSet<GatewayId>,
    /// The peers that bear the dead gateways.
    gone: BTreeSet<PeerId>,
    control_away: bool,
}

impl<'a> After<'a> {
    fn of(desired: &'a Desired, failure: &Failure) -> Self {
        Self::without(desired, failure.gateways(desired.intent()), failure.takes_control())
    }

    fn without(desired: &'a Desired, dead: BTreeSet<GatewayId>, control_away: bool) -> Self {
        let intent = desired.intent();
        let gone = dead.iter().filter_map(|id| intent.get(*id)).map(|gateway| gateway.peer()).collect();
        Self { intent, desired, dead, gone, control_away }
    }

    fn fate(&self, from: PeerId, to: Destination, way: &Way) -> Fate {
        let far = if let Destination::Peer(to) = to { Some(to) } else { None };
        for end in [Some(from), far].into_iter().flatten() {
            if let Some(loss) = self.loss_of_end(end) {
                return Fate::Lost(loss);
            }
        }
        self.carried(to, way)
    }

    fn loss_of_end(&self, peer: PeerId) -> Option<Loss> {
        let name = || self.intent.name_of(peer).cloned();
        if self.gone.contains(&peer) {
            return Some(Loss::End(name()?));
        }
        match self.intent.get(peer)?.mode() {
            Mode::Limited { gateway } if self.dead.contains(&gateway) => Some(Loss::OnlyTunnel(name()?)),
            _ => None,
        }
    }

    /// The peers that are cut off whatever gateways do: those that bear dead ones, and plain devices behind them.
    fn ends(&self) -> impl Iterator<Item = PeerId> + '_ {
        let behind = |peer: &nanami_model::Peer| matches!(peer.mode(), Mode::Limited { gateway } if self.dead.contains(&gateway));
        let plain = self.intent.peers().filter(move |(_, peer)| behind(peer)).map(|(id, _)| id);
        self.gone.iter().copied().chain(plain.filter(|id| !self.gone.contains(id)))
    }

    /// The pairs that go directly and have an end that is cut off.
    fn cut_off(&self) -> impl Iterator<Item = (PeerId, Destination)> + '_ {
        self.pairs_of_ends().into_iter().filter(|(from, to)| self.desired.way(*from, *to).is_direct())
    }

    /// Every pair that has an end that is cut off and a way.
    fn pairs_of_ends(&self) -> BTreeSet<(PeerId, Destination)> {
        let access = self.desired.access();
        let pairs = self.ends().flat_map(|end| {
            let begins = access.from(end).map(move |(to, _)| (end, to));
            let ends = access.to(Destination::Peer(end)).map(move |(from, _)| (from, Destination::Peer(end)));
            begins.chain(ends).collect::<Vec<_>>()
        });
        pairs.filter(|(from, to)| !self.desired.way(*from, *to).is_nowhere()).collect()
    }

    /// What becomes of what goes this way, whoever its ends are, if they live.
    fn carried(&self, to: Destination, way: &Way) -> Fate {
        if way.near().is_some_and(|near| self.dead.contains(&near)) {
            return Fate::Lost(Loss::NoGateway);
        }
        let ranks = way.gateways();
        let live = |id: &&GatewayId| !self.dead.contains(id);
        match ranks.iter().find(live) {
            None if ranks.is_empty() => Fate::Unaffected,
            Some(id) if Some(id) == ranks.first() => Fate::Unaffected,
            Some(id) => match self.intent.name_of(*id) {
                Some(name) => Fate::LocalFailover { to: *id, name: name.clone(), slower: None },
                None => Fate::Lost(Loss::NoGateway),
            },
            None => match self.instead(to) {
                Fate::NeedsControl { to, .. } if !self.leads_on(way, to) => Fate::Lost(Loss::NoGateway),
                instead => instead,
            },
        }
    }

    /// Whether what goes a way can go by this gateway instead of its last one.
    fn leads_on(&self, way: &Way, gateway: GatewayId) -> bool {
        way.near() != Some(gateway)
    }

    /// Who could carry it, were the maps made anew. For a pair of peers nobody: a draining gateway that their policies name might,
    /// so that what is said of them is the worse.
    fn instead(&self, to: Destination) -> Fate {
        let Destination::Route(route) = to else { return Fate::Lost(Loss::NoGateway) };
        let found = self.living(route).or_else(|| {
            let falls_back = self.intent.get(route)?.on_all_down() == OnAllDown::FallBack;
            let wider = crate::territory::wider(self.intent, route).filter(|_| falls_back)?;
            self.living(wider)
        });
        let Some(id) = found else { return Fate::Lost(Loss::NoGateway) };
        match self.intent.name_of(id).cloned() {
            Some(name) if self.control_away => Fate::Lost(Loss::ControlAway(name)),
            Some(name) => Fate::NeedsControl { to: id, name },
            None => Fate::Lost(Loss::NoGateway),
        }
    }

    fn living(&self, route: RouteId) -> Option<GatewayId> {
        candidates::without(self.intent, route, &self.dead).into_iter().next()
    }

    fn standbys(&self, way: &Way) -> usize {
        way.gateways().iter().filter(|id| !self.dead.contains(id)).count().saturating_sub(1)
    }
}
