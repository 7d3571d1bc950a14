//! What rules let through before and after a change, service by service and range by range, so that a rule that only narrows ends
//! nothing that stays.
//!
//! **Invariant**: what is compared is one peer, or one [`Atoms`](crate::atoms::Atoms) range behind routes, whichever route that
//! belongs to in each state: a range that one route hands to another is lost by whoever may not use the other one, though no
//! policy changed, and goes on for whoever may.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Cidr, Destination, PeerId, PolicyId, Services};

use crate::access::union;
use crate::lets::{all, both, minus};
use crate::places::Places;
use crate::share::Share;
use crate::stage::Stage;
use crate::step::{Action, Reason};
use crate::steps::difference::Difference;

/// What both states can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Peer(PeerId),
    Range(Cidr),
}

/// Services with the policy that lets them through.
type Rules = BTreeSet<(Option<PolicyId>, Services)>;
/// What one peer lets through from one peer to one target.
type Lets = BTreeMap<(PeerId, Target), Rules>;

/// A change of what is let through from one peer to one destination; what is alike for several ranges is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    from: PeerId,
    to: Destination,
    stage: Stage,
    reason: Reason,
    /// `None` if the same passes, by another policy.
    services: Option<Services>,
}

impl Difference<'_> {
    /// What this peer lets in, and what it lets pass.
    pub(crate) fn rules(&mut self, was: &Share, is: &Share) {
        let [before, after] = self.places;
        let lets = [self.lets(0, before, was), self.lets(1, after, is)];
        let none = Rules::new();
        let mut turns: BTreeMap<Turn, BTreeSet<Cidr>> = BTreeMap::new();
        for (from, target) in lets.iter().flat_map(|lets| lets.keys().copied()).collect::<BTreeSet<_>>() {
            let [old, new] = [0, 1].map(|state| lets[state].get(&(from, target)).unwrap_or(&none));
            if old != new {
                for turn in self.turns(from, target, old, new) {
                    let ranges = turns.entry(turn).or_default();
                    ranges.extend(if let Target::Range(range) = target { Some(range) } else { None });
                }
            }
        }
        for (turn, ranges) in turns {
            for part in self.parts(&turn, &ranges, &lets) {
                self.add(turn.stage, turn.reason.clone(), self.action(&turn, part));
            }
        }
    }

    fn lets(&self, state: usize, places: &Places, share: &Share) -> Lets {
        let mut lets = Lets::new();
        for rule in &share.accept {
            let Some(from) = places.peer(&rule.from) else { continue };
            let target = Target::Peer(self.peer);
            lets.entry((from, target)).or_default().insert((rule.policy, rule.services.clone()));
        }
        // A route is forwarded by all of its pieces, of which there are many.
        let mut routed = BTreeSet::new();
        for rule in &share.forward {
            let (Some(from), Some(to)) = (places.peer(&rule.from), places.target(&rule.to)) else { continue };
            let what = (rule.policy, rule.services.clone());
            match to {
                Destination::Peer(to) => _ = lets.entry((from, Target::Peer(to))).or_default().insert(what),
                Destination::Route(to) => _ = routed.insert((from, to, rule.from.is_ipv4(), what)),
                Destination::Address(_) => {}
            }
        }
        for (from, to, v4, what) in routed {
            for range in self.atoms.of(state, to).iter().filter(|range| range.is_ipv4() == v4) {
                lets.entry((from, Target::Range(*range))).or_default().insert(what.clone());
            }
        }
        lets
    }

    /// What changes for one peer and one target, by stage.
    fn turns(&self, from: PeerId, target: Target, old: &Rules, new: &Rules) -> Vec<Turn> {
        let named = |state: usize| match target {
            Target::Peer(to) => Some(Destination::Peer(to)),
            Target::Range(range) => self.atoms.owner(state, &range).map(Destination::Route),
        };
        let states = [self.base.desired.as_ref(), Some(self.after)];
        let allowed = |state: usize| -> Option<Services> {
            states[state].zip(named(state)).and_then(|(state, to)| union(&state.access().grants(from, to)))
        };
        let (before, after) = (allowed(0), allowed(1));
        let [was, is] = [old, new].map(|rules| all(rules.iter().map(|(_, services)| services)));
        // What goes here: lost altogether, or only carried by another hop from now on.
        let (gone, come) = (minus(was.as_ref(), is.as_ref()), minus(is.as_ref(), was.as_ref()));
        let parts = [
            (Stage::Tighten, minus(gone.as_ref(), after.as_ref()), 0, old),
            (Stage::Retire, both(gone.as_ref(), after.as_ref()), 0, old),
            (Stage::Prepare, both(come.as_ref(), before.as_ref()), 1, new),
            (Stage::Open, minus(come.as_ref(), before.as_ref()), 1, new),
        ];
        let turn = |(stage, services, state, rules): (Stage, Option<Services>, usize, &Rules)| {
            let services = services?;
            let reason = self.policy(rules, &services);
            Some(Turn { from, to: named(state)?, stage, reason, services: Some(services) })
        };
        let mut turns: Vec<Turn> = parts.into_iter().filter_map(turn).collect();
        if gone.is_none()
            && come.is_none()
            && let (Some(services), Some(to)) = (is, named(1))
        {
            turns.push(Turn { from, to, stage: Stage::Prepare, reason: self.policy(new, &services), services: None });
        }
        turns
    }

    /// The parts of the destination that a turn is about; `None` is all that this peer lets pass to it.
    fn parts(&self, turn: &Turn, ranges: &BTreeSet<Cidr>, lets: &[Lets; 2]) -> Vec<Option<Cidr>> {
        let Destination::Route(route) = turn.to else { return vec![None] };
        let state = usize::from(!matches!(turn.stage, Stage::Tighten | Stage::Retire));
        let held = |range: &&Cidr| lets[state].contains_key(&(turn.from, Target::Range(**range)));
        if self.atoms.of(state, route).iter().filter(held).all(|range| ranges.contains(range)) {
            return vec![None];
        }
        ranges.iter().copied().map(Some).collect()
    }

    fn action(&self, turn: &Turn, part: Option<Cidr>) -> Action {
        let Turn { from, to, .. } = *turn;
        let Some(services) = turn.services.clone() else { return Action::Attribute { from, to, part } };
        let ends = matches!(turn.stage, Stage::Tighten | Stage::Retire);
        match (to == Destination::Peer(self.peer), ends) {
            (true, false) => Action::Accept { from, services },
            (true, true) => Action::Refuse { from, services },
            (false, false) => Action::Forward { from, to, part, services },
            (false, true) => Action::StopForwarding { from, to, part, services },
        }
    }

    /// The owner of the range around a more specific one in these prefixes, if something may be sent to that range by it, so that
    /// whoever is its owner instead takes over what is on the way.
    pub(crate) fn around(&self, state: usize, prefix: &Cidr, prefixes: &BTreeMap<Cidr, Vec<PeerId>>) -> Option<PeerId> {
        let route = self.atoms.owner(state, prefix)?;
        let desired = if state == 0 { self.base.desired.as_ref()? } else { self.after };
        if desired.access().grants(self.peer, route.into()).is_empty() {
            return None;
        }
        let covering = prefixes.iter().filter(|(outer, _)| **outer != *prefix && outer.covers(prefix));
        let (_, by) = covering.max_by_key(|(outer, _)| outer.length())?;
        by.first().copied()
    }

    /// The first policy that lets some of these services through.
    fn policy(&self, rules: &Rules, services: &Services) -> Reason {
        let mut giving = rules.iter().filter(|(_, own)| own.intersection(services).is_some());
        giving.find_map(|(policy, _)| *policy).map_or_else(|| self.because(self.peer), |policy| self.because(policy))
    }
}
