//! Assertions, checked against a state.
//!
//! **Invariant**: an assertion holds or is named with a flow that breaks it; one that this planner does not know is broken, never
//! passed over. A claim about nobody, such as an empty group, holds.

use nanami_model::{Assertion, Claim, Destination, Entity, Flow, Intent, Name, PeerId, RouteId, Selector, Service};

use crate::access::missing;
use crate::blocker::Blocker;
use crate::desired::Desired;
use crate::effect::{Effect, Passage};
use crate::names::Names;
use crate::paths::Way;

/// An assertion that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("assertion {assertion}: {cause}{}", and_more(*.others))]
#[non_exhaustive]
pub struct Broken {
    /// The assertion.
    pub assertion: Name,
    /// The first flow that breaks it, by name.
    pub flow: Option<Flow>,
    /// What is wrong with that flow, in words.
    pub cause: String,
    /// How many further flows break it.
    pub others: usize,
}

fn and_more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(", and {others} more like it") }
}

/// The assertions that do not hold; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct AssertionsFailed {
    broken: Vec<Broken>,
}

impl AssertionsFailed {
    /// The assertions that do not hold, each with a flow that breaks it.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "assertion.broken"
    }
}

impl Desired {
    /// Checks the assertions of the intent, and these. Those about changes hold: a state by itself changes nothing.
    ///
    /// # Errors
    /// [`AssertionsFailed`] with every assertion that does not hold, a flow that breaks it, and why.
    pub fn check_assertions(&self, extra: &[Assertion]) -> Result<(), AssertionsFailed> {
        check(self, None, extra)
    }
}

/// Checks the assertions of a state's intent, and these, on the state and on what leads to it.
pub(crate) fn check(desired: &Desired, effect: Option<&Effect>, extra: &[Assertion]) -> Result<(), AssertionsFailed> {
    let own = desired.intent().assertions().map(|(_, assertion)| assertion);
    let broken: Vec<_> = own.chain(extra).filter_map(|assertion| broken(desired, effect, assertion)).collect();
    if broken.is_empty() { Ok(()) } else { Err(AssertionsFailed { broken }) }
}

/// What breaks an assertion, if anything does.
fn broken(desired: &Desired, effect: Option<&Effect>, assertion: &Assertion) -> Option<Broken> {
    let mut counter: Vec<(Option<Flow>, String)> = match *assertion.claim() {
        Claim::MustReach { from, to, service } => pairs(desired.intent(), from, to, service)
            .filter_map(|flow| Some((Some(flow), not_reached(desired, &flow)?)))
            .collect(),
        Claim::MustNotReach { from, to, service } => pairs(desired.intent(), from, to, service)
            .filter_map(|flow| Some((Some(flow), reached(desired, &flow)?)))
            .collect(),
        Claim::OnlyViaGateway { from, to } => pairs(desired.intent(), from, to, Service::ANY)
            .filter_map(|flow| Some((Some(flow), direct(desired, &flow)?)))
            .collect(),
        Claim::SurvivesLossOf { route, gateways } => lost_with(desired, route, gateways),
        Claim::RemovesAtMost { reachabilities } => {
            effect.and_then(|effect| removed(effect, reachabilities)).into_iter().collect()
        }
        Claim::NeverTouches { what } => effect.map(|effect| touched(effect, what)).unwrap_or_default(),
        _ => vec![(None, "this planner does not know what it claims".to_owned())],
    };
    let others = counter.len().checked_sub(1)?;
    let (flow, cause) = counter.swap_remove(0);
    Some(Broken { assertion: assertion.name().clone(), flow, cause, others })
}

/// What a change takes away, if that is more than it may: triples of a peer, what it reaches, and a service.
fn removed(effect: &Effect, at_most: u64) -> Option<(Option<Flow>, String)> {
    let lost: u64 = effect.lost().iter().map(|passage| passage.services.iter().len() as u64).sum();
    let first = effect.lost().iter().next().filter(|_| lost > at_most)?;
    let text = format!("{} stop, {at_most} may; {}", lost, changed(effect, first, "no longer reaches"));
    Some((flow_of(first), text))
}

/// What a change adds to or takes from what it must not touch.
fn touched(effect: &Effect, what: Selector) -> Vec<(Option<Flow>, String)> {
    let is = |peer: PeerId| effect.names().revisions().any(|intent| intent.is_member(peer, what));
    let about = |passage: &&Passage| {
        is(passage.from)
            || match passage.to {
                Destination::Peer(to) => is(to),
                Destination::Route(to) => what == Selector::Route(to) || effect.names().belongs(to, what),
                Destination::Address(_) => false,
            }
    };
    let lost = effect.lost().iter().filter(about).map(|passage| (passage, "no longer reaches"));
    let gained = effect.gained().iter().filter(about).map(|passage| (passage, "comes to reach"));
    lost.chain(gained).map(|(passage, verb)| (flow_of(passage), changed(effect, passage, verb))).collect()
}

