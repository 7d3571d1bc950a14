//! Re-derives the promises about maps from the maps themselves (PLANNING.md section 5).
//!
//! **Invariant**: trusts nothing that compiled them but access and ways. What it lists: a prefix with two owners or a peer that
//! neighbors itself (I5), a source that a third party may carry (I6), a rule without a flow and a flow without a way (I7, I8), a
//! neighbor that nothing needs (I9), a circle or more hops than a way has (I12), a default route for one family alone (I13).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nanami_model::{Cidr, Destination, GatewayId, Label, NetworkMap, PeerId, PolicyId, Protocol, Service, Services};

use crate::access::{Grant, union};
use crate::desired::Desired;
use crate::share::common_family;
use crate::stage::Stage;
use crate::trace::{Maps, Packet, accepted};

/// A broken promise, which is a bug of ours: the state must not be rolled out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// A prefix has two egress owners.
    #[error("the map of {at} sends {prefix} to two neighbors")]
    TwoOwners {
        /// Whose map it is.
        at: Label,
        /// The prefix.
        prefix: Cidr,
    },
    /// A peer is its own neighbor.
    #[error("the map of {at} has its own key as a neighbor")]
    OwnKey {
        /// Whose map it is.
        at: Label,
    },
    /// A source is taken from somebody who is neither its peer nor a gateway on the way.
    #[error("the map of {at} takes {prefix} from {from}, which has no part in it")]
    Stranger {
        /// Whose map it is.
        at: Label,
        /// The sources.
        prefix: Cidr,
        /// The neighbor.
        from: Label,
    },
    /// A host sends everything of one family into the tunnel and the other one past it.
    #[error("the host of {at} sends {default} into the tunnel, and the other family past it")]
    OneFamily {
        /// Whose map it is.
        at: Label,
        /// What goes into the tunnel.
        default: Cidr,
    },
    /// A neighbor is there without need.
    #[error("the map of {at} shows {neighbor}, which it does not need")]
    Needless {
        /// Whose map it is.
        at: Label,
        /// The neighbor.
        neighbor: Label,
    },
    /// A rule lets something through that no policy allows.
    #[error("the map of {at} lets {services} from {from} through, which no policy allows")]
    Unwitnessed {
        /// Whose map it is.
        at: Label,
        /// The sources.
        from: Cidr,
        /// What would pass.
        services: Services,
    },
    /// A step does something in a stage that does no such things.
    #[error("{at} does in stage {stage} what does not belong there: {action}")]
    OutOfOrder {
        /// Whose step it is.
        at: Label,
        /// The stage.
        stage: Stage,
        /// What it does.
        action: String,
    },
    /// A step waits for one that never comes, or that may wait for it.
    #[error("{at} waits in stage {stage} for stage {opens} of {of}, which does not open it")]
    Stuck {
        /// Whose step it is.
        at: Label,
        /// The stage.
        stage: Stage,
        /// Whom it waits for.
        of: Label,
        /// In which stage.
        opens: Stage,
    },
    /// A map changes and no step says so.
    #[error("the map of {at} changes, and the plan has no step for it")]
    Unannounced {
        /// Whose map it is.
        at: Label,
    },
    /// A state is not settled once it is reached.
    #[error("revision {revision} plans something from itself to itself")]
    Restless {
        /// Which revision.
        revision: nanami_model::Revision,
    },
    /// Something takes more hops than a way has.
    #[error("what {from} sends to {to} takes {hops} hops, and {MAX_HOPS} are the most")]
    TooFar {
        /// Who begins.
        from: Label,
        /// What would be reached.
        to: Label,
        /// How many hops it takes, the end included.
        hops: usize,
    },
    /// Something is allowed and does not arrive.
    #[error("{service} from {from} to {to} is allowed and stops at {at}: {why}")]
    Stopped {
        /// Who begins.
        from: Label,
        /// What would be reached.
        to: Label,
        /// By which service.
        service: Service,
        /// Who stops it.
        at: Label,
        /// Why.
        why: String,
    },
}

impl Finding {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TwoOwners { .. } => "check.two_owners",
            Self::OwnKey { .. } => "check.own_key",
            Self::Stranger { .. } => "check.stranger",
            Self::OneFamily { .. } => "check.one_family",
            Self::Needless { .. } => "check.needless",
            Self::Unwitnessed { .. } => "check.unwitnessed",
            Self::OutOfOrder { .. } => "check.out_of_order",
            Self::Stuck { .. } => "check.stuck",
            Self::Unannounced { .. } => "check.unannounced",
            Self::Restless { .. } => "check.restless",
            Self::TooFar { .. } => "check.too_far",
            Self::Stopped { .. } => "check.stopped",
        }
    }
}

/// How many hops a way has at most, the end included: two gateways and a peer (PLANNING.md I12).
const MAX_HOPS: usize = 3;

/// Everything that a check found; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan breaks its own promises, which is a bug in Nanami: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// An error if anything was found.
    pub(crate) fn of(found: Vec<Finding>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// What was found.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Finding> {
        self.0.iter()
    }
}

