//! What differs at one peer between two states, share by share, each difference with its stage and its reason.
//!
//! **Invariant**: nothing differs between two shares that no step names, so who has no step keeps their map. What is lost goes in
//! Tighten; what stays allowed is prepared, moved and retired; what is gained opens last (PLANNING.md section 4.1).

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Cidr, Destination, Intent, Label, ObjectId, Peer, PeerId, PolicyId, RouteId};

use super::need::{Carried, need};
use crate::atoms::Atoms;
use crate::base::Base;
use crate::desired::Desired;
use crate::places::Places;
use crate::share::Share;
use crate::stage::Stage;
use crate::step::{Action, Reason};

/// By stage and reason, what a peer does.
pub(crate) type Found = BTreeMap<(Stage, Reason), BTreeSet<Action>>;

/// For each pair of peers that has a tunnel: the first policy by name that needs it.
pub(crate) type Tunnels = BTreeMap<(PeerId, PeerId), PolicyId>;

/// Where it is found which policy needs a tunnel; each before and after.
pub(crate) enum Needs<'a> {
    /// Every tunnel was looked at.
    Known(&'a [Tunnels; 2]),
    /// Single ones are, with the pairs that gateways carry.
    Asked(&'a [Carried; 2]),
}

/// For each pair of peers that has a tunnel: the first policy by name that needs it.
pub(crate) fn tunnels(desired: &Desired) -> Tunnels {
    let order: BTreeMap<_, _> = desired.intent().policies().enumerate().map(|(n, (id, _))| (id, n)).collect();
    let mut needed = Tunnels::new();
    for (from, to, grants) in desired.access().iter() {
        let Some(policy) = grants.first().map(|grant| grant.policy) else { continue };
        let mut need = |a: PeerId, b: PeerId| {
            for pair in [(a, b), (b, a)] {
                let first = needed.entry(pair).or_insert(policy);
                if order[&policy] < order[first] {
                    *first = policy;
                }
            }
        };
        let way = desired.way(from, to);
        for gateway in way.entries().iter().filter_map(|id| desired.intent().get(*id)) {
            need(from, gateway.peer());
        }
        for gateway in way.gateways().iter().filter_map(|id| desired.intent().get(*id)) {
            if let Destination::Peer(to) = to {
                need(to, gateway.peer());
            }
            let near = way.near().and_then(|id| desired.intent().get(id));
            near.into_iter().for_each(|near| need(near.peer(), gateway.peer()));
        }
        if let (true, Destination::Peer(to)) = (way.is_direct(), to) {
            need(from, to);
        }
    }
    needed
}

/// What differs at one peer.
pub(crate) struct Difference<'a> {
    pub(crate) base: &'a Base,
    pub(crate) after: &'a Desired,
    pub(crate) peer: PeerId,
    pub(crate) needs: Needs<'a>,
    /// Before and after.
    pub(crate) places: &'a [Places; 2],
    pub(crate) atoms: &'a Atoms,
    pub(crate) found: Found,
}

