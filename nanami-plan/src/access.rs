//! Who may reach what: policies, resolved into pairs.
//!
//! **Invariant**: a pair is here exactly when some allow policy names both of its sides, something is left of that policy
//! once every deny on the pair is taken away, the two have an address family in common, and they are not one and the same.
//! Only peers that take part count, only addresses of networks in use, and a policy with conditions only for those who meet them.
//! So a deny creates nothing (PLANNING.md I9), and one more deny or one allow less never adds a pair (I10).

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{
    Destination, Direction, Intent, PeerId, Policy, PolicyId, Protocol, Selector, Service, Services, Verdict,
};

/// What one policy allows on one pair, after every deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The policy.
    pub policy: PolicyId,
    /// What is left of its services.
    pub services: Services,
}

/// Every allowed pair of a peer and what it may reach: a peer or a route, never a bare address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    pairs: BTreeMap<(PeerId, Destination), Vec<Grant>>,
    by_destination: BTreeSet<(Destination, PeerId)>,
}

impl Access {
    /// What the policies of a workspace allow.
    pub fn of(intent: &Intent) -> Self {
        let eligible = Eligible::of(intent);
        let denied = denied(intent);
        let mut access = Self::default();
        for (policy, entity) in intent.policies().filter(|(_, p)| p.verdict() == Verdict::Allow) {
            for pair in pairs(intent, entity).into_iter().filter(|pair| eligible.may_meet(*pair)) {
                let denies = denied.get(&pair).map(Vec::as_slice).unwrap_or_default();
                let left = denies.iter().try_fold(entity.services().clone(), |left, deny| left.minus(deny));
                if let Some(services) = left {
                    access.add(pair, Grant { policy, services });
                }
            }
        }
        access
    }

    fn add(&mut self, (from, to): (PeerId, Destination), grant: Grant) {
        self.by_destination.insert((to, from));
        self.pairs.entry((from, to)).or_default().push(grant);
    }

    /// Every pair with its grants, in the order of ids; the grants in the order of their policies' names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PeerId, Destination, &[Grant])> {
        self.pairs.iter().map(|((from, to), grants)| (*from, *to, grants.as_slice()))
    }

    /// What the pair is granted; empty means nothing.
    pub fn grants(&self, from: PeerId, to: Destination) -> &[Grant] {
        self.pairs.get(&(from, to)).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a peer may reach, with the grants.
    pub fn from(&self, from: PeerId) -> impl Iterator<Item = (Destination, &[Grant])> {
        let first = (from, Destination::Peer(PeerId::from_bytes([0; 10])));
        let own = self.pairs.range(first..).take_while(move |((peer, _), _)| *peer == from);
        own.map(|((_, to), grants)| (*to, grants.as_slice()))
    }

    /// Who may reach a destination, with the grants.
    pub fn to(&self, to: Destination) -> impl Iterator<Item = (PeerId, &[Grant])> {
        let first = (to, PeerId::from_bytes([0; 10]));
        let own = self.by_destination.range(first..).take_while(move |(destination, _)| *destination == to);
        own.map(move |(_, from)| (*from, self.grants(*from, to)))
    }

    /// The first policy by name that lets `from` send packets of this kind to `to`.
    pub fn allows(&self, from: PeerId, to: Destination, protocol: Protocol, port: u16) -> Option<PolicyId> {
        self.grants(from, to).iter().find(|grant| grant.services.covers(protocol, port)).map(|grant| grant.policy)
    }
}

/// What of `wanted` no grant allows.
pub(crate) fn missing(wanted: Service, grants: &[Grant]) -> Option<Services> {
    if grants.iter().any(|grant| grant.services.includes(&wanted)) {
        return None;
    }
    grants.iter().try_fold(Services::from(wanted), |left, grant| left.minus(&grant.services))
}

/// Everything that the grants allow together; `None` if there are none.
pub(crate) fn union(grants: &[Grant]) -> Option<Services> {
    Services::new(grants.iter().flat_map(|grant| grant.services.iter().copied())).ok()
}

