//! The grounds of a verdict, in the order in which they are told.

use std::fmt;

use nanami_model::{
    Activity, Destination, Duty, Entity, Flow, GatewayId, Intent, Mode, PeerId, Policy, PolicyId, RoutingMode, Verdict,
};

use super::address_pairs;
use crate::access::speaks_of;
use crate::blocker::{Blocker, absence};
use crate::chain::{self, Obstacle};
use crate::desired::Desired;
use crate::effect::Passage;
use crate::names::Names;
use crate::text::{count, duration};
use crate::view::View;

/// One link of the chain that decides about a flow: what was looked at, whether it holds, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    topic: &'static str,
    verdict: Judged,
    text: String,
}

/// What looking at one thing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    Pass,
    Fail,
    /// Evidence beside the verdict: observation never decides what is allowed.
    Seen,
}

impl Ground {
    fn new(topic: &'static str, holds: bool, text: String) -> Self {
        Self { topic, verdict: if holds { Judged::Pass } else { Judged::Fail }, text }
    }

    /// What was looked at: `workspace`, `policy`, `deny`, `address`, `path`, `observed`.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// Whether it stands in nobody's way.
    pub fn holds(&self) -> bool {
        self.verdict != Judged::Fail
    }

    /// What was seen, in words.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn judged(&self) -> Judged {
        self.verdict
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.topic, self.text)
    }
}

/// Everything that a flow needs, each looked at by itself.
pub(super) fn chain(view: &View<'_>, flow: &Flow, literal: Destination, blockers: &[Blocker]) -> Vec<Ground> {
    let desired = view.desired();
    let place = destination(desired.intent(), flow, blockers);
    let nowhere = !place.holds();
    let mut chain = vec![place];
    if !nowhere {
        chain.extend(standing(desired.intent(), blockers));
        chain.push(policy(desired, flow, blockers));
        chain.extend(deny(desired, flow, blockers));
        chain.push(address(desired.intent(), flow, literal, blockers));
        chain.push(path(view, flow));
    }
    chain.push(observed(view, flow, !blockers.is_empty()));
    chain
}

fn destination(intent: &Intent, flow: &Flow, blockers: &[Blocker]) -> Ground {
    let names = Names::new(intent, None);
    let (from, to) = (names.of(flow.from), names.destination(flow.to));
    if !blockers.contains(&Blocker::NoDestination) {
        let what = match flow.to {
            Destination::Route(_) => format!("{from} and route {to} are in {}", intent.name()),
            _ => format!("both peers are in {}", intent.name()),
        };
        return Ground::new("workspace", true, what);
    }
    let why = match flow.to {
        Destination::Peer(_) => format!("{from} reaches itself without a tunnel"),
        Destination::Route(_) => format!("{to} is behind {from} itself"),
        Destination::Address(_) => format!("{to} is no peer's address and behind no route"),
    };
    Ground::new("workspace", false, why)
}

/// Whether both ends take part; only said where one does not.
fn standing(intent: &Intent, blockers: &[Blocker]) -> Option<Ground> {
    let absent = blockers.iter().find_map(|b| if let Blocker::Absent(peer) = b { Some(*peer) } else { None });
    absent.map(|peer| Ground::new("standing", false, absence(intent, peer)))
}

fn policy(desired: &Desired, flow: &Flow, blockers: &[Blocker]) -> Ground {
    let intent = desired.intent();
    let names = Names::new(intent, None);
    let total = intent.policies().filter(|(_, policy)| policy.verdict() == Verdict::Allow).count();
    for blocker in blockers {
        let Blocker::NoPolicy { missing, closest } = blocker else { continue };
        let none = match total {
            0 => "there is none".to_owned(),
            _ if *missing == flow.service.into() => format!("none of {total} matches"),
            _ => format!("none of {total} allows {missing}"),
        };
        let closest = closest.and_then(|id| Some((id, intent.get(id)?)));
        let closest =
            closest.map(|(id, policy)| format!("; closest is {}, {}", names.of(id), short_of(intent, flow, policy)));
        return Ground::new("policy", false, none + &closest.unwrap_or_default());
    }
    let texts: Vec<_> = allowing(intent, flow)
        .map(|(id, policy)| match policy.reason() {
            Some(reason) => format!("{} \"{reason}\"", names.of(id)),
            None => names.of(id),
        })
        .collect();
    Ground::new("policy", true, texts.join(", "))
}

/// The allow policies that speak about a flow.
fn allowing<'a>(intent: &'a Intent, flow: &'a Flow) -> impl Iterator<Item = (PolicyId, &'a Policy)> {
    intent.policies().filter(|(_, policy)| {
        policy.verdict() == Verdict::Allow
            && policy.services().intersection(&flow.service.into()).is_some()
            && speaks_of(intent, policy, flow.from, flow.to)
    })
}

