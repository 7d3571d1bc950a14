//! Changes that might open a flow. Whether one does is for `fix` to prove.
//!
//! **Invariant**: each candidate is small and whole: it deals with every blocker that a change of policies or of one membership
//! can remove. There are few of them, in an order that does not depend on chance.

use nanami_model::{
    Activity, Change, ChangeSet, Destination, Direction, Entity, Flow, GatewayId, Group, GroupId, Intent, Name,
    ObjectId, PeerId, Policy, PolicyId, Selector, Services, Verdict,
};

use super::grounds::name;
use crate::access::speaks_of;
use crate::blocker::Blocker;
use crate::desired::Desired;
use crate::names::Names;

/// A change with what it does in words.
pub(super) struct Candidate {
    pub(super) changes: ChangeSet,
    pub(super) sentences: Vec<String>,
    /// The new policy, if that is all there is to it.
    pub(super) policy: Option<Policy>,
}

/// A part of a candidate: one change, its sentence, and the policy that it makes.
#[derive(Clone)]
struct Part {
    change: Vec<Change>,
    sentence: Vec<String>,
    policy: Option<Policy>,
}

/// How many changes are tried at most (chosen: more than anybody reads; each costs a compilation).
const MAX: usize = 16;

/// The changes that are tried against all that stands in the way, in order.
pub(super) fn all(desired: &Desired, flow: &Flow, mut blockers: Vec<Blocker>) -> Vec<Candidate> {
    let intent = desired.intent();
    let cut_off = blockers.contains(&Blocker::NoWay);
    blockers.retain(|blocker| *blocker != Blocker::NoWay);
    if cut_off {
        // Policies open no way; where they are not all that is missing, nothing small repairs it.
        return if blockers.is_empty() { enabling(intent, flow) } else { Vec::new() };
    }
    if blockers.is_empty()
        || blockers.iter().any(|b| matches!(b, Blocker::NoDestination | Blocker::Absent(_) | Blocker::NoFamily))
    {
        return Vec::new();
    }
    let mut allows = Vec::new();
    let mut denies = Vec::new();
    for blocker in &blockers {
        match blocker {
            Blocker::NoPolicy { .. } => allows = allowing(intent, flow),
            Blocker::Denied { by } => denies = undenying(intent, flow, by),
            Blocker::NoDestination | Blocker::Absent(_) | Blocker::NoFamily | Blocker::NoWay => {}
        }
    }
    let nothing = Part { change: Vec::new(), sentence: Vec::new(), policy: None };
    let or_nothing = |parts: Vec<Part>| if parts.is_empty() { vec![nothing.clone()] } else { parts };
    let (allows, denies) = (or_nothing(allows), or_nothing(denies));
    let both = allows.iter().flat_map(|allow| denies.iter().map(move |deny| (allow, deny)));
    let whole = both.map(|(allow, deny)| Candidate {
        changes: allow.change.iter().chain(&deny.change).cloned().collect(),
        sentences: allow.sentence.iter().chain(&deny.sentence).cloned().collect(),
        policy: allow.policy.clone().filter(|_| deny.change.is_empty()),
    });
    whole.take(MAX).collect()
}

/// One change to an object, as a draft makes it.
fn change(intent: &Intent, sentence: String, with: impl FnOnce(&mut nanami_model::Draft)) -> Part {
    let mut draft = intent.draft();
    with(&mut draft);
    Part { change: draft.into_changes().iter().cloned().collect(), sentence: vec![sentence], policy: None }
}

/// One of the gateways that a route is behind, taken into use again.
fn enabling(intent: &Intent, flow: &Flow) -> Vec<Candidate> {
    let Destination::Route(route) = flow.to else { return Vec::new() };
    let names = Names::new(intent, None);
    let disabled = |id: &GatewayId| intent.get(*id).is_some_and(|gateway| gateway.activity() == Activity::Disabled);
    let listed = intent.gateways_of(route).into_iter().filter(disabled);
    let enable = |id: GatewayId| {
        let part = change(intent, format!("take gateway {} into use again", names.of(id)), |draft| {
            draft.update(id, |gateway| gateway.with_activity(Activity::Active));
        });
        Candidate { changes: part.change.into_iter().collect(), sentences: part.sentence, policy: None }
    };
    listed.map(enable).take(MAX).collect()
}

