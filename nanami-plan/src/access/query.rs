//! Questions about one pair or one end.

use std::collections::BTreeSet;

use nanami_model::{Destination, PeerId, PolicyId, RouteId, Services, Slot};

use super::expand::Toward;
use super::rule::{End, Rule};
use super::signature::SignatureId;
use super::{Access, Grant};
use crate::bitmap::Bitmap;

impl Access {
    /// What the pair is granted; empty means nothing.
    pub fn grants(&self, from: PeerId, to: Destination) -> Vec<Grant> {
        if !self.may_meet(from, to) {
            return Vec::new();
        }
        let speaking = self.speaking(from, to);
        let denies = || speaking.iter().filter(|rule| !rule.is_allow()).map(|rule| &rule.services);
        let left = |rule: &&Rule| denies().try_fold(rule.services.clone(), |left, deny| left.minus(deny));
        let allows = speaking.iter().filter(|rule| rule.is_allow());
        let mut grants: Vec<_> =
            allows.filter_map(|rule| Some(Grant { policy: rule.policy, services: left(rule)? })).collect();
        self.sort(&mut grants, |grant| grant.policy);
        grants
    }

    /// Sorts by the names of policies.
    pub(crate) fn sort<T>(&self, list: &mut [T], policy: impl Fn(&T) -> PolicyId) {
        if list.len() > 1 {
            list.sort_by(|a, b| self.intent.name_of(policy(a)).cmp(&self.intent.name_of(policy(b))));
        }
    }