/// The pairs that a policy speaks about, each once: those of whose first the conditions hold.
pub(crate) fn pairs(intent: &Intent, policy: &Policy) -> BTreeSet<(PeerId, Destination)> {
    let mut all = sides(intent, policy);
    all.retain(|(from, _)| intent.counts_for(policy, *from));
    all
}

fn sides(intent: &Intent, policy: &Policy) -> BTreeSet<(PeerId, Destination)> {
    let begins = intent.members(policy.from());
    let Selector::Route(route) = policy.to() else {
        let reached = intent.members(policy.to());
        let one_way = begins.iter().flat_map(|a| reached.iter().map(move |b| (*a, *b)));
        let both: Vec<_> = match policy.direction() {
            Direction::OneWay => one_way.collect(),
            Direction::BothWays => one_way.flat_map(|(a, b)| [(a, b), (b, a)]).collect(),
        };
        return both.into_iter().map(|(from, to)| (from, Destination::Peer(to))).collect();
    };
    begins.into_iter().map(|from| (from, Destination::Route(route))).collect()
}

/// Which of the two ends is suspended or expired; the one that begins first.
pub(crate) fn absent(intent: &Intent, from: PeerId, to: Destination) -> Option<PeerId> {
    let to = if let Destination::Peer(to) = to { Some(to) } else { None };
    std::iter::once(from).chain(to).find(|peer| !intent.is_effective(*peer))
}

fn denied(intent: &Intent) -> BTreeMap<(PeerId, Destination), Vec<&Services>> {
    let mut denied: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (_, policy) in intent.policies().filter(|(_, p)| p.verdict() == Verdict::Deny) {
        for pair in pairs(intent, policy) {
            denied.entry(pair).or_default().push(policy.services());
        }
    }
    denied
}

/// Which pairs could ever meet, whatever policies say.
pub(crate) struct Eligible<'a> {
    intent: &'a Intent,
    families: BTreeMap<PeerId, Families>,
}

/// Which address families something has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Families {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl Families {
    fn new(mut are_v4: impl Iterator<Item = bool> + Clone) -> Self {
        Self { v4: are_v4.clone().any(|v4| v4), v6: are_v4.any(|v4| !v4) }
    }

    fn meet(self, other: Self) -> bool {
        (self.v4 && other.v4) || (self.v6 && other.v6)
    }
}

impl<'a> Eligible<'a> {
    pub(crate) fn of(intent: &'a Intent) -> Self {
        let families = |id| Families::new(intent.live_addresses(id).iter().map(|a| a.is_ipv4()));
        Self { intent, families: intent.peers().map(|(id, _)| (id, families(id))).collect() }
    }

    /// Whether the two are different and have a family in common. What is behind a gateway is no destination for the gateway
    /// itself, which stands there: it never sends its own prefix to a sibling.
    pub(crate) fn may_meet(&self, (from, to): (PeerId, Destination)) -> bool {
        self.distinct(from, to) && self.take_part(from, to) && self.share_family(from, to)
    }

    /// Whether both ends take part.
    fn take_part(&self, from: PeerId, to: Destination) -> bool {
        absent(self.intent, from, to).is_none()
    }

    pub(crate) fn distinct(&self, from: PeerId, to: Destination) -> bool {
        match to {
            Destination::Peer(to) => from != to,
            Destination::Route(route) => {
                let bearers = self.intent.gateways_of(route).into_iter();
                !bearers.filter_map(|id| self.intent.get(id)).any(|gateway| gateway.peer() == from)
            }
            Destination::Address(_) => false,
        }
    }

    pub(crate) fn share_family(&self, from: PeerId, to: Destination) -> bool {
        let Some(own) = self.families.get(&from) else { return false };
        match to {
            Destination::Peer(to) => self.families.get(&to).is_some_and(|other| own.meet(*other)),
            Destination::Route(route) => self
                .intent
                .get(route)
                .filter(|route| self.intent.is_active(route.network()))
                .is_some_and(|route| own.meet(Families::new(route.prefixes().iter().map(|p| p.is_ipv4())))),
            Destination::Address(_) => false,
        }
    }
}
