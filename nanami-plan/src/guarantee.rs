//! What a plan promises, what it cannot, and what it takes for granted.
//!
//! **Invariant**: a guarantee is listed only where it holds for peers that take whole maps, each at its own moment.
//!
//! Why *no over-grant* holds then (PLANNING.md T1): whatever arrives passes the filter of the peer where it ends or of the gateway
//! where it leaves the overlay, and each of these enforces either what was allowed or what will be. What could break it is
//! an address that means somebody else afterwards, so that is listed. Why *kept flows continue* does not hold for a flow that
//! changes gateways: its ends and hops change at different moments, and nobody waits for the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use nanami_model::{Destination, Intent, Label, Peer, PeerId, ReturnPath, RouteId};

use crate::base::Base;
use crate::desired::Desired;
use crate::effect::{Effect, Passage};
use crate::plan::Plan;
use crate::touched::Touched;

/// Something that holds while a change is made, whatever the order in which peers take their maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Guarantee {
    /// G1: nothing passes that neither the old nor the new intent allows.
    NoOverGrant,
    /// G2: what stays allowed is not interrupted.
    KeptContinue,
}

/// What stays possible longer than it should.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exposure {
    /// A peer that let through what is lost is not heard of: it does so until it is reached.
    Unheard {
        /// The peer.
        peer: Label,
        /// How much that it let through is lost.
        flows: usize,
    },
    /// An address means somebody else than before: until every peer has its new map, the one may pass for the other.
    Rebound {
        /// The address.
        address: IpAddr,
        /// Who had it.
        from: Label,
        /// Who has it now.
        to: Label,
    },
}

/// What somebody else must see to for what is gained or moved to work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precondition {
    /// What is behind a route sends answers back through the gateway that it heard from.
    ReturnPath {
        /// The route.
        route: Label,
        /// Whether somebody has said that it does.
        declared: bool,
    },
    /// The gateways put their own address in the place of the client's: a Linux host of Nanami's by its map, any other because somebody
    /// sees to it.
    Masquerade {
        /// The route.
        route: Label,
    },
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unheard { peer, flows: 1 } => {
                write!(f, "{peer} is not heard of, and lets 1 lost flow through until it is")
            }
            Self::Unheard { peer, flows } => {
                write!(f, "{peer} is not heard of, and lets {flows} lost flows through until it is")
            }
            Self::Rebound { address, from, to } => {
                write!(f, "{address} goes from {from} to {to}, which may pass for it until all have their maps")
            }
        }
    }
}

impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReturnPath { route, declared: true } => {
                write!(f, "{route}: answers come back through the gateway that asked, as declared")
            }
            Self::Masquerade { route } => {
                write!(
                    f,
                    "{route}: its gateways masquerade what they send on, so that answers come to them; Nanami's Linux hosts do so by \
                     themselves"
                )
            }
            Self::ReturnPath { route, declared: false } => {
                write!(f, "{route}: nobody has said how answers come back; declare its return path")
            }
        }
    }
}

pub(crate) fn guarantees(rebound: &[Exposure], effect: &Effect) -> Vec<Guarantee> {
    let mut held = Vec::new();
    if rebound.is_empty() {
        held.push(Guarantee::NoOverGrant);
    }
    if effect.disturbed().is_empty() {
        held.push(Guarantee::KeptContinue);
    }
    held
}

/// What a plan leaves possible longer than it should.
pub(crate) fn exposures(plan: &Plan) -> Vec<Exposure> {
    let mut unheard: BTreeMap<PeerId, usize> = BTreeMap::new();
    plan.effect.each_lost(|passage| {
        for peer in enforcers(&plan.base, passage) {
            *unheard.entry(peer).or_default() += 1;
        }
    });
    for (to, flows) in plan.effect.lost_of_blocks() {
        *unheard.entry(to).or_default() += flows;
    }
    let before = plan.base.intent();
    unheard.retain(|peer, _| {
        let joined = before.and_then(|intent| intent.get(*peer)).is_some_and(|peer| peer.key().is_some());
        joined && !plan.evidence.is_of(*peer)
    });
    let label = |id| before.unwrap_or(plan.desired.intent()).label(id);
    let mut found: Vec<_> =
        unheard.into_iter().map(|(peer, flows)| Exposure::Unheard { peer: label(peer), flows }).collect();
    found.sort_by_cached_key(ToString::to_string);
    found.extend(plan.rebound.iter().cloned());
    found
}

/// The peers whose filter decides about something that was allowed.
pub(crate) fn enforcers(base: &Base, passage: &Passage) -> Vec<PeerId> {
    match passage.to {
        Destination::Peer(to) => vec![to],
        _ => {
            let bearer = |id| base.intent()?.get(id).map(nanami_model::Gateway::peer);
            passage.way.all().filter_map(bearer).collect()
        }
    }
}

/// The addresses that mean somebody else than before. Only whoever the change touches has others.
pub(crate) fn rebound(base: &Base, after: &Desired, touched: Option<&Touched>) -> Vec<Exposure> {
    let Some(before) = base.intent() else { return Vec::new() };
    let holders = |intent: &Intent| -> BTreeMap<IpAddr, PeerId> {
        let own = |id: PeerId, peer: &Peer| peer.addresses().iter().map(move |at| (*at, id)).collect::<Vec<_>>();
        match touched {
            None => intent.peers().flat_map(|(id, peer)| own(id, peer)).collect(),
            Some(touched) => {
                let peers = touched.peers.iter().filter_map(|slot| intent.in_slot(*slot));
                peers.flat_map(|(id, peer)| own(id, peer)).collect()
            }
        }
    };
    let now = holders(after.intent());
    let moved = holders(before).into_iter().filter_map(|(address, was)| Some((address, was, *now.get(&address)?)));
    let moved = moved.filter(|(_, was, is)| was != is);
    moved
        .map(|(address, was, is)| Exposure::Rebound { address, from: before.label(was), to: after.intent().label(is) })
        .collect()
}

pub(crate) fn preconditions(after: &Desired, effect: &Effect) -> Vec<Precondition> {
    let route = |passage: &Passage| if let Destination::Route(id) = passage.to { Some(id) } else { None };
    let moved: BTreeSet<RouteId> = effect.to_routes().filter_map(route).collect();
    let routes = after.intent().routes().filter(|(id, _)| moved.contains(id));
    routes
        .map(|(id, route)| (after.intent().label(id), route.return_path()))
        .map(|(route, return_path)| match return_path {
            ReturnPath::Snat => Precondition::Masquerade { route },
            ReturnPath::Declared => Precondition::ReturnPath { route, declared: true },
            ReturnPath::Unstated => Precondition::ReturnPath { route, declared: false },
        })
        .collect()
}
