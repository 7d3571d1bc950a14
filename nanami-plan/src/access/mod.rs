//! Who may reach what: policies, as rules between sides.
//!
//! **Invariant**: a pair may meet exactly when some allow policy names both of its sides, something is left of that policy
//! once every deny on the pair is taken away, the two have an address family in common, and they are not one and the same.
//! So a deny creates nothing (PLANNING.md I9), and one more deny or one allow less never adds a pair (I10).
//!
//! No pair is stored. A policy is a [`Rule`](rule::Rule) between two sides, a side is a set of peers, and a peer has a signature: the
//! list of its sides, which peers on the same sides share. What is asked follows from these: of a pair by looking for the
//! other end on the far sides of one end's rules, of a peer by walking those sides (`expand`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nanami_model::{
    Destination, Direction, GroupId, Intent, PeerId, Policy, PolicyId, Protocol, RouteId, Selector, Service, Services,
    Slot,
};

mod advance;
pub(crate) mod among;
mod eligible;
pub(crate) mod expand;
mod few;
mod query;
pub(crate) mod rule;
pub(crate) mod side;
pub(crate) mod signature;
pub(crate) mod unlike;

use crate::paged::Paged;
use eligible::Families;
pub(crate) use eligible::absent;
use rule::Rule;
use side::{Closures, Side, SideId, SideKey, Use};
use signature::{Signatures, Signing};

/// What one policy allows on one pair, after every deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The policy.
    pub policy: PolicyId,
    /// What is left of its services.
    pub services: Services,
}

/// Who may reach what: every allowed pair of a peer and its destination, a peer or a route, never a bare address.
#[derive(Debug, Clone)]
pub struct Access {
    intent: Intent,
    families: Families,
    sides: Paged<Arc<Side>, 16>,
    numbers: Arc<BTreeMap<SideKey, SideId>>,
    /// By slot of the policy.
    rules: Paged<Option<Arc<Rule>>, 64>,
    /// How many rules ask for gateways on the way.
    asking: usize,
    /// The rules that lead to a route.
    routes: Arc<BTreeMap<RouteId, Vec<u32>>>,
    signatures: Signatures,
    /// For each group that is nested in others: in which.
    outer: Arc<BTreeMap<GroupId, Vec<GroupId>>>,
    /// The peers that bear gateways.
    bearing: Arc<BTreeSet<PeerId>>,
}

impl Access {
    /// What the policies of a workspace allow.
    pub fn of(intent: &Intent) -> Self {
        let mut access = Self {
            intent: intent.clone(),
            families: Families::of(intent),
            sides: Paged::default(),
            numbers: Arc::default(),
            rules: Paged::default(),
            asking: 0,
            routes: Arc::default(),
            signatures: Signing::new(0).finish(),
            outer: Arc::new(outer(intent)),
            bearing: Arc::new(bearing(intent)),
        };
        let mut closures = Closures::default();
        for (slot, id, policy) in intent.occupied::<PolicyId>() {
            let rule = Rule::of(id, policy, &mut |key| access.side(key, &mut closures));
            access.put(slot.index() as u32, Some(rule));
        }
        let mut signing = Signing::new(intent.slot_bound::<PeerId>());
        for (number, side) in (0..).zip(access.sides.iter()) {
            signing.put(number, side.members.iter());
        }
        access.signatures = signing.finish();
        access
    }

    /// The number of a side, which is added if it is new.
    fn side(&mut self, key: SideKey, closures: &mut Closures) -> SideId {
        if let Some(known) = self.numbers.get(&key) {
            return *known;
        }
        let members = side::members(&self.intent, &key, closures);
        let number = self.sides.len() as SideId;
        Arc::make_mut(&mut self.numbers).insert(key, number);
        self.sides.push(Arc::new(Side { members, uses: Vec::new() }));
        number
    }

