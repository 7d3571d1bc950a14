//! What stands in the way of a flow: everything, not just the first thing.
//!
//! **Invariant**: there is a blocker exactly if the flow, all of its service, is not allowed or has no way; each is evaluated by
//! itself, so that whoever removes one knows which others remain.

use nanami_model::{Destination, Flow, Intent, PeerId, PolicyId, Selector, Services, Verdict};

use crate::access::{absent, missing, speaks_of};
use crate::desired::Desired;
use crate::names::Names;

/// One thing that keeps a flow from passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blocker {
    /// A peer to itself, a gateway to what is behind it, or an address that is nothing here.
    NoDestination,
    /// A peer is suspended or expired.
    Absent(PeerId),
    /// No policy allows it, or not all of it.
    NoPolicy {
        /// What no policy allows.
        missing: Services,
        /// The policy that comes nearest: most of sides and service fit.
        closest: Option<PolicyId>,
    },
    /// Policies deny it.
    Denied {
        /// Those that do, by name.
        by: Vec<PolicyId>,
    },
    /// The two have no address family in common.
    NoFamily,
    /// It needs a gateway, and none may serve.
    NoWay,
}

impl Blocker {
    /// Everything that keeps a flow from passing, the most fundamental first.
    pub(crate) fn all(desired: &Desired, flow: &Flow) -> Vec<Self> {
        let intent = desired.intent();
        let access = desired.access();
        let nowhere = desired.way(flow.from, flow.to).is_nowhere().then_some(Self::NoWay);
        if missing(flow.service, &access.grants(flow.from, flow.to)).is_none() {
            return nowhere.into_iter().collect();
        }
        if !access.distinct(flow.from, flow.to) {
            return vec![Self::NoDestination];
        }
        let mut found: Vec<_> = absent(intent, flow.from, flow.to).map(Self::Absent).into_iter().collect();
        let wanted = Services::from(flow.service);
        // Policies are looked at as if both took part.
        let speak: Vec<_> =
            intent.policies().filter(|(_, policy)| speaks_of(intent, policy, flow.from, flow.to)).collect();
        let speaks = |verdict| speak.iter().filter(move |(_, policy)| policy.verdict() == verdict);
        let left = speaks(Verdict::Allow).try_fold(wanted.clone(), |left, (_, policy)| left.minus(policy.services()));
        if let Some(missing) = left {
            found.push(Self::NoPolicy { missing, closest: closest(intent, flow) });
        }
        let denies = speaks(Verdict::Deny).filter(|(_, policy)| policy.services().intersection(&wanted).is_some());
        let by: Vec<_> = denies.map(|(id, _)| *id).collect();
        if !by.is_empty() {
            found.push(Self::Denied { by });
        }
        if !access.share_family(flow.from, flow.to) {
            found.push(Self::NoFamily);
        }
        found.extend(nowhere);
        found
    }

    /// The blocker in words.
    pub(crate) fn describe(&self, intent: &Intent) -> String {
        let names = Names::new(intent, None);
        match self {
            Self::NoDestination => "this is nothing that the peer reaches by a tunnel".to_owned(),
            Self::Absent(peer) => absence(intent, *peer),
            Self::NoPolicy { .. } => "no policy allows it".to_owned(),
            Self::Denied { by } if by.len() == 1 => format!("policy {} denies it", names.of(by[0])),
            Self::Denied { by } => format!("policies {} deny it", names.list(by)),
            Self::NoFamily => "the two have no address family in common in networks that are in use".to_owned(),
            Self::NoWay => "no gateway may serve it".to_owned(),
        }
    }
}

/// What keeps a peer from taking part, in words.
pub(crate) fn absence(intent: &Intent, peer: PeerId) -> String {
    let status = intent.get(peer).map(|peer| peer.status().as_str()).unwrap_or("not there");
    format!("{} is {status}", intent.label(peer))
}

/// The allow policy that fits best: both sides count most, then one side, then the service; none if nothing fits at all.
fn closest(intent: &Intent, flow: &Flow) -> Option<PolicyId> {
    let reaches = |to: Selector| match (to, flow.to) {
        (Selector::Route(a), Destination::Route(b)) => a == b,
        (side, Destination::Peer(to)) => intent.is_member(to, side),
        _ => false,
    };
    let fit = |policy: &nanami_model::Policy| {
        let sides = u8::from(intent.is_member(flow.from, policy.from())) + u8::from(reaches(policy.to()));
        let service = u8::from(policy.services().intersection(&flow.service.into()).is_some());
        // Reaching the wanted thing with the wanted service tells more than beginning at the same peer.
        (sides + service, u8::from(reaches(policy.to())))
    };
    let allows = intent.policies().filter(|(_, policy)| policy.verdict() == Verdict::Allow);
    let scored = allows.map(|(id, policy)| (fit(policy), id)).filter(|((fit, _), _)| *fit > 0);
    // The first by name of those that fit best.
    scored.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, id)| id)
}