    /// The rules that speak of a pair, each once.
    pub(crate) fn speaking(&self, from: PeerId, to: Destination) -> Vec<&Rule> {
        let Some(begins) = self.intent.slot(from) else { return Vec::new() };
        let reached = if let Destination::Peer(to) = to { self.intent.slot(to) } else { None };
        let leads = |rule: &Rule, arrow: u8| match (rule.arrows[usize::from(arrow)].end, to) {
            (End::Side(side), Destination::Peer(_)) => reached.is_some_and(|to| self.members(side).contains(to)),
            (End::Route(route), Destination::Route(to)) => route == to,
            _ => false,
        };
        let uses = self.uses(begins).filter(|at| at.begins);
        let mut rules: Vec<u32> =
            uses.filter(|at| self.rule(at.rule).is_some_and(|rule| leads(rule, at.arrow))).map(|at| at.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules.into_iter().filter_map(|slot| self.rule(slot)).map(|rule| &**rule).collect()
    }

    /// What a peer may reach, with the grants, in the order of ids.
    pub fn from(&self, from: PeerId) -> impl Iterator<Item = (Destination, Vec<Grant>)> {
        let peers = self.intent.slot(from).map(|slot| self.partners(slot, Toward::There)).unwrap_or_default();
        let routes = self.intent.slot(from).map(|slot| self.routes_from(slot)).unwrap_or_default();
        let peers = self.ids(&peers).into_iter().map(Destination::Peer);
        let all: Vec<_> = peers.chain(routes.into_iter().map(Destination::Route)).collect();
        all.into_iter().map(move |to| (to, self.grants(from, to))).filter(|(_, grants)| !grants.is_empty())
    }

    /// Who may reach a destination, with the grants, in the order of ids.
    pub fn to(&self, to: Destination) -> impl Iterator<Item = (PeerId, Vec<Grant>)> {
        let who = match to {
            Destination::Peer(id) => self.intent.slot(id).map(|slot| self.partners(slot, Toward::Here)),
            Destination::Route(route) => Some(self.sources(route)),
            Destination::Address(_) => None,
        };
        let who = who.map(|who| self.ids(&who)).unwrap_or_default();
        who.into_iter().map(move |from| (from, self.grants(from, to))).filter(|(_, grants)| !grants.is_empty())
    }

    fn ids(&self, peers: &Bitmap) -> Vec<PeerId> {
        let mut ids: Vec<_> = peers.iter().filter_map(|slot| Some(self.intent.in_slot(slot)?.0)).collect();
        ids.sort_unstable();
        ids
    }

    /// Collects the routes that a peer reaches by at least one service, by id. Memory that was used before is enough, unless denies
    /// speak of routes.
    pub(crate) fn reached_routes(&self, peer: Slot<PeerId>, into: &mut Vec<RouteId>) {
        into.clear();
        let uses = self.uses(peer).filter(|at| at.begins);
        into.extend(uses.filter_map(|at| self.rule(at.rule).filter(|rule| rule.is_allow())?.route()));
        if into.is_empty() {
            return;
        }
        into.sort_unstable();
        into.dedup();
        let Some((id, _)) = self.intent.in_slot(peer) else { return };
        into.retain(|route| {
            let to = Destination::Route(*route);
            // Without a deny nothing is left to take away.
            match self.route_rules(*route).all(Rule::is_allow) {
                true => self.may_meet(id, to),
                false => !self.grants(id, to).is_empty(),
            }
        });
    }

    /// The routes that rules lead a peer to, whether or not a deny takes them away, by id.
    pub(crate) fn routes_from(&self, from: Slot<PeerId>) -> BTreeSet<RouteId> {
        let uses = self.uses(from).filter(|at| at.begins);
        uses.filter_map(|at| self.rule(at.rule).filter(|rule| rule.is_allow())?.route()).collect()
    }

    /// The rules that lead to a route.
    pub(crate) fn route_rules(&self, route: RouteId) -> impl Iterator<Item = &Rule> {
        let slots = self.routes.get(&route).into_iter().flatten();
        slots.filter_map(|slot| self.rule(*slot)).map(|rule| &**rule)
    }

    /// Who reaches a route by at least one service.
    pub(crate) fn sources(&self, route: RouteId) -> Bitmap {
        let mut found = Bitmap::new(self.intent.slot_bound::<PeerId>());
        self.expand_route(route, |peers, _, _| found.union(peers));
        found
    }

    /// Those of them who have an address of this family.
    pub(crate) fn sources_of(&self, route: RouteId, v4: bool) -> Bitmap {
        let (mut sources, mut family) = (self.sources(route), Bitmap::default());
        family.add(self.family(v4));
        sources.intersect(&family);
        sources
    }

    /// What peers that are alike have in common: their sides and their families.
    pub(crate) fn class(&self, peer: Slot<PeerId>) -> (SignatureId, (bool, bool)) {
        (self.signatures.of(peer), self.families.has(peer))
    }

    /// Shows every rule that grants something on a route: the peers, the rule, and what is left of its services for them.
    pub(crate) fn expand_route(&self, route: RouteId, mut with: impl FnMut(&Bitmap, &Rule, &Services)) {
        let partners = self.route_partners(route);
        let side = |rule: &Rule| {
            let mut peers = Bitmap::new(self.intent.slot_bound::<PeerId>());
            rule.arrows.iter().for_each(|arrow| peers.add(self.members(arrow.begin)));
            peers.intersect(&partners);
            peers
        };
        let denies: Vec<_> =
            self.route_rules(route).filter(|r| !r.is_allow()).map(|r| (side(r), &r.services)).collect();
        for rule in self.route_rules(route).filter(|rule| rule.is_allow()) {
            // Each deny splits those for whom as much is left into those whom it names and the others.
            let mut parts = vec![(side(rule), rule.services.clone())];
            for (denied, services) in &denies {
                let mut next = Vec::new();
                for (peers, left) in parts {
                    let (mut named, mut others) = (peers.clone(), peers);
                    named.intersect(denied);
                    others.subtract(denied);
                    next.extend((!others.is_empty()).then(|| (others, left.clone())));
                    next.extend(left.minus(services).filter(|_| !named.is_empty()).map(|left| (named, left)));
                }
                parts = next;
            }
            parts.iter().filter(|(peers, _)| !peers.is_empty()).for_each(|(peers, left)| with(peers, rule, left));
        }
    }
}