impl Difference<'_> {
    pub(crate) fn run(&mut self, was: &Share, is: &Share) {
        self.itself(was, is);
        self.ties(was, is);
        self.prefixes(was, is);
        self.rules(was, is);
    }

    /// Towards which routes this peer begins, or ceases, to masquerade: only where shares are compared, because `Finding::masquerades`
    /// says it where steps are found class by class.
    pub(crate) fn masquerades(&mut self, was: &Share, is: &Share) {
        let [before, after] = self.places;
        let routes = |places: &Places, share: &Share| -> BTreeSet<RouteId> {
            let of = |range: &Cidr| match places.target(range)? {
                Destination::Route(route) => Some(route),
                _ => None,
            };
            share.masquerade.iter().filter_map(of).collect()
        };
        let (was, is) = (routes(before, was), routes(after, is));
        for to in is.difference(&was).copied() {
            self.add(Stage::Prepare, self.because(to), Action::Masquerade { to });
        }
        for to in was.difference(&is).copied() {
            self.add(Stage::Retire, self.because(to), Action::StopMasquerading { to });
        }
    }

    pub(crate) fn add(&mut self, stage: Stage, reason: Reason, action: Action) {
        self.found.entry((stage, reason)).or_default().insert(action);
    }

    fn label(&self, id: impl Into<ObjectId>) -> Label {
        let id = id.into();
        match self.base.intent() {
            Some(before) if self.after.intent().name_of(id).is_none() => before.label(id),
            _ => self.after.intent().label(id),
        }
    }

    pub(crate) fn because(&self, id: impl Into<ObjectId>) -> Reason {
        Reason::Because(self.label(id))
    }

    /// The peer's own keys and those of others, before and after.
    pub(crate) fn joined(&self, peer: PeerId) -> Option<Reason> {
        let key = |intent: &Intent| intent.get(peer).and_then(Peer::key);
        let (was, is) = (self.base.intent().and_then(key), key(self.after.intent()));
        match (was, is) {
            (None, Some(_)) if self.base.intent().is_some_and(|i| i.get(peer).is_some()) => {
                Some(Reason::Joined(self.label(peer)))
            }
            (Some(was), Some(is)) if was != is => Some(Reason::Rekeyed(self.label(peer))),
            _ => None,
        }
    }

    /// The first policy by name that needs the tunnel to another peer, before (0) or after (1).
    fn need(&self, state: usize, to: PeerId) -> Option<PolicyId> {
        match &self.needs {
            Needs::Known(tunnels) => tunnels[state].get(&(self.peer, to)).copied(),
            Needs::Asked(carried) => {
                let desired = if state == 0 { self.base.desired.as_ref()? } else { self.after };
                need(desired, &carried[state], self.peer, to)
            }
        }
    }

    fn itself(&mut self, was: &Share, is: &Share) {
        let mut own = self.after.intent().get(self.peer).into_iter().flat_map(|p| p.networks());
        let place = own.next().map_or_else(|| self.because(self.peer), |network| self.because(*network));
        if self.base.intent().is_none_or(|intent| intent.get(self.peer).is_none()) {
            return self.add(Stage::Prepare, place, Action::Start);
        }
        if let Some(reason) = self.joined(self.peer) {
            self.add(Stage::Prepare, reason, Action::Start);
        }
        if was.addresses != is.addresses {
            // Once everybody who sends here knows the new ones too; they drop the old ones in Retire.
            self.add(Stage::Move, place.clone(), Action::Renumber);
        }
        let pools = |share: &Share| {
            share
                .routes
                .iter()
                .filter(|r| !self.places.iter().any(|places| places.is_route(r)))
                .copied()
                .collect::<BTreeSet<_>>()
        };
        if pools(was) != pools(is) {
            self.add(Stage::Prepare, place, Action::Ranges);
        }
    }

    fn ties(&mut self, was: &Share, is: &Share) {
        for to in is.ties.keys().copied() {
            let reason = self.need(1, to).map(|policy| self.because(policy));
            match (was.ties.contains_key(&to), reason, self.joined(to)) {
                (false, Some(reason), _) => self.add(Stage::Prepare, reason, Action::Connect { to }),
                (true, _, Some(reason @ Reason::Rekeyed(_))) => self.add(Stage::Move, reason, Action::Rekey { to }),
                (true, _, Some(reason)) => self.add(Stage::Prepare, reason, Action::Connect { to }),
                _ => {}
            }
        }
        for to in was.ties.keys().copied().filter(|to| !is.ties.contains_key(to)) {
            if let Some(policy) = self.need(0, to) {
                self.add(Stage::Retire, self.because(policy), Action::Disconnect { to });
            }
        }
    }

    fn prefixes(&mut self, was: &Share, is: &Share) {
        let kept = |to: &PeerId| was.ties.contains_key(to) && is.ties.contains_key(to);
        let routed = |prefix: &Cidr| (was.routes.contains(prefix), is.routes.contains(prefix));
        let (was, is) = (was.prefixes(), is.prefixes());
        let none = Vec::new();
        let [before, after] = self.places;
        for prefix in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
            let (old, new) = (was.get(prefix).unwrap_or(&none), is.get(prefix).unwrap_or(&none));
            let to = after.destination(prefix).or_else(|| before.destination(prefix));
            // Who is attached to a range itself keeps its tunnel for it, and sends nothing there by it.
            let suppressed = old == new && routed(prefix).0 != routed(prefix).1;
            let Some(to) = to.filter(|_| old != new || suppressed) else { continue };
            let Some(reason) = self.asks_for(to) else { continue };
            if suppressed {
                match routed(prefix).1 {
                    true => self.add(Stage::Prepare, reason, Action::Route { to, by: new.clone() }),
                    false => self.add(Stage::Retire, reason, Action::Unroute { to }),
                }
                continue;
            }
            // A tunnel that comes or goes brings the addresses of its other end, and takes them along.
            let itself = |by: &[PeerId]| matches!(to, Destination::Peer(id) if by == [id] && !kept(&id));
            // A range within another one is sent by that one's owner until it has its own, and again once it has none.
            let held = old.first().copied().or_else(|| self.around(0, prefix, &was));
            let holds = new.first().copied().or_else(|| self.around(1, prefix, &is));
            if let (Some(from), Some(by)) = (held, holds)
                && from != by
            {
                self.add(Stage::Move, reason, Action::Move { to, from, by });
                continue;
            }
            match (old.first(), new.first()) {
                (None, Some(_)) if itself(new) => {}
                (Some(_), None) if itself(old) => {}
                (None, Some(_)) => self.add(Stage::Prepare, reason, Action::Route { to, by: new.clone() }),
                (Some(_), None) => self.add(Stage::Retire, reason, Action::Unroute { to }),
                _ => {
                    let only =
                        |a: &[PeerId], b: &[PeerId]| a.iter().filter(|id| !b.contains(id)).copied().collect::<Vec<_>>();
                    let (come, go) = (only(new, old), only(old, new));
                    if !come.is_empty() || go.is_empty() {
                        let by = if go.is_empty() && come.is_empty() { new[1..].to_vec() } else { come };
                        self.add(Stage::Prepare, reason.clone(), Action::StandBy { to, by });
                    }
                    if !go.is_empty() {
                        self.add(Stage::Retire, reason, Action::StandDown { to, by: go });
                    }
                }
            }
        }
    }

    /// The first policy that joins this peer and a destination, after the change or else before it.
    fn asks_for(&self, to: Destination) -> Option<Reason> {
        let between = |desired: &Desired| {
            let first = desired.access().grants(self.peer, to).first().map(|grant| grant.policy);
            let back = || match to {
                Destination::Peer(to) => {
                    desired.access().grants(to, self.peer.into()).first().map(|grant| grant.policy)
                }
                _ => None,
            };
            first.or_else(back)
        };
        let policy = between(self.after).or_else(|| between(self.base.desired.as_ref()?));
        let policy = policy.or_else(|| self.handed_on(self.after, to));
        let policy = policy.or_else(|| self.handed_on(self.base.desired.as_ref()?, to));
        Some(self.because(policy?))
    }

    /// The first policy by name for which this peer, as a gateway between others, sends there.
    fn handed_on(&self, desired: &Desired, to: Destination) -> Option<PolicyId> {
        let (gateway, _) = desired.intent().gateway_of(self.peer)?;
        let chained =
            desired.chained_by(gateway).into_iter().filter(|(from, end)| *end == to || to == Destination::Peer(*from));
        let first = |(from, end)| desired.access().grants(from, end).first().map(|grant| grant.policy);
        chained.filter_map(first).min_by(|a, b| desired.intent().name_of(*a).cmp(&desired.intent().name_of(*b)))
    }
}