/// What keeps the closest policy from matching.
fn short_of(intent: &Intent, flow: &Flow, policy: &Policy) -> String {
    let names = Names::new(intent, None);
    if !intent.is_member(flow.from, policy.from()) {
        return format!("for {} only", names.of(policy.from()));
    }
    if !speaks_of(intent, policy, flow.from, flow.to) {
        return format!("to {} only", names.of(policy.to()));
    }
    format!("{} only", policy.services())
}

fn deny(desired: &Desired, flow: &Flow, blockers: &[Blocker]) -> Option<Ground> {
    let intent = desired.intent();
    let names = Names::new(intent, None);
    let denied = blockers.iter().find_map(|blocker| if let Blocker::Denied { by } = blocker { Some(by) } else { None });
    let Some(by) = denied else {
        let denies = intent.policies().filter(|(_, policy)| policy.verdict() == Verdict::Deny).count();
        return (denies > 0).then(|| Ground::new("deny", true, format!("none of {denies} matches")));
    };
    let texts: Vec<_> = by
        .iter()
        .filter_map(|id| Some((id, intent.get(*id)?)))
        .map(|(id, policy)| {
            let reason = policy.reason().map(|reason| format!(" \"{reason}\"")).unwrap_or_default();
            let left = policy.services().intersection(&flow.service.into());
            let what = left.map(|services| services.to_string()).unwrap_or_default();
            format!("{} denies {what}{reason}", names.of(*id))
        })
        .collect();
    Some(Ground::new("deny", false, texts.join("; ")))
}

fn address(intent: &Intent, flow: &Flow, literal: Destination, blockers: &[Blocker]) -> Ground {
    if blockers.contains(&Blocker::NoFamily) {
        return Ground::new(
            "address",
            false,
            "the two have no address family in common in networks that are in use".to_owned(),
        );
    }
    let pairs = address_pairs(intent, flow.from, flow.to, literal);
    match pairs.is_empty() {
        true => Ground::new("address", false, "the address is of a family that the peer does not have".to_owned()),
        false => Ground::new("address", true, pairs.join(", ")),
    }
}

/// Who is there, and which ways there are.
fn path(view: &View<'_>, flow: &Flow) -> Ground {
    let desired = view.desired();
    let intent = desired.intent();
    let names = Names::new(intent, None);
    let way = desired.way(flow.from, flow.to);
    if way.is_nowhere() {
        return Ground::new("path", false, nowhere(desired, flow));
    }
    let carriers: Vec<_> = way.gateways().iter().filter_map(|id| Some(intent.get(*id)?.peer())).collect();
    let near = way.near().and_then(|id| intent.get(id)).map(|gateway| gateway.peer());
    let far = if let Destination::Peer(to) = flow.to { Some(to) } else { None };
    let ends: Vec<_> = [Some(flow.from), far].into_iter().flatten().collect();
    let pending = |id: &PeerId| intent.get(*id).is_some_and(|peer| peer.key().is_none());
    let absent: Vec<_> = ends.iter().copied().filter(pending).collect();
    let way = match flow.to {
        Destination::Route(_) => names.way(way),
        _ if !way.is_direct() => names.way(way),
        _ if intent.gateways().len() > 0 => "direct or by gateway".to_owned(),
        _ => "direct".to_owned(),
    };
    if !absent.is_empty() {
        let verb = if absent.len() == 1 { "has" } else { "have" };
        return Ground::new("path", true, format!("planned: {} {verb} not joined; {way}", names.list(&absent)));
    }
    // Of several gateways one that is heard of is enough.
    let carried = carriers.is_empty() || carriers.iter().any(|id| view.believed(*id).is_some());
    let silent: Vec<_> = ends.into_iter().chain(near).filter(|id| view.believed(*id).is_none()).collect();
    let silent = if carried { silent } else { [silent, carriers].concat() };
    let ever = silent.iter().any(|id| view.observed().last(*id).is_some());
    match (silent.is_empty(), ever) {
        (true, _) => Ground::new("path", true, format!("online; {way}")),
        // Before the first report everything is planned.
        (false, false) => {
            Ground::new("path", true, format!("planned: no report of {} yet; {way}", names.list(&silent)))
        }
        (false, true) => {
            Ground::new("path", false, format!("unknown: no report of {} within its lease; {way}", names.list(&silent)))
        }
    }
}

