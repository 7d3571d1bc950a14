//! What each step waits for.
//!
//! **Invariant**: a gate points to a lower stage of another peer, and to a step that is there; so there is no circle
//! (PLANNING.md T3).

use std::collections::BTreeSet;

use nanami_model::{Destination, PeerId};

use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::stage::Stage;
use crate::step::{Action, Gate};

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

    fn has(&self, gate: &Gate, after: &Desired) -> bool {
        after.intent().slot(gate.peer).is_some_and(|slot| self.who(gate.stage).contains(slot))
    }
}

/// What a step with these actions waits for, of the steps that there are.
pub(crate) fn gates(at: PeerId, stage: Stage, actions: &[Action], after: &Desired, there: &There) -> Vec<Gate> {
    let waits = actions.iter().flat_map(|action| waits(at, action, after));
    let gates: BTreeSet<Gate> = waits.filter(|gate| gate.peer != at && gate.stage < stage).collect();
    gates.into_iter().filter(|gate| there.has(gate, after)).collect()
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
