//! What each step waits for.
//!
//! **Invariant**: a gate points to a lower stage of another peer, and to a step that is there; so there is no circle
//! (PLANNING.md T3).

use std::collections::BTreeSet;

use nanami_model::{Destination, PeerId};

use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::paths::bearers;
use crate::stage::Stage;
use crate::step::{Action, Gate};
use crate::steps::bundle::{Bundle, Deed};

/// Who does anything in each stage, by slot after the change.
#[derive(Debug, Default)]
pub(crate) struct There([Bitmap; 5]);

impl There {
    pub(crate) fn at(&mut self, stage: Stage) -> &mut Bitmap {
        &mut self.0[stage as usize]
    }

    pub(crate) fn who(&self, stage: Stage) -> &Bitmap {
        &self.0[stage as usize]
    }

    pub(crate) fn anywhere(&self) -> Bitmap {
        let mut all = Bitmap::default();
        self.0.iter().for_each(|who| all.union(who));
        all
    }
}

/// What a step of these bundles waits for, of the steps that there are.
pub(crate) fn gates(
    at: PeerId,
    stage: Stage,
    bundles: &[&Bundle],
    before: Option<&Desired>,
    after: &Desired,
    there: &There,
) -> Vec<Gate> {
    let mut waiting = There::default();
    for bundle in bundles {
        let state = bundle.state(before, after).intent();
        let now = |slot| after.intent().slot(state.in_slot(slot)?.0);
        let stages: &[Stage] = match &bundle.deed {
            Deed::Only(action) => {
                for gate in waits(at, action, after) {
                    after.intent().slot(gate.peer).into_iter().for_each(|slot| waiting.at(gate.stage).insert(slot));
                }
                continue;
            }
            // A hop stops, and an end goes, once nobody sends there any more.
            Deed::Disconnect | Deed::StopForwarding(..) => &[Stage::Move],
            // What is granted works from the first packet on. No gateway is on the way of what is let in class by class.
            Deed::Accept(_) | Deed::Forward(..) => &[Stage::Prepare, Stage::Move],
            Deed::Connect | Deed::Rekey | Deed::Refuse(_) | Deed::Attribute(_) => &[],
        };
        for stage in stages {
            bundle.whom.iter().filter_map(now).for_each(|slot| waiting.at(*stage).insert(slot));
        }
        if let Deed::Forward(to, _) = bundle.deed {
            let ways: BTreeSet<_> =
                bundle.whom.iter().filter_map(|slot| Some(after.way(state.in_slot(slot)?.0, to))).collect();
            let hops = ways.into_iter().flat_map(|way| bearers(after.intent(), way));
            hops.filter_map(|id| after.intent().slot(id)).for_each(|slot| waiting.at(Stage::Prepare).insert(slot));
        }
    }
    let mut gates = BTreeSet::new();
    for lower in Stage::ALL.into_iter().filter(|lower| *lower < stage) {
        let both = waiting.at(lower);
        both.intersect(there.who(lower));
        let peers = both.iter().filter_map(|slot| after.intent().in_slot(slot));
        gates.extend(peers.map(|(peer, _)| Gate { peer, stage: lower }).filter(|gate| gate.peer != at));
    }
    gates.into_iter().collect()
}

fn waits(at: PeerId, action: &Action, after: &Desired) -> Vec<Gate> {
    let gate = |peer, stage| Gate { peer, stage };
    let hops = |from: PeerId, to: Destination| -> Vec<PeerId> {
        let carriers = after.way(from, to).gateways().iter().filter_map(|id| after.intent().get(*id)).map(|g| g.peer());
        carriers.collect()
    };
    match action {
        // The new hop must forward, and the far end take what it forwards, before anything goes there.
        Action::Move { to, by, .. } => {
            let far = if let Destination::Peer(to) = to { Some(gate(*to, Stage::Prepare)) } else { None };
            [gate(*by, Stage::Prepare)].into_iter().chain(far).collect()
        }
        // A hop stops once nobody sends there any more.
        Action::StopForwarding { from, to, .. } => {
            let far = if let Destination::Peer(to) = to { Some(gate(*to, Stage::Move)) } else { None };
            [gate(*from, Stage::Move)].into_iter().chain(far).collect()
        }
        Action::Disconnect { to } => vec![gate(*to, Stage::Move)],
        // Nobody sends to the old addresses any more once the peer has the new ones, and not before.
        Action::Renumber => after.share(at).ties.keys().map(|tie| gate(*tie, Stage::Prepare)).collect(),
        Action::Unroute { to: Destination::Peer(to) } => vec![gate(*to, Stage::Move)],
        // What is granted works from the first packet on.
        Action::Accept { from, .. } => opens(*from, &hops(*from, Destination::Peer(at))),
        Action::Forward { from, to, .. } => {
            let far = if let Destination::Peer(to) = to { Some(*to) } else { None };
            opens(*from, &[hops(*from, *to), far.into_iter().collect()].concat())
        }
        _ => Vec::new(),
    }
}

fn opens(from: PeerId, hops: &[PeerId]) -> Vec<Gate> {
    let begins = [Stage::Prepare, Stage::Move].map(|stage| Gate { peer: from, stage });
    begins.into_iter().chain(hops.iter().map(|hop| Gate { peer: *hop, stage: Stage::Prepare })).collect()
}
