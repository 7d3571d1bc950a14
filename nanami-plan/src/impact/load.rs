//! How many clients gateways have after a failure, against what they are made for.
//!
//! **Invariant**: a client counts once for a gateway, however much it reaches by it.

use std::collections::{BTreeMap, BTreeSet};

use nanami_model::{Destination, GatewayId, Name, PeerId};

use super::{Fate, Outcome};
use crate::desired::Desired;

/// A gateway with more clients than it is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowded {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its name.
    pub name: Name,
    /// How many clients it has while everything is well.
    pub before: usize,
    /// How many it has afterwards.
    pub after: usize,
    /// How many it is made for.
    pub capacity: u32,
}

pub(super) fn crowded(desired: &Desired, outcomes: &[Outcome]) -> Vec<Crowded> {
    let intent = desired.intent();
    let mut loads: BTreeMap<GatewayId, [BTreeSet<PeerId>; 2]> = BTreeMap::new();
    for outcome in outcomes {
        let far = if let Destination::Peer(to) = outcome.to { Some(to) } else { None };
        let clients = || outcome.from.iter().copied().chain(far);
        let before = outcome.way.gateways().first().copied();
        let after = match &outcome.fate {
            Fate::Unaffected => before,
            Fate::LocalFailover { to, .. } | Fate::NeedsControl { to, .. } => Some(*to),
            Fate::Lost(_) => None,
        };
        for (when, gateway) in [before, after].into_iter().enumerate() {
            if let Some(gateway) = gateway {
                loads.entry(gateway).or_default()[when].extend(clients());
            }
        }
    }
    let crowded = |(gateway, [before, after]): (GatewayId, [BTreeSet<PeerId>; 2])| {
        let (before, after) = (before.len(), after.len());
        let capacity = intent.get(gateway)?.capacity()?.get();
        let name = intent.name_of(gateway)?.clone();
        (after > capacity as usize).then_some(Crowded { gateway, name, before, after, capacity })
    };
    loads.into_iter().filter_map(crowded).collect()
}