fn allowing(intent: &Intent, flow: &Flow) -> Vec<Part> {
    let names = Names::new(intent, None);
    let flow_text = format!("{} -> {} {}", names.of(flow.from), names.destination(flow.to), flow.service);
    let Some(policy) = new_policy(intent, flow) else { return Vec::new() };
    let mut parts = Vec::new();
    let mut add = |policy: Policy, way: String| {
        let part = change(intent, format!("add policy {flow_text}{way}"), |draft| _ = draft.add(policy.clone()));
        parts.push(Part { policy: Some(policy), ..part });
    };
    if let Destination::Peer(to) = flow.to {
        let sets = gateway_sets(intent, flow.from, to);
        let without = if sets.is_empty() { "" } else { " without via" };
        for via in sets {
            add(policy.clone().with_via(via.clone()), format!(" via {}", names.list(&via)));
        }
        add(policy, without.to_owned());
    } else {
        add(policy, String::new());
    }
    parts.extend(widening(intent, flow));
    parts.extend(joining(intent, flow));
    parts
}

/// A policy for just this flow, under a name that is free.
fn new_policy(intent: &Intent, flow: &Flow) -> Option<Policy> {
    let to: Selector = match flow.to {
        Destination::Peer(id) => id.into(),
        Destination::Route(id) => id.into(),
        Destination::Address(_) => return None,
    };
    let names = Names::new(intent, None);
    let base = format!("{}-to-{}", names.of(flow.from), names.destination(flow.to));
    let taken = |name: &Name| intent.find::<PolicyId>(name.as_str()).is_some();
    // A name has at most 63 bytes, and does not end in a hyphen.
    let cut = |room: usize| base.chars().take(room).collect::<String>().trim_end_matches('-').to_owned();
    let numbered = (2..100).map(|n| format!("{}-{n}", cut(60)));
    let mut free = std::iter::once(cut(63)).chain(numbered).filter_map(|text| text.parse::<Name>().ok());
    let name = free.find(|name| !taken(name))?;
    Some(Policy::allow(name, flow.from, to, flow.service))
}

/// The sets of gateways that the destination's networks are served by: as routes and policies list them, else all of them.
fn gateway_sets(intent: &Intent, from: PeerId, to: PeerId) -> Vec<Vec<GatewayId>> {
    let networks = intent.get(to).map(|peer| peer.networks().to_vec()).unwrap_or_default();
    let serves = |id: &GatewayId| {
        let peer = intent.get(*id).map(|gateway| gateway.peer());
        let inside =
            peer.and_then(|peer| intent.get(peer)).is_some_and(|p| p.networks().iter().any(|n| networks.contains(n)));
        // A flow to or from a gateway goes through no other one.
        inside && peer != Some(from) && peer != Some(to)
    };
    let listed =
        intent.routes().map(|(id, _)| intent.gateways_of(id)).chain(intent.policies().map(|(_, p)| p.via().to_vec()));
    let mut sets: Vec<Vec<GatewayId>> = Vec::new();
    for set in listed.filter(|set| !set.is_empty() && set.iter().all(serves)) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    if sets.is_empty() {
        let all: Vec<_> = intent.gateways().map(|(id, _)| id).filter(serves).collect();
        sets.extend((!all.is_empty()).then_some(all));
    }
    // More standbys first: the better answer where both open the same.
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    sets
}

/// Policies that speak about the pair already, with the service added.
fn widening(intent: &Intent, flow: &Flow) -> Vec<Part> {
    let about = |policy: &Policy| policy.verdict() == Verdict::Allow && speaks_of(intent, policy, flow.from, flow.to);
    let known = intent.policies().filter(|(_, policy)| about(policy));
    let wider = |(id, policy): (PolicyId, &Policy)| {
        let services = Services::new(policy.services().iter().copied().chain([flow.service])).ok()?;
        let sentence = format!("add {} to policy {}", flow.service, name(policy));
        Some(change(intent, sentence, |draft| draft.update(id, |old| with_services(&old, services))))
    };
    known.filter_map(wider).collect()
}

