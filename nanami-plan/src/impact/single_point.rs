//! Single points of failure: what one fault alone would stop.
//!
//! **Invariant**: a fault domain is one exactly if its failure leaves somebody without any gateway for something that they reach by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use nanami_model::{Destination, GatewayId, Name, RegionId};

use super::{After, Failure, Fate};
use crate::desired::Desired;
use crate::names::Names;
use crate::paths::Way;
use crate::view::View;

/// What fails together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Domain {
    /// One gateway.
    Gateway(GatewayId),
    /// The gateways on one host.
    Host(Name),
    /// The gateways of one region.
    Region(RegionId),
}

/// Something that one fault alone would stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinglePoint {
    domain: Domain,
    to: Destination,
    pairs: usize,
    text: [String; 2],
}

impl SinglePoint {
    /// What would have to fail.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// What would not be reached any more: a route, or a peer that gateways carry to.
    pub fn to(&self) -> Destination {
        self.to
    }

    /// For how many peers.
    pub fn peers(&self) -> usize {
        self.pairs
    }
}

impl fmt::Display for SinglePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [domain, to] = &self.text;
        write!(f, "{to} hangs on {domain} alone, for {}", crate::text::count(self.pairs, "peer"))
    }
}

impl Domain {
    /// The failure of just this.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Gateway(id) => Failure::gateway(*id),
            Self::Host(name) => Failure::host(name.clone()),
            Self::Region(id) => Failure::region(*id),
        }
    }

    fn describe(&self, names: &Names) -> String {
        match self {
            Self::Gateway(id) => names.of(*id),
            Self::Host(name) => format!("host {name}"),
            Self::Region(id) => format!("region {}", names.of(*id)),
        }
    }
}

impl View<'_> {
    /// Everything that the failure of one gateway, one host or one region alone would stop, by what would have to fail. A wider
    /// domain is listed only where none inside it is enough.
    pub fn single_points(&self) -> Vec<SinglePoint> {
        let desired = self.desired();
        let intent = desired.intent();
        let names = Names::new(intent, None);
        let gateways = intent.gateways().map(|(id, _)| Domain::Gateway(id));
        let hosts: BTreeSet<_> = intent.gateways().filter_map(|(_, gateway)| gateway.host().cloned()).collect();
        let regions: BTreeSet<_> = intent.gateways().map(|(_, gateway)| gateway.region()).collect();
        let domains =
            gateways.chain(hosts.into_iter().map(Domain::Host)).chain(regions.into_iter().map(Domain::Region));
        let mut points: Vec<SinglePoint> = Vec::new();
        let classes = classes(desired);
        let mut stopped: Vec<(Domain, BTreeSet<GatewayId>, Destination, &Way)> = Vec::new();
        for domain in domains {
            let dead = domain.failure().gateways(intent);
            let after = After::without(desired, dead.clone(), false);
            for (to, way, count) in classes.iter().copied() {
                let whole = way.gateways().iter().all(|id| dead.contains(id));
                let whole = whole || way.near().is_some_and(|near| dead.contains(&near));
                if !whole || !matches!(after.carried(to, way), Fate::Lost(_)) {
                    continue;
                }
                let narrower = |(known, inside, at, by): &(Domain, BTreeSet<GatewayId>, Destination, &Way)| {
                    *known != domain && (*at, *by) == (to, way) && inside.is_subset(&dead)
                };
                if stopped.iter().any(narrower) {
                    continue;
                }
                stopped.push((domain.clone(), dead.clone(), to, way));
                let same = points.iter_mut().find(|point| point.domain == domain && point.to == to);
                match same {
                    Some(point) => point.pairs += count,
                    None => {
                        let text = [domain.describe(&names), names.destination(to)];
                        points.push(SinglePoint { domain: domain.clone(), to, pairs: count, text });
                    }
                }
            }
        }
        points.sort_by_cached_key(|point| (point.text.clone(), point.domain.clone()));
        points
    }
}

/// Those who go one way to one thing by gateways, counted.
fn classes(desired: &Desired) -> Vec<(Destination, &Way, usize)> {
    let mut classes: BTreeMap<(Destination, &Way), usize> = BTreeMap::new();
    for (route, _) in desired.intent().routes() {
        let ways = desired.ways_to(route);
        desired.each_client(route, |_, number| {
            *classes.entry((Destination::Route(route), &ways[number])).or_default() += 1;
        });
    }
    for (from, to) in desired.carried_peers() {
        *classes.entry((to, desired.way(from, to))).or_default() += 1;
    }
    let carried = classes.into_iter().filter(|((_, way), _)| !way.gateways().is_empty());
    carried.map(|((to, way), count)| (to, way, count)).collect()
}
