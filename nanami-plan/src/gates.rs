//! What each step waits for.
//!
//! **Invariant**: a gate points to a lower stage of another peer, and to a step that is there; so there is no circle
//! (PLANNING.md T3).

use std::collections::BTreeSet;

use nanami_model::{Destination, PeerId};

use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::paths::{Way, bearers};
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
                for gate in waits(at, action, before, after) {
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
        let (Deed::Forward(to, _) | Deed::StopForwarding(to, _)) = bundle.deed else { continue };
        let whose = bundle.state(before, after);
        let ways: BTreeSet<_> =
            bundle.whom.iter().filter_map(|slot| Some(whose.way(state.in_slot(slot)?.0, to))).collect();
        let here = |id| after.intent().slot(id);
        for way in ways {
            if matches!(bundle.deed, Deed::Forward(..)) {
                let hops = bearers(whose.intent(), way).filter_map(here);
                hops.for_each(|slot| waiting.at(Stage::Prepare).insert(slot));
            }
            let sends = senders(whose, way, to).into_iter().filter_map(here);
            sends.for_each(|slot| waiting.at(Stage::Move).insert(slot));
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

fn waits(at: PeerId, action: &Action, before: Option<&Desired>, after: &Desired) -> Vec<Gate> {
    let gate = |peer, stage| Gate { peer, stage };
    let hops =
        |from: PeerId, to: Destination| -> Vec<PeerId> { bearers(after.intent(), after.way(from, to)).collect() };
    match action {
        // The new hop must forward, and the far end take what it forwards, before anything goes there.
        Action::Move { to, by, .. } => {
            let far = if let Destination::Peer(to) = to { Some(gate(*to, Stage::Prepare)) } else { None };
            let beyond = Some(after.way(at, *to)).filter(|way| way.near().is_some());
            let beyond = beyond.into_iter().flat_map(|way| bearers(after.intent(), way));
            let beyond = beyond.filter(|hop| hop != by).map(|hop| gate(hop, Stage::Prepare));
            [gate(*by, Stage::Prepare)].into_iter().chain(far).chain(beyond).collect()
        }
        // A hop stops once nobody sends there any more.
        Action::StopForwarding { from, to, .. } => {
            let far = if let Destination::Peer(to) = to { Some(gate(*to, Stage::Move)) } else { None };
            let others = before.into_iter().flat_map(|before| senders(before, before.way(*from, *to), *to));
            let others = others.map(|hop| gate(hop, Stage::Move));
            [gate(*from, Stage::Move)].into_iter().chain(far).chain(others).collect()
        }
        // Nor does it stop masquerading before, for those who send there until then. Open connections keep what they had.
        Action::StopMasquerading { to } => {
            let Some(before) = before else { return Vec::new() };
            let own = before.borne_by(at);
            let mut clients = Vec::new();
            before.each_client(*to, |slot, _| clients.extend(before.intent().in_slot(slot).map(|(id, _)| id)));
            let to = Destination::Route(*to);
            let goes = clients.into_iter().filter(|from| before.way(*from, to).leaves_by(own));
            let goes = goes.filter(|from| !after.way(*from, to).leaves_by(own));
            let senders = |from| [from].into_iter().chain(senders(before, before.way(from, to), to));
            goes.flat_map(senders).map(|peer| gate(peer, Stage::Move)).collect()
        }
        Action::Disconnect { to } => vec![gate(*to, Stage::Move)],
        // Nobody sends to the old addresses any more once the peer has the new ones, and not before.
        Action::Renumber => after.share(at).ties.keys().map(|tie| gate(*tie, Stage::Prepare)).collect(),
        Action::Unroute { to } => {
            let far = if let Destination::Peer(to) = to { Some(*to) } else { None };
            let senders = before.into_iter().flat_map(|before| sending_by(before, at, *to));
            far.into_iter().chain(senders).map(|peer| gate(peer, Stage::Move)).collect()
        }
        // What is granted works from the first packet on.
        Action::Accept { from, .. } => {
            let to = Destination::Peer(at);
            opens(*from, &hops(*from, to), &senders(after, after.way(*from, to), to))
        }
        Action::Forward { from, to, .. } => {
            let far = if let Destination::Peer(to) = to { Some(*to) } else { None };
            let all = [hops(*from, *to), far.into_iter().collect()].concat();
            opens(*from, &all, &senders(after, after.way(*from, *to), *to))
        }
        _ => Vec::new(),
    }
}

/// Of two gateways that follow each other, the peers of those that send to the other one: the first, and back to it, from a peer,
/// the second.
fn senders(desired: &Desired, way: &Way, to: Destination) -> Vec<PeerId> {
    let both = if way.near().is_some() { usize::MAX } else { 0 };
    let some = if matches!(to, Destination::Peer(_)) { both } else { both.min(1) };
    bearers(desired.intent(), way).take(some).collect()
}

/// Who sends to a gateway what it hands on to a destination by another one, or by whom it takes that from there.
fn sending_by(desired: &Desired, at: PeerId, to: Destination) -> Vec<PeerId> {
    let chained = desired.intent().gateway_of(at).map(|(gateway, _)| desired.chained_by(gateway)).unwrap_or_default();
    let about = chained.into_iter().filter(|(from, end)| *end == to || to == Destination::Peer(*from));
    let all = about.flat_map(|(from, end)| {
        let far = if let Destination::Peer(end) = end { Some(end) } else { None };
        let hops = senders(desired, desired.way(from, end), end);
        [from].into_iter().chain(far).chain(hops)
    });
    all.collect()
}

fn opens(from: PeerId, hops: &[PeerId], senders: &[PeerId]) -> Vec<Gate> {
    let begins = [Stage::Prepare, Stage::Move].map(|stage| Gate { peer: from, stage });
    let hops = hops.iter().map(|hop| Gate { peer: *hop, stage: Stage::Prepare });
    let moves = senders.iter().map(|hop| Gate { peer: *hop, stage: Stage::Move });
    begins.into_iter().chain(hops).chain(moves).collect()
}