impl Desired {
    /// Re-derives every promise about the maps from the maps themselves.
    ///
    /// # Errors
    /// [`Findings`] with every promise that is broken; a bug of ours, never the caller's.
    pub fn check(&self) -> Result<(), Findings> {
        let joined = self.intent().peers().filter_map(|(id, peer)| Some((id, peer.key()?, self.map_for(id)?)));
        self.check_maps(&Maps::new(joined))
    }

    pub(crate) fn check_maps(&self, maps: &Maps) -> Result<(), Findings> {
        let check = Check { desired: self, maps, addresses: addresses(self), links: links(self), found: Vec::new() };
        let found = check.run();
        if found.is_empty() { Ok(()) } else { Err(Findings(found)) }
    }
}

fn addresses(desired: &Desired) -> BTreeMap<IpAddr, PeerId> {
    desired.intent().peers().flat_map(|(id, peer)| peer.addresses().iter().map(move |at| (*at, id))).collect()
}

/// For each two gateways that follow each other, by the peers that bear them: to whom or what the first one sends by the other.
type Links = BTreeMap<(PeerId, PeerId), BTreeSet<Destination>>;

fn links(desired: &Desired) -> Links {
    let mut links = Links::new();
    let bearer = |id: GatewayId| desired.intent().get(id).map(|gateway| gateway.peer());
    for (from, to, _) in desired.access().iter() {
        let way = desired.way(from, to);
        let Some(near) = way.near().and_then(bearer) else { continue };
        for far in way.gateways().iter().filter_map(|id| bearer(*id)) {
            links.entry((near, far)).or_default().insert(to);
            links.entry((far, near)).or_default().insert(Destination::Peer(from));
        }
    }
    links
}

struct Check<'a> {
    desired: &'a Desired,
    maps: &'a Maps,
    addresses: BTreeMap<IpAddr, PeerId>,
    links: Links,
    found: Vec<Finding>,
}