fn flow_of(passage: &Passage) -> Option<Flow> {
    let service = *passage.services.iter().next()?;
    Some(Flow { from: passage.from, to: passage.to, service })
}

fn changed(effect: &Effect, passage: &Passage, verb: &str) -> String {
    let names = effect.names();
    let by = match passage.policies.as_slice() {
        [] => String::new(),
        [one] => format!(", by policy {}", names.of(*one)),
        many => format!(", by policies {}", names.list(many)),
    };
    format!("{} {verb} {} on {}{by}", names.of(passage.from), names.destination(passage.to), passage.services)
}

/// The flows between the two sides, by name; nobody's to themselves.
fn pairs(intent: &Intent, from: Selector, to: Selector, service: Service) -> impl Iterator<Item = Flow> {
    let reached: Vec<Destination> = match to {
        Selector::Route(route) => vec![Destination::Route(route)],
        peers => intent.members(peers).into_iter().map(Destination::Peer).collect(),
    };
    let begins = intent.members(from);
    begins.into_iter().flat_map(move |from| {
        let to = reached.clone().into_iter().filter(move |to| *to != Destination::Peer(from));
        to.map(move |to| Flow { from, to, service })
    })
}

fn said(desired: &Desired, flow: &Flow, verb: &str, service: &dyn std::fmt::Display) -> String {
    let names = Names::new(desired.intent(), None);
    format!("{} {verb} {} on {service}", names.of(flow.from), names.destination(flow.to))
}

fn not_reached(desired: &Desired, flow: &Flow) -> Option<String> {
    let left = match missing(flow.service, &desired.access().grants(flow.from, flow.to)) {
        Some(left) => left,
        None if desired.way(flow.from, flow.to).is_nowhere() => flow.service.into(),
        None => return None,
    };
    let why = Blocker::all(desired, flow).first().map(|b| format!(": {}", b.describe(desired.intent())));
    Some(said(desired, flow, "does not reach", &left) + &why.unwrap_or_default())
}

fn reached(desired: &Desired, flow: &Flow) -> Option<String> {
    if desired.way(flow.from, flow.to).is_nowhere() {
        return None;
    }
    let grants = desired.access().grants(flow.from, flow.to);
    let wanted = flow.service.into();
    let (services, policy) =
        grants.iter().filter_map(|g| Some((g.services.intersection(&wanted)?, g.policy))).next()?;
    Some(format!("{}, by {}", said(desired, flow, "reaches", &services), desired.intent().label(policy)))
}

fn direct(desired: &Desired, flow: &Flow) -> Option<String> {
    let grants = desired.access().grants(flow.from, flow.to);
    let grant = grants.first()?;
    if !desired.way(flow.from, flow.to).is_direct() {
        return None;
    }
    let text = said(desired, flow, "reaches", &grant.services);
    Some(format!("{text} directly, by {}", desired.intent().label(grant.policy)))
}

/// How many gateways can die, whichever these are, so that a way is left: all ranks but one, and none before which a single one
/// stands.
fn survives(way: &Way) -> usize {
    if way.near().is_some() { 0 } else { way.gateways().len().saturating_sub(1) }
}

/// Any so many gateways can die and one is left exactly if there are more ranks than that; client by client, by name.
fn lost_with(desired: &Desired, route: RouteId, loss: u8) -> Vec<(Option<Flow>, String)> {
    let to = Destination::Route(route);
    let names = Names::new(desired.intent(), None);
    let mut clients: Vec<PeerId> = Vec::new();
    let ways = desired.ways_to(route);
    desired.each_client(route, |slot, number| {
        if survives(&ways[number]) < usize::from(loss) {
            clients.extend(desired.intent().in_slot(slot).map(|(id, _)| id));
        }
    });
    clients.sort_by_cached_key(|id| names.of(*id));
    let cut_off = |from: PeerId| {
        let ranks = desired.way(from, to).entries();
        let (from_name, route) = (names.of(from), names.of(route));
        let text = match ranks {
            [] => format!("{from_name} has no way to {route}"),
            ranks => format!(
                "{from_name} reaches {route} by {} alone, so the loss of {} cuts it off",
                names.list(ranks),
                if ranks.len() == 1 { "one gateway".to_owned() } else { format!("{} gateways", ranks.len()) }
            ),
        };
        (Some(Flow { from, to, service: Service::ANY }), text)
    };
    clients.into_iter().map(cut_off).collect()
}
