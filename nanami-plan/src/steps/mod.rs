//! The steps between two states, as bundles of what many peers do alike; a step of one peer is made when it is asked for.
//!
//! **Invariant**: what bundles hold does not grow with the pairs that a change concerns. By stage, then by the names of peers, then by
//! reason, the steps are those that comparing every peer's share before and after would give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use nanami_model::{Name, PeerId, Slot};

use crate::around::Surroundings;
use crate::atoms::Atoms;
use crate::base::Base;
use crate::bitmap::Bitmap;
use crate::desired::Desired;
use crate::gates::{There, gates};
use crate::names::Names;
use crate::places::Places;
use crate::recipients::{Recipients, Told};
use crate::stage::Stage;
use crate::step::{Action, Reason, Step};
use crate::touched::Touched;
use crate::words::Words;

pub(crate) mod bundle;
pub(crate) mod difference;
mod direct;
mod find;
mod forwards;
mod group;
mod need;
mod scope;

use bundle::{Bundle, Deed};
use difference::{Difference, Needs, tunnels};

/// Everything that peers do between two states.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) before: Option<Desired>,
    pub(crate) after: Desired,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) there: There,
    pub(crate) names: Names,
    /// For each slot, by number, the bundles that its peer has a part in; made when a first step is asked for.
    by_peer: OnceLock<Vec<Vec<u32>>>,
}

impl Steps {
    /// The steps that lead from a base to a state, of which this was touched, with what is around it; `None` if nobody knows.
    pub(crate) fn between(
        base: &Base,
        after: &Desired,
        touched: Option<(&Touched, &Surroundings<'_>)>,
        names: &Names,
    ) -> Self {
        let bundles = match &base.desired {
            Some(before) if touched.is_none() => share_by_share(base, before, after),
            _ => find::find(base, after, touched),
        };
        let mut there = There::default();
        bundles.iter().for_each(|bundle| bundle.who.add_to(there.at(bundle.stage)));
        let (before, after, names) = (base.desired.clone(), after.clone(), names.clone());
        Self { before, after, bundles, there, names, by_peer: OnceLock::new() }
    }

    /// Whether nobody does anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.bundles.is_empty()
    }

    /// Those who do anything, by name.
    pub(crate) fn peers(&self) -> Told<'_> {
        Recipients::new(self.there.anywhere(), Vec::new(), 0).into_told(self.after.intent())
    }

    /// How many do anything.
    pub(crate) fn count(&self) -> usize {
        self.there.anywhere().count()
    }

    /// How many of them satisfy this.
    pub(crate) fn count_of(&self, with: impl Fn(&nanami_model::Peer) -> bool) -> usize {
        let all = self.there.anywhere();
        all.iter().filter(|slot| self.after.intent().in_slot(*slot).is_some_and(|(_, peer)| with(peer))).count()
    }

    /// Peers by name.
    pub(crate) fn named(&self, peers: &Bitmap) -> Vec<(&Name, Slot<PeerId>, PeerId)> {
        let named = |slot: Slot<PeerId>| {
            let (id, _) = self.after.intent().in_slot(slot)?;
            Some((self.after.intent().name_of(id)?, slot, id))
        };
        let mut named: Vec<_> = peers.iter().filter_map(named).collect();
        named.sort_unstable();
        named
    }

    /// What peers do in a stage, by name and then by reason, one after the other.
    pub(crate) fn of(&self, stage: Stage) -> impl Iterator<Item = Step> + '_ {
        self.some(stage, usize::MAX).map(|(step, _)| step)
    }

    /// Every step, with how much it does, of which so much at most is spelled out of each bundle.
    pub(crate) fn outline(&self, most: usize) -> impl Iterator<Item = (Step, usize)> + '_ {
        Stage::ALL.into_iter().flat_map(move |stage| self.some(stage, most)).map(move |(mut step, does)| {
            step.actions.truncate(most);
            step.sentences.truncate(most);
            (step, does)
        })
    }

    /// How many steps there are.
    pub(crate) fn number(&self) -> usize {
        let mut reasons: BTreeMap<(Stage, &Reason), Bitmap> = BTreeMap::new();
        for bundle in &self.bundles {
            bundle.who.add_to(reasons.entry((bundle.stage, &bundle.reason)).or_default());
        }
        reasons.values().map(Bitmap::count).sum()
    }

    fn some(&self, stage: Stage, most: usize) -> impl Iterator<Item = (Step, usize)> + '_ {
        let peers = self.named(self.there.who(stage));
        peers.into_iter().flat_map(move |(name, slot, id)| self.step(stage, name, slot, id, most))
    }

    fn step(&self, stage: Stage, name: &Name, slot: Slot<PeerId>, peer: PeerId, most: usize) -> Vec<(Step, usize)> {
        let own = self.by_peer().get(slot.index()).map(Vec::as_slice).unwrap_or_default();
        let bundles = own.iter().map(|number| &self.bundles[*number as usize]).filter(|bundle| bundle.stage == stage);
        let mut reasons: BTreeMap<&Reason, Vec<&Bundle>> = BTreeMap::new();
        bundles.for_each(|bundle| reasons.entry(&bundle.reason).or_default().push(bundle));
        let step = |(reason, bundles): (&Reason, Vec<&Bundle>)| {
            let all =
                bundles.iter().flat_map(|bundle| bundle.actions(slot, self.before.as_ref(), &self.after).take(most));
            let actions: BTreeSet<Action> = all.collect();
            let does = match most {
                usize::MAX => actions.len(),
                _ => bundles.iter().map(|bundle| bundle.about(slot)).sum(),
            };
            let sentences = actions.iter().map(|action| action.sentence(peer, &self.names)).collect();
            let gates = gates(peer, stage, &bundles, self.before.as_ref(), &self.after, &self.there);
            let (name, actions, reason) = (name.clone(), actions.into_iter().collect(), reason.clone());
            (Step { peer, name, stage, actions, sentences, reason, gates }, does)
        };
        reasons.into_iter().map(step).collect()
    }

    fn by_peer(&self) -> &[Vec<u32>] {
        self.by_peer.get_or_init(|| {
            let mut by_peer = vec![Vec::new(); self.after.intent().slot_bound::<PeerId>()];
            for (number, bundle) in (0..).zip(&self.bundles) {
                bundle.who.iter().for_each(|slot| by_peer[slot.index()].push(number));
            }
            by_peer
        })
    }
}

/// The same by comparing every share, where slots do not mean the same peers before and after.
fn share_by_share(base: &Base, before: &Desired, after: &Desired) -> Vec<Bundle> {
    let tunnels = [before, after].map(tunnels);
    let places = [before, after].map(Places::of);
    let atoms = Atoms::between(Some(before.intent()), after.intent());
    let mut bundles = Vec::new();
    for (slot, peer, _) in after.intent().occupied::<PeerId>() {
        let needs = Needs::Known(&tunnels);
        let mut difference =
            Difference { base, after, peer, needs, places: &places, atoms: &atoms, found: BTreeMap::new() };
        let (was, is) = (base.share(peer), after.share(peer));
        difference.run(&was, &is);
        difference.masquerades(&was, &is);
        let who: Words = [slot].into_iter().collect();
        for ((stage, reason), actions) in difference.found {
            let only = |action| Bundle::new(stage, reason.clone(), Deed::Only(action), &who, &Words::default());
            bundles.extend(actions.into_iter().filter_map(only));
        }
    }
    bundles
}