    /// Puts a rule into the slot of its policy, or takes away what is there.
    fn put(&mut self, slot: u32, rule: Option<Rule>) {
        if let Some(old) = self.rule(slot).cloned() {
            self.asking -= usize::from(old.asks_for_gateways());
            for (arrow, begins, side) in old.sides() {
                let uses = self.sides.get_mut(side as usize).map(|side| &mut Arc::make_mut(side).uses);
                uses.into_iter().for_each(|uses| uses.retain(|at| *at != Use { rule: slot, arrow, begins }));
            }
            if let Some(route) = old.route() {
                let rules = Arc::make_mut(&mut self.routes).get_mut(&route);
                rules.into_iter().for_each(|rules| rules.retain(|rule| *rule != slot));
            }
        }
        self.asking += usize::from(rule.as_ref().is_some_and(Rule::asks_for_gateways));
        for (arrow, begins, side) in rule.iter().flat_map(|rule| rule.sides()) {
            let Some(side) = self.sides.get_mut(side as usize).map(Arc::make_mut) else { continue };
            let at = Use { rule: slot, arrow, begins };
            let place = side.uses.binary_search(&at).unwrap_or_else(|place| place);
            side.uses.insert(place, at);
        }
        if let Some(route) = rule.as_ref().and_then(Rule::route) {
            Arc::make_mut(&mut self.routes).entry(route).or_default().push(slot);
        }
        self.rules.put(slot as usize, rule.map(Arc::new), &None);
    }

    pub(crate) fn rule(&self, slot: u32) -> Option<&Arc<Rule>> {
        self.rules.get(slot as usize)?.as_ref()
    }

    /// Every rule, in the order of the policies' slots.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter().flatten()
    }

    /// Whether a policy that allows something asks for gateways on the way.
    pub(crate) fn asks_for_gateways(&self) -> bool {
        self.asking > 0
    }

    pub(crate) fn members(&self, side: SideId) -> &nanami_model::SlotSet {
        static NOBODY: std::sync::LazyLock<nanami_model::SlotSet> = std::sync::LazyLock::new(Default::default);
        self.sides.get(side as usize).map_or(&NOBODY, |side| &side.members)
    }

    /// The places at which rules speak of a peer.
    fn uses(&self, peer: Slot<PeerId>) -> impl Iterator<Item = Use> + '_ {
        let sides = self.signatures.sides(self.signatures.of(peer));
        sides.filter_map(|side| self.sides.get(side as usize)).flat_map(|side| side.uses.iter().copied())
    }

    /// Every pair with its grants, in the order of ids; the grants in the order of their policies' names. This is as much as
    /// there are pairs: of a large workspace ask for one end.
    pub fn iter(&self) -> impl Iterator<Item = (PeerId, Destination, Vec<Grant>)> {
        let mut peers: Vec<PeerId> = self.intent.occupied::<PeerId>().map(|(_, id, _)| id).collect();
        peers.sort_unstable();
        peers.into_iter().flat_map(|from| self.from(from).map(move |(to, grants)| (from, to, grants)))
    }

    /// The first policy by name that lets `from` send packets of this kind to `to`.
    pub fn allows(&self, from: PeerId, to: Destination, protocol: Protocol, port: u16) -> Option<PolicyId> {
        self.grants(from, to).iter().find(|grant| grant.services.covers(protocol, port)).map(|grant| grant.policy)
    }
}

/// For each group that is nested in others: in which.
fn outer(intent: &Intent) -> BTreeMap<GroupId, Vec<GroupId>> {
    let mut outer: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (_, id, group) in intent.occupied::<GroupId>() {
        group.groups().iter().for_each(|inner| outer.entry(*inner).or_default().push(id));
    }
    outer
}

/// The peers that bear gateways.
fn bearing(intent: &Intent) -> BTreeSet<PeerId> {
    intent.gateways().map(|(_, gateway)| gateway.peer()).collect()
}

/// Whether a policy speaks of a pair, and its conditions hold of whoever begins.
pub(crate) fn speaks_of(intent: &Intent, policy: &Policy, from: PeerId, to: Destination) -> bool {
    if !intent.counts_for(policy, from) {
        return false;
    }
    let both = |from, to| intent.is_member(from, policy.from()) && intent.is_member(to, policy.to());
    match (policy.to(), to) {
        (Selector::Route(own), Destination::Route(to)) => own == to && intent.is_member(from, policy.from()),
        (Selector::Route(_), _) | (_, Destination::Route(_) | Destination::Address(_)) => false,
        (_, Destination::Peer(to)) => both(from, to) || (policy.direction() == Direction::BothWays && both(to, from)),
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