/// The policy with other services; everything else is as it was.
fn with_services(policy: &Policy, services: Services) -> Policy {
    let name = policy.name().clone();
    let new = match policy.verdict() {
        Verdict::Allow => Policy::allow(name, policy.from(), policy.to(), services),
        Verdict::Deny => Policy::deny(name, policy.from(), policy.to(), services),
    };
    let new = new.with_via(policy.via().iter().copied());
    let new = if policy.direction() == Direction::BothWays { new.both_ways() } else { new };
    match policy.reason() {
        Some(reason) => new.with_reason(reason),
        None => new,
    }
}

/// Memberships that make a policy match which lacks just one end.
fn joining(intent: &Intent, flow: &Flow) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut seen: Vec<(PeerId, GroupId)> = Vec::new();
    let far = if let Destination::Peer(to) = flow.to { Some(to) } else { None };
    let reaches = |policy: &Policy| match (policy.to(), flow.to) {
        (Selector::Route(a), Destination::Route(b)) => a == b,
        (side, Destination::Peer(to)) => intent.is_member(to, side),
        _ => false,
    };
    for (_, policy) in intent.policies() {
        if policy.verdict() != Verdict::Allow || !policy.services().includes(&flow.service) {
            continue;
        }
        let begins = intent.is_member(flow.from, policy.from());
        let lacking = match (policy.from(), policy.to(), begins, reaches(policy)) {
            (Selector::Group(group), _, false, true) => Some((flow.from, group)),
            (_, Selector::Group(group), true, false) => far.map(|to| (to, group)),
            _ => None,
        };
        let Some((peer, group)) = lacking.filter(|pair| !seen.contains(pair)) else { continue };
        seen.push((peer, group));
        let Some(entity) = intent.get(group) else { continue };
        parts.push(change(intent, join_text(intent, peer, entity), |draft| {
            draft.update(peer, |old| {
                let groups = old.groups().iter().copied().chain([group]).collect::<Vec<_>>();
                old.with_groups(groups)
            });
        }));
    }
    parts
}

fn join_text(intent: &Intent, peer: PeerId, group: &Group) -> String {
    format!("add {} to group {}", Names::new(intent, None).of(peer), name(group))
}

/// Without the denies, or with denies that leave the service out.
fn undenying(intent: &Intent, flow: &Flow, by: &[PolicyId]) -> Vec<Part> {
    let names = Names::new(intent, None);
    let narrowed = |id: &PolicyId| intent.get(*id).map(|policy| policy.services().minus(&flow.service.into()));
    let mut narrow = Part { change: Vec::new(), sentence: Vec::new(), policy: None };
    for id in by {
        // What has nothing left denies nothing, and goes.
        let part = match narrowed(id) {
            Some(Some(left)) => {
                change(intent, format!("take {} out of policy {}", flow.service, names.of(*id)), |draft| {
                    draft.update(*id, |old| with_services(&old, left));
                })
            }
            _ => remove(&names, *id),
        };
        narrow.change.extend(part.change);
        narrow.sentence.extend(part.sentence);
    }
    let gone = by.iter().map(|id| remove(&names, *id));
    let gone = gone.reduce(|all, part| Part {
        change: [all.change, part.change].concat(),
        sentence: [all.sentence, part.sentence].concat(),
        policy: None,
    });
    let same = gone.as_ref().is_some_and(|gone| gone.sentence == narrow.sentence);
    std::iter::once(narrow).chain(gone.filter(|_| !same)).collect()
}

fn remove(names: &Names, id: PolicyId) -> Part {
    let sentence = vec![format!("remove policy {}", names.of(id))];
    Part { change: vec![Change::Remove(ObjectId::Policy(id))], sentence, policy: None }
}
