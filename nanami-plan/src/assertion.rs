//! Assertions, checked against a state.
//!
//! **Invariant**: an assertion holds or is named with a flow that breaks it; one that this planner does not know is broken, never
//! passed over. A claim about nobody, such as an empty group, holds.

use nanami_model::{Assertion, Claim, Destination, Entity, Flow, Intent, Name, PeerId, RouteId, Selector, Service};

use crate::access::missing;
use crate::blocker::Blocker;
use crate::desired::Desired;
use crate::names::Names;

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
    /// Checks the assertions of the intent, and these.
    ///
    /// # Errors
    /// [`AssertionsFailed`] with every assertion that does not hold, a flow that breaks it, and why.
    pub fn check_assertions(&self, extra: &[Assertion]) -> Result<(), AssertionsFailed> {
        let own = self.intent().assertions().map(|(_, assertion)| assertion);
        let broken: Vec<_> = own.chain(extra).filter_map(|assertion| broken(self, assertion)).collect();
        if broken.is_empty() { Ok(()) } else { Err(AssertionsFailed { broken }) }
    }
}

/// What breaks an assertion, if anything does.
fn broken(desired: &Desired, assertion: &Assertion) -> Option<Broken> {
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
        Claim::SurvivesLossOf { route, gateways } => lost_with(desired, route, gateways).into_iter().collect(),
        _ => vec![(None, "this planner does not know what it claims".to_owned())],
    };
    let others = counter.len().checked_sub(1)?;
    let (flow, cause) = counter.swap_remove(0);
    Some(Broken { assertion: assertion.name().clone(), flow, cause, others })
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
    let left = missing(flow.service, desired.access().grants(flow.from, flow.to))?;
    let why = Blocker::all(desired, flow).first().map(|b| format!(": {}", b.describe(desired.intent())));
    Some(said(desired, flow, "does not reach", &left) + &why.unwrap_or_default())
}

fn reached(desired: &Desired, flow: &Flow) -> Option<String> {
    let grants = desired.access().grants(flow.from, flow.to).iter();
    let wanted = flow.service.into();
    let (services, policy) = grants.filter_map(|g| Some((g.services.intersection(&wanted)?, g.policy))).next()?;
    Some(format!("{}, by {}", said(desired, flow, "reaches", &services), desired.intent().label(policy)))
}

fn direct(desired: &Desired, flow: &Flow) -> Option<String> {
    let grant = desired.access().grants(flow.from, flow.to).first()?;
    if !desired.way(flow.from, flow.to).is_direct() {
        return None;
    }
    let text = said(desired, flow, "reaches", &grant.services);
    Some(format!("{text} directly, by {}", desired.intent().label(grant.policy)))
}

/// Any so many gateways can die and one is left exactly if there are more ranks than that.
fn lost_with(desired: &Desired, route: RouteId, loss: u8) -> Option<(Option<Flow>, String)> {
    let to = Destination::Route(route);
    let first: PeerId = desired.access().to(to).map(|(from, _)| from).next()?;
    let ranks = desired.way(first, to).gateways();
    if ranks.len() > usize::from(loss) {
        return None;
    }
    let names = Names::new(desired.intent(), None);
    let flow = Flow { from: first, to, service: Service::ANY };
    let text = format!(
        "{} reaches {} by {} alone, so the loss of {} cuts it off",
        names.of(first),
        names.of(route),
        names.list(ranks),
        if ranks.len() == 1 { "one gateway".to_owned() } else { format!("{} gateways", ranks.len()) }
    );
    Some((Some(flow), text))
}
