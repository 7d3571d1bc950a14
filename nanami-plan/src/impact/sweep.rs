//! The loss of each gateway in turn.
//!
//! **Invariant**: counts what [`View::impact`](crate::View::impact) lists for each gateway; looks at each client of each route once,
//! for all gateways together.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Destination, GatewayId, Name, PeerId};

use super::{After, Fate};
use crate::desired::Desired;
use crate::paths::Way;
use crate::view::View;

/// What the loss of each gateway would cost. `Display` is the text for people, `{:#}` the unabridged one.
#[derive(Debug, Clone)]
pub struct Sweep {
    pub(crate) tolls: Vec<Toll>,
    pub(crate) revision: nanami_model::Revision,
    desired: Desired,
}

/// What the loss of one gateway would cost, in pairs of a peer and what it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toll {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its name.
    pub name: Name,
    /// What a gateway carries, and goes on as before.
    pub unaffected: usize,
    /// What goes to a standby by itself.
    pub fails_over: usize,
    /// What goes on once control has sent new maps.
    pub needs_control: usize,
    /// What stops.
    pub lost: usize,
    /// What goes on and has no standby left, though it had one.
    pub without_standby: usize,
    /// The gateways that would have more clients than they are made for, each with how many.
    pub crowded: Vec<(Name, usize)>,
}

impl Sweep {
    /// The gateways, that which costs most first.
    pub fn tolls(&self) -> &[Toll] {
        &self.tolls
    }

    /// How many flows go directly; they are in a toll only where they have an end that dies. Counted each time that it is asked
    /// for.
    pub fn direct(&self) -> usize {
        crate::overview::direct(&self.desired)
    }
}

impl View<'_> {
    /// What the loss of each gateway, one at a time, would cost.
    pub fn sweep(&self) -> Sweep {
        let desired = self.desired();
        let classes = Classes::of(desired);
        let tolls = desired.intent().gateways().filter_map(|(id, _)| classes.toll(id));
        let mut tolls: Vec<Toll> = tolls.collect();
        tolls.sort_by(|a, b| {
            let cost = |toll: &Toll| (toll.lost, toll.needs_control, toll.fails_over);
            cost(b).cmp(&cost(a)).then_with(|| a.name.cmp(&b.name))
        });
        Sweep { tolls, revision: desired.intent().revision(), desired: desired.clone() }
    }
}

/// Those who go one way to one thing; for pairs of peers it does not matter which.
struct Class<'a> {
    to: Destination,
    way: &'a Way,
    count: usize,
}

struct Classes<'a> {
    desired: &'a Desired,
    classes: Vec<Class<'a>>,
    /// The clients of each gateway: those that have it first, by where they go without it.
    clients: BTreeMap<(GatewayId, Option<GatewayId>), Marks>,
}

/// A set of peers by slot.
#[derive(Debug, Clone, Default)]
struct Marks(Vec<u64>);