/// Why no gateway may serve, gateway by gateway.
fn nowhere(desired: &Desired, flow: &Flow) -> String {
    let intent = desired.intent();
    let names = Names::new(intent, None);
    let far = if let Destination::Peer(to) = flow.to { Some(to) } else { None };
    for end in [Some(flow.from), far].into_iter().flatten() {
        if let Some(Mode::Limited { gateway }) = intent.get(end).map(nanami_model::Peer::mode) {
            let to = names.of(gateway);
            let why = obstacle(desired, flow, end, gateway).map(|why| format!(": {}", why.describe(&names)));
            let why = why.unwrap_or_default();
            return format!("the one tunnel of {} leads to {to}, which does not lead there{why}", names.of(end));
        }
    }
    let Destination::Route(route) = flow.to else { return "no gateway that is asked for may carry it".to_owned() };
    let pinned = intent.preference_of(flow.from).routing();
    if let RoutingMode::Manual { egress: Some(gateway), .. } = pinned.value()
        && intent.gateways_of(route).contains(&gateway)
    {
        let says = crate::demand::says(&pinned, &names);
        return format!("{} alone is to carry it, {says}, and may not", names.of(gateway));
    }
    let down = desired.selection().is_down(route);
    let why = |id: &GatewayId| {
        let gateway = intent.get(*id)?;
        let network = intent.get(route)?.network();
        let effective = intent.get(gateway.peer()).is_some_and(|peer| peer.status().is_effective());
        Some(match () {
            () if gateway.activity() == Activity::Disabled => "is disabled".to_owned(),
            () if !gateway.duties().contains(Duty::Egress) => "lets nothing out".to_owned(),
            () if !intent.serves(*id, network) => format!("does not serve {}", names.of(network)),
            () if !effective => "does not take part".to_owned(),
            () if down => "is dead, and the route is dropped then".to_owned(),
            () => "may serve".to_owned(),
        })
    };
    let listed = intent.gateways_of(route);
    let texts: Vec<_> = listed.iter().filter_map(|id| Some(format!("{} {}", names.of(*id), why(id)?))).collect();
    if texts.is_empty() {
        "no gateway stands before it".to_owned()
    } else {
        format!("no gateway may serve: {}", texts.join(", "))
    }
}

/// What keeps the gateway of a plain device from handing on to another one.
fn obstacle(desired: &Desired, flow: &Flow, device: PeerId, near: GatewayId) -> Option<Obstacle> {
    let intent = desired.intent();
    match flow.to {
        Destination::Peer(to) => {
            let other = if device == to { flow.from } else { to };
            let far = intent.get(other)?.mode().gateway().filter(|far| *far != near)?;
            let kept = chain::between(intent, near, far, None).err().or_else(|| apart(desired, near, far));
            Some(kept.unwrap_or(Obstacle::NotAsked(near, far)))
        }
        Destination::Route(route) if !intent.gateways_of(route).contains(&near) => {
            let bearer = intent.get(near)?.peer();
            let own = desired.way(bearer, flow.to);
            let parted = || own.gateways().iter().find_map(|far| apart(desired, near, *far));
            chain::to_route(intent, near, own).err().or_else(parted)
        }
        _ => None,
    }
}

fn apart(desired: &Desired, near: GatewayId, far: GatewayId) -> Option<Obstacle> {
    let bearer = |id: GatewayId| desired.intent().get(id).map(|gateway| gateway.peer());
    (!desired.between(bearer(near)?, bearer(far)?).is_direct()).then_some(Obstacle::Apart(near, far))
}

/// What was seen of the flow where it would arrive, and whether that agrees with the verdict.
fn observed(view: &View<'_>, flow: &Flow, denied: bool) -> Ground {
    let seen = |text: String| Ground { topic: "observed", verdict: Judged::Seen, text };
    let desired = view.desired();
    let names = Names::new(desired.intent(), None);
    let witness = match flow.to {
        Destination::Peer(to) if desired.way(flow.from, flow.to).is_direct() => Some(to),
        _ => {
            let first = desired.way(flow.from, flow.to).entries().first();
            first.and_then(|id| desired.intent().get(*id)).map(|gateway| gateway.peer())
        }
    };
    let Some(witness) = witness.filter(|id| view.believed(*id).is_some()) else {
        let of = witness.map(|id| format!(": no report of {}", names.of(id))).unwrap_or_default();
        return seen(format!("unknown{of}"));
    };
    let wanted = flow.service;
    let refused = view.refused(flow.from, flow.to, |service| wanted.intersection(service).is_some());
    let attempts = |verdict: &str| {
        let latest = refused.latest.map(|age| format!(", latest {} ago", duration(age))).unwrap_or_default();
        let n = usize::try_from(refused.count).unwrap_or(usize::MAX);
        let at = names.list(&refused.at);
        format!("{verdict}: {} refused at {at}{latest}", count(n, "attempt"))
    };
    if denied {
        return seen(match refused.count {
            0 => format!("agrees: no attempt was seen at {}", names.of(witness)),
            _ => attempts("agrees"),
        });
    }
    if refused.count > 0 {
        return seen(attempts("disagrees"));
    }
    let used = Passage::of(desired, flow.from, flow.to).and_then(|passage| view.usage(&passage));
    seen(used.map_or_else(|| "unknown".to_owned(), |used| format!("agrees: {}, 0 refused", crate::text::used(used))))
}

/// The name of an entity as a text has it.
pub(super) fn name<E: Entity>(entity: &E) -> String {
    entity.name().to_string()
}