impl Check<'_> {
    fn run(mut self) -> Vec<Finding> {
        let needed = self.needed();
        for (at, map) in self.maps.iter() {
            self.owners(at, map);
            self.carriers(at, map);
            self.neighbors(at, map, &needed);
            self.families(at, map);
            self.rules(at, map);
        }
        self.flows();
        self.found
    }

    fn label(&self, peer: PeerId) -> Label {
        self.desired.intent().label(peer)
    }

    fn owners(&mut self, at: PeerId, map: &NetworkMap) {
        let mut seen = BTreeSet::new();
        for prefix in map.neighbors().iter().flat_map(|n| n.allowed_ips()) {
            if !seen.insert(*prefix) {
                self.found.push(Finding::TwoOwners { at: self.label(at), prefix: *prefix });
            }
        }
        if self.maps.key(at).is_some_and(|own| map.neighbor(&own).is_some()) {
            self.found.push(Finding::OwnKey { at: self.label(at) });
        }
    }

    /// Whoever sends everything of one family into the tunnel does so with the other (I13).
    fn families(&mut self, at: PeerId, map: &NetworkMap) {
        let routes = |default: &Cidr| map.routes().contains(default);
        for (default, other) in [(Cidr::ALL_V4, Cidr::ALL_V6), (Cidr::ALL_V6, Cidr::ALL_V4)] {
            if routes(&default) && !routes(&other) {
                self.found.push(Finding::OneFamily { at: self.label(at), default });
            }
        }
    }

    /// Every prefix that a neighbor may send from is its own, or of somebody whom it carries for this peer.
    fn carriers(&mut self, at: PeerId, map: &NetworkMap) {
        for neighbor in map.neighbors() {
            let Some(from) = self.maps.peer(&neighbor.key()) else { continue };
            for prefix in accepted(neighbor) {
                let own = prefix.is_host().then(|| self.addresses.get(&prefix.address()).copied()).flatten();
                let destination = match own {
                    Some(peer) if peer == from && self.desired.between(at, from).is_direct() => continue,
                    Some(peer) => Some(Destination::Peer(peer)),
                    None => crate::territory::owner(self.desired.intent(), &prefix).map(Destination::Route),
                };
                let handed_on = |to| self.links.get(&(at, from)).is_some_and(|by| by.contains(&to));
                let carries = |to| self.bears(from, self.desired.way(at, to).entries()) || handed_on(to);
                if !destination.is_some_and(carries) {
                    let (at, from) = (self.label(at), self.label(from));
                    self.found.push(Finding::Stranger { at, prefix, from });
                }
            }
        }
    }

    fn bears(&self, peer: PeerId, gateways: &[GatewayId]) -> bool {
        gateways.iter().filter_map(|id| self.desired.intent().get(*id)).any(|gateway| gateway.peer() == peer)
    }

    /// The tunnels that allowed pairs need, both ends of each.
    fn needed(&self) -> BTreeSet<(PeerId, PeerId)> {
        let mut needed = BTreeSet::new();
        let mut tunnel = |a, b| needed.extend([(a, b), (b, a)]);
        for (from, to, _) in self.desired.access().iter() {
            let way = self.desired.way(from, to);
            match to {
                Destination::Peer(to) if way.is_direct() => tunnel(from, to),
                _ => {
                    let near = way.near().and_then(|id| self.desired.intent().get(id)).map(|gateway| gateway.peer());
                    for gateway in way.gateways().iter().filter_map(|id| self.desired.intent().get(*id)) {
                        tunnel(near.unwrap_or(from), gateway.peer());
                        if let Destination::Peer(to) = to {
                            tunnel(to, gateway.peer());
                        }
                    }
                    near.into_iter().for_each(|near| tunnel(from, near));
                }
            }
        }
        needed
    }

    fn neighbors(&mut self, at: PeerId, map: &NetworkMap, needed: &BTreeSet<(PeerId, PeerId)>) {
        for neighbor in map.neighbors().iter().filter_map(|n| self.maps.peer(&n.key())) {
            if !needed.contains(&(at, neighbor)) {
                let (at, neighbor) = (self.label(at), self.label(neighbor));
                self.found.push(Finding::Needless { at, neighbor });
            }
        }
    }

    /// Every rule is one policy's grant on one pair, seen from one address.
    fn rules(&mut self, at: PeerId, map: &NetworkMap) {
        for rule in map.filter().rules() {
            self.witness(at, Destination::Peer(at), rule.from, &rule.services, rule.policy);
        }
        for rule in map.forward() {
            let to = match rule.to.is_host().then(|| self.addresses.get(&rule.to.address())).flatten() {
                Some(peer) => Some(Destination::Peer(*peer)),
                None => self
                    .desired
                    .intent()
                    .routes()
                    .find(|(id, _)| self.desired.territory(*id).contains(&rule.to))
                    .map(|(id, _)| Destination::Route(id)),
            };
            let Some(to) = to else {
                let (at, from, services) = (self.label(at), rule.from, rule.services.clone());
                self.found.push(Finding::Unwitnessed { at, from, services });
                continue;
            };
            self.witness(at, to, rule.from, &rule.services, rule.policy);
        }
    }

    fn witness(&mut self, at: PeerId, to: Destination, from: Cidr, services: &Services, policy: Option<PolicyId>) {
        let begins = from.is_host().then(|| self.addresses.get(&from.address()).copied()).flatten();
        let grants = begins.map(|peer| self.desired.access().grants(peer, to)).unwrap_or_default();
        let allowed = |grant: &Grant| Some(grant.policy) == policy && grant.services == *services;
        if !grants.iter().any(allowed) {
            self.found.push(Finding::Unwitnessed { at: self.label(at), from, services: services.clone() });
        }
    }

    /// Every allowed flow between peers that have joined, by gateways that have, arrives.
    fn flows(&mut self) {
        for (from, to, grants) in self.desired.access().iter() {
            let way = self.desired.way(from, to);
            let there = |id| self.maps.key(id).is_some();
            let bears = |id: &GatewayId| self.desired.intent().get(*id).is_some_and(|gateway| there(gateway.peer()));
            let carried = way.near().is_none_or(|near| bears(&near)) && way.gateways().iter().any(bears);
            let ready = way.is_direct() || carried;
            let ends = there(from) && !matches!(to, Destination::Peer(to) if !there(to));
            // Who bears a gateway that a route falls back to sends from its own host what is behind that route.
            let leaves_at_once = matches!(to, Destination::Route(_)) && way.is_direct();
            if !ready || !ends || leaves_at_once {
                continue;
            }
            let services = union(&grants).into_iter().flat_map(Vec::from);
            for service in services.collect::<Vec<_>>() {
                self.arrives(from, to, service);
            }
        }
    }

    fn arrives(&mut self, from: PeerId, to: Destination, service: Service) {
        let intent = self.desired.intent();
        let sources = intent.live_addresses(from);
        let (targets, label) = match to {
            Destination::Peer(to) => (Some(intent.live_addresses(to)), intent.label(to)),
            Destination::Route(id) => {
                let firsts = self.desired.territory(id).iter().map(Cidr::address).collect();
                (Some(firsts), intent.label(id))
            }
            Destination::Address(_) => return,
        };
        for (source, target) in common_family(&sources, &targets.unwrap_or_default()) {
            let protocol = service.protocol().unwrap_or(Protocol::Udp);
            let packet = Packet { from: source.address(), to: target, protocol, port: service.ports().1 };
            match self.maps.follow(from, &packet) {
                Ok(hops) if hops.len() <= MAX_HOPS => {}
                Ok(hops) => {
                    let (from, hops) = (self.label(from), hops.len());
                    self.found.push(Finding::TooFar { from, to: label.clone(), hops });
                }
                Err(stop) => {
                    let (from, at, why) = (self.label(from), self.label(stop.at()), stop.to_string());
                    self.found.push(Finding::Stopped { from, to: label.clone(), service, at, why });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