impl Marks {
    fn insert(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    fn add(&mut self, other: &Self) {
        for (own, word) in self.0.iter_mut().zip(&other.0) {
            *own |= word;
        }
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

impl<'a> Classes<'a> {
    fn of(desired: &'a Desired) -> Self {
        let intent = desired.intent();
        let mut classes = Vec::new();
        let counts_clients = intent.gateways().any(|(_, gateway)| gateway.capacity().is_some());
        let mut clients = BTreeMap::new();
        let bound = intent.slot_bound::<PeerId>();
        let marks = || Marks(vec![0; bound.div_ceil(64)]);
        for (route, _) in intent.routes() {
            let to = Destination::Route(route);
            let ways = desired.ways_to(route);
            let mut counts = vec![0; ways.len()];
            desired.each_client(route, |_, class| counts[class] += 1);
            if counts_clients {
                let mut own: Vec<Marks> = vec![marks(); ways.len()];
                desired.each_client(route, |slot, class| own[class].insert(slot.index()));
                for (way, own) in ways.iter().zip(&own) {
                    clients.entry(detour(desired, to, way)).or_insert_with(marks).add(own);
                }
            }
            let known = ways.iter().zip(counts).filter(|(way, count)| *count > 0 && !way.gateways().is_empty());
            classes.extend(known.map(|(way, count)| Class { to, way, count }));
        }
        let mut carried: BTreeMap<&Way, usize> = BTreeMap::new();
        for (from, to) in desired.carried_peers() {
            let way = desired.way(from, to);
            *carried.entry(way).or_default() += 1;
            if counts_clients {
                let far = if let Destination::Peer(to) = to { intent.slot(to) } else { None };
                let set = clients.entry(detour(desired, to, way)).or_insert_with(marks);
                let ends = [intent.slot(from), far].into_iter().flatten();
                ends.for_each(|slot| set.insert(slot.index()));
            }
        }
        let nowhere = Destination::Peer(PeerId::from_bytes([0; 10]));
        classes.extend(carried.into_iter().map(|(way, count)| Class { to: nowhere, way, count }));
        Self { desired, classes, clients }
    }

    fn toll(&self, id: GatewayId) -> Option<Toll> {
        let intent = self.desired.intent();
        let after = After::without(self.desired, BTreeSet::from([id]), false);
        let name = intent.name_of(id)?.clone();
        let crowded = self.crowded(id);
        let mut toll = Toll {
            gateway: id,
            name,
            unaffected: 0,
            fails_over: 0,
            needs_control: 0,
            lost: 0,
            without_standby: 0,
            crowded,
        };
        for class in &self.classes {
            toll.count(&after, class.to, class.way, class.count, |sum, n| sum + n);
        }
        // What has an end that is cut off is lost, whatever its gateway does.
        for (from, to) in after.pairs_of_ends() {
            let way = self.desired.way(from, to);
            if !way.is_direct() {
                toll.count(&after, to, way, 1, |sum, n| sum - n);
            }
            toll.lost += 1;
        }
        Some(toll)
    }

    /// The gateways that have more clients than they are made for, once those of this one have gone elsewhere.
    fn crowded(&self, dead: GatewayId) -> Vec<(Name, usize)> {
        let intent = self.desired.intent();
        let crowded = |(id, gateway): (GatewayId, &nanami_model::Gateway)| {
            let capacity = gateway.capacity()?.get() as usize;
            let own =
                self.clients.iter().filter(|((first, to), _)| *first == id || (*first == dead && *to == Some(id)));
            let all = own.fold(None, |all: Option<Marks>, (_, marks)| {
                let mut all = all.unwrap_or_else(|| Marks(vec![0; marks.0.len()]));
                all.add(marks);
                Some(all)
            });
            let load = all.map_or(0, |all| all.len());
            (id != dead && load > capacity).then(|| Some((intent.name_of(id)?.clone(), load))).flatten()
        };
        intent.gateways().filter_map(crowded).collect()
    }
}

/// The gateway in use, and where its clients go without it.
fn detour(desired: &Desired, to: Destination, way: &Way) -> (GatewayId, Option<GatewayId>) {
    let none = GatewayId::from_bytes([0; 10]);
    let Some(first) = way.gateways().first().copied() else { return (none, None) };
    let after = After::without(desired, BTreeSet::from([first]), false);
    match after.carried(to, way) {
        Fate::LocalFailover { to, .. } | Fate::NeedsControl { to, .. } => (first, Some(to)),
        _ => (first, None),
    }
}

impl Toll {
    fn count(&mut self, after: &After<'_>, to: Destination, way: &Way, n: usize, with: impl Fn(usize, usize) -> usize) {
        let touched = way.all().any(|id| after.dead.contains(&id));
        let fate = if touched { after.carried(to, way) } else { Fate::Unaffected };
        let goes_on = matches!(fate, Fate::Unaffected | Fate::LocalFailover { .. });
        if touched && goes_on && after.standbys(way) == 0 && !way.standbys().is_empty() {
            self.without_standby = with(self.without_standby, n);
        }
        let sum = match fate {
            Fate::Unaffected => &mut self.unaffected,
            Fate::LocalFailover { .. } => &mut self.fails_over,
            Fate::NeedsControl { .. } => &mut self.needs_control,
            Fate::Lost(_) => &mut self.lost,
        };
        *sum = with(*sum, n);
    }
}
