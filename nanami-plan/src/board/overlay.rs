//! A plan over the board: which links it brings, takes away, reroutes and disturbs.
//!
//! **Invariant**: each passage that the plan's effect counts is counted at exactly one link, or with the links that are counted
//! with it: the one that its ends have once the plan is applied, else the one that they had. So the counts of the links are the
//! counts of the plan.

use std::collections::BTreeMap;

use nanami_model::{Destination, GatewayId, PeerId, Services};

use super::crowd::{Bundles, Parts};
use super::end::Stops;
use super::observe::worst;
use super::state::State;
use super::{Board, Link};
use crate::desired::Desired;
use crate::effect::{Difference, Effect, Passage, Set};
use crate::paths::Way;
use crate::plan::Plan;

/// How many passages a plan brings, takes away, reroutes and disturbs, in the order of [`Difference::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally([usize; Difference::ALL.len()]);

impl Tally {
    pub(super) fn add(&mut self, difference: Difference, count: usize) {
        self.0[difference as usize] += count;
    }

    pub(super) fn plus(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, more)| *own += more);
    }

    pub(super) fn of(&self, difference: Difference) -> usize {
        self.0[difference as usize]
    }

    /// What there is any of.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, Difference)> + Clone + '_ {
        self.0.into_iter().zip(Difference::ALL).filter(|(count, _)| *count > 0)
    }

    /// What most wants to be looked at: what goes, what may break, what moves, what comes.
    pub(super) fn main(&self) -> Option<Difference> {
        let order = [Difference::Lost, Difference::Disturbed, Difference::Rerouted, Difference::Gained];
        order.into_iter().find(|difference| self.of(*difference) > 0)
    }

    /// All four in words, with their counts.
    pub(super) fn sentence(&self) -> String {
        let words: Vec<_> = self.0.iter().zip(Difference::ALL).map(|(count, what)| format!("{count} {what}")).collect();
        words.join(", ")
    }

    /// Those that there are, in words; nothing if there are none.
    pub(super) fn words(&self) -> String {
        self.each().map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

/// The plan that a board shows.
#[derive(Debug, Clone)]
pub(super) struct Overlay {
    effect: Effect,
    /// What the plan is called.
    pub(super) id: String,
    /// From which revision it leads.
    pub(super) from: nanami_model::Revision,
    /// The plan as people read it.
    pub(super) text: String,
    /// The command that prints it, or nothing.
    pub(super) command: String,
    pub(super) total: Tally,
}

impl Overlay {
    fn new(plan: &Plan) -> Self {
        let effect = plan.effect().clone();
        let from = plan.base.intent().map_or(nanami_model::Revision::ZERO, nanami_model::Intent::revision);
        let (id, text, total) = (plan.id().to_string(), plan.to_string(), Tally(effect.counts()));
        Self { effect, id, from, text, command: String::new(), total }
    }
}

/// What a plan does to one link.
#[derive(Debug, Clone, Default)]
pub(super) struct Differs {
    pub(super) tally: Tally,
    /// Each passage as the plan says it.
    pub(super) lines: Vec<String>,
}

impl Board {
    /// Lays a plan over the board of the state that it leads to: what it takes away is shown too, and peers, gateways and
    /// routes that it removes. Comes before anything that was observed.
    pub(super) fn with_plan(mut self, plan: &Plan) -> Self {
        let overlay = Overlay::new(plan);
        self.objects = self.objects.with_former(overlay.effect.before().map(Desired::intent));
        if self.crowd.is_none() {
            self.link_differences(&overlay);
        }
        Self { overlay: Some(overlay), ..self }
    }

    /// Sets the command that prints the plan that is shown.
    pub fn with_plan_command(mut self, command: impl Into<String>) -> Self {
        if let Some(overlay) = &mut self.overlay {
            overlay.command = command.into();
        }
        self
    }

    /// Says of links that are listed what the plan does to them, and adds those that it takes away.
    fn link_differences(&mut self, overlay: &Overlay) {
        let effect = &overlay.effect;
        overlay.effect.each_passage(|difference, passage| {
            let (from, to) = (passage.from, passage.to);
            let via = self.stops_between(from, to, &passage.way);
            let link = self.links.entry((from, to)).or_insert_with(|| {
                let link = Link::new(from, to, passage.services.clone()).with_near(passage.way.near()).with_via(via);
                Link { gone: true, ..link }
            });
            if link.gone {
                let all = link.services.iter().chain(passage.services.iter()).copied();
                link.services = Services::new(all).unwrap_or_else(|_| link.services.clone());
            }
            link.fresh |= difference == Difference::Gained && !was_there(effect, from, to);
            link.differs.tally.add(difference, 1);
            link.differs.lines.push(line(effect, difference, passage));
        });
    }

    /// Adds to links that are counted what the plan does to them.
    pub(super) fn count_differences(&self, overlay: &Overlay, after: &Desired, parts: &Parts, bundles: &mut Bundles) {
        let former = overlay.effect.before().map(|before| (before, Parts::of(self, before.intent())));
        overlay.effect.each_set(|set| {
            let former = former.as_ref().filter(|_| set.difference == Difference::Lost);
            count_set(&set, former.map_or(parts, |(_, parts)| parts), bundles);
        });
        overlay.effect.each_pair(|difference, passage| self.count_pair(overlay, after, difference, passage, bundles));
    }

    fn count_pair(
        &self,
        overlay: &Overlay,
        after: &Desired,
        difference: Difference,
        passage: &Passage,
        bundles: &mut Bundles,
    ) {
        let (from, to) = (passage.from, passage.to);
        let now = after.way(from, to);
        let stays = !after.access().grants(from, to).is_empty() && !now.is_nowhere();
        let way = if stays { now } else { &passage.way };
        let Some(end) = self.end_to(to) else { return };
        let via = self.stops_between(from, to, way);
        let bundle = bundles.entry((self.end_of(from), end, self.stops_of(way.near(), &via))).or_default();
        bundle.tally.add(difference, 1);
        // One passage of several on a pair is enough to say that the pair is new.
        if stays && difference == Difference::Gained && passage.part.is_none() && !was_there(&overlay.effect, from, to)
        {
            let ends: Vec<State> = match to {
                Destination::Peer(to) => vec![self.state(from), self.state(to)],
                _ => vec![self.state(from)],
            };
            plan_ahead(&mut bundle.states, self.least(way.near(), &via, &ends), 1);
        }
    }

    /// The gateways on the way; one on the way from itself to a peer is no stop.
    fn stops_between(&self, from: PeerId, to: Destination, way: &Way) -> Vec<GatewayId> {
        let own = |id: &GatewayId| {
            let bearer = self.objects.get(*id).map(|gateway| gateway.peer());
            bearer == Some(from) && !matches!(to, Destination::Route(_))
        };
        way.gateways().iter().copied().filter(|id| !own(id)).collect()
    }
}

/// Counts what a set says at the bundles between its parts.
fn count_set(set: &Set<'_>, parts: &Parts, bundles: &mut Bundles) {
    let by_part = |words: &crate::words::Words| {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        words.iter().for_each(|slot| *counts.entry(parts.at(slot)).or_default() += 1);
        counts
    };
    let mut both = set.from.clone();
    both.intersect(set.to);
    let (from, to, both) = (by_part(set.from), by_part(set.to), by_part(&both));
    for (a, many) in &from {
        for (b, others) in &to {
            let themselves = if a == b { both.get(a).copied().unwrap_or(0) } else { 0 };
            let count = many * others - themselves;
            if count == 0 {
                continue;
            }
            let [(from, state), (to, other)] = [a, b].map(|part| parts.list[*part as usize]);
            let bundle = bundles.entry((from, to, Stops::default())).or_default();
            bundle.tally.add(set.difference, count);
            if set.difference == Difference::Gained && set.is_new {
                plan_ahead(&mut bundle.states, worst([state, other].into_iter()), count);
            }
        }
    }
}

/// Links that the plan brings are planned, whatever is known of their ends.
fn plan_ahead(states: &mut [usize; State::ALL.len()], state: State, count: usize) {
    let count = count.min(states[state as usize]);
    states[state as usize] -= count;
    states[State::Planned as usize] += count;
}

/// Whether anything could pass between two ends before the change.
fn was_there(effect: &Effect, from: PeerId, to: Destination) -> bool {
    effect
        .before()
        .is_some_and(|before| !before.access().grants(from, to).is_empty() && !before.way(from, to).is_nowhere())
}

/// A passage as the plan says it.
fn line(effect: &Effect, difference: Difference, passage: &Passage) -> String {
    let names = effect.names();
    let part = passage.part.map(|range| format!(" {range}")).unwrap_or_default();
    let way = names.way(&passage.way);
    let rest = match (difference, &passage.before, passage.disturbance) {
        (Difference::Rerouted, Some(before), _) => format!("{way}; was {}", names.way(before)),
        (Difference::Disturbed, _, Some(why)) => crate::text::why_disturbed(names, why),
        _ => way,
    };
    format!("{difference}{part} {}, {rest}", passage.services)
}
