//! Evidence of use: whether something that may be reached is used at all.
//!
//! **Invariant**: what no believed report speaks of is unknown, never unused. Reports name the neighbor that packets came from,
//! so what a gateway carries is seen at the gateway, which keeps no flows and so counts none that are open.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nanami_model::{Destination, Intent, Observed, PeerId, Timestamp, Usage};

use crate::base::Base;
use crate::effect::{Effect, Passage};
use crate::guarantee::enforcers;

/// How much something is used, as far as reports say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Flows that are open; `None` where a gateway carries them.
    pub open: Option<u64>,
    /// How long ago the last packet was; `None` if none was seen since the reporting peer started.
    pub last: Option<Duration>,
}

/// How much of many things is known to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InUse {
    /// How many.
    pub(crate) count: usize,
    /// How long ago the latest of them was.
    pub(crate) last: Duration,
}

/// What reports say about the use of what is lost: those that are believed, of everybody who would have seen it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    before: Option<Intent>,
    seen: BTreeMap<PeerId, (Duration, Vec<Usage>)>,
}

impl Evidence {
    pub(crate) fn of(effect: &Effect, base: &Base, observed: &Observed, now: Timestamp) -> Self {
        let Some(before) = base.intent() else { return Self::default() };
        let mut some: BTreeSet<PeerId> = BTreeSet::new();
        effect.each_lost(|passage| {
            some.extend(witnesses(passage, before));
            some.extend(enforcers(base, passage));
        });
        let ends = effect.lost_ends();
        let sighted = |id: PeerId| {
            let sighting = observed.believed(id, now)?;
            Some((id, (now.since(sighting.received), sighting.report.usage.clone())))
        };
        // Whichever are fewer: those who may have seen something, or those of whom anything was heard.
        let seen = match observed.iter().size_hint().0 < ends.count() + some.len() {
            true => {
                let is_end =
                    |id: &PeerId| before.slot(*id).is_some_and(|slot| ends.contains(slot)) || some.contains(id);
                observed.iter().map(|(id, _)| id).filter(is_end).filter_map(sighted).collect()
            }
            false => {
                let ends = ends.iter().filter_map(|slot| Some(before.in_slot(slot)?.0));
                ends.chain(some.iter().copied()).filter_map(sighted).collect()
            }
        };
        Self { before: Some(before.clone()), seen }
    }

    /// Whether there is a believed report of a peer that lets through something that is lost.
    pub(crate) fn is_of(&self, peer: PeerId) -> bool {
        self.seen.contains_key(&peer)
    }

    /// How many of all that is lost were used, whether listed or not, and how long ago the latest was; `None` if of none it is known
    /// that it was. The work follows what is reported, not what is lost.
    pub(crate) fn in_use(&self, effect: &Effect) -> Option<InUse> {
        let mut ages = Vec::new();
        effect.each_lost(|passage| ages.extend(self.about(passage).and_then(|used| used.last)));
        let mut pairs: BTreeMap<(PeerId, PeerId), Duration> = BTreeMap::new();
        for (at, (since, usage)) in &self.seen {
            for usage in usage {
                let Some(from) = usage.from.filter(|from| effect.loses(*from, *at, usage.policy)) else { continue };
                let age = usage.last_use_age + *since;
                pairs.entry((from, *at)).and_modify(|latest| *latest = age.min(*latest)).or_insert(age);
            }
        }
        ages.extend(pairs.into_values());
        Some(InUse { count: ages.len(), last: ages.into_iter().min()? })
    }

    /// How much something that is lost was used; `None` is unknown.
    pub(crate) fn about(&self, passage: &Passage) -> Option<Used> {
        let seen = |id: PeerId| self.seen.get(&id).map(|(age, usage)| (*age, usage.as_slice()));
        used_by(passage, self.before.as_ref()?, seen)
    }
}

/// Who sees what goes there: the gateways on the way that whoever begins has tunnels to, or else the peer at the end.
fn witnesses(passage: &Passage, intent: &Intent) -> Vec<PeerId> {
    let carriers: Vec<_> = passage.way.entries().iter().filter_map(|id| Some(intent.get(*id)?.peer())).collect();
    match passage.to {
        Destination::Peer(to) if carriers.is_empty() => vec![to],
        _ => carriers,
    }
}

/// What the gateways on the way, or the peer at the end, have seen. One that saw it used is enough; that it was not used is
/// unknown unless each of them is believed.
pub(crate) fn used(passage: &Passage, intent: &Intent, observed: &Observed, now: Timestamp) -> Option<Used> {
    used_by(passage, intent, |id| {
        let sighting = observed.believed(id, now)?;
        Some((now.since(sighting.received), sighting.report.usage.as_slice()))
    })
}

fn used_by<'a>(
    passage: &Passage,
    intent: &Intent,
    seen: impl Fn(PeerId) -> Option<(Duration, &'a [Usage])>,
) -> Option<Used> {
    let witnesses = witnesses(passage, intent);
    let direct = !passage.way.gateways().iter().any(|id| intent.get(*id).is_some());
    let mut used = Used { open: direct.then_some(0), last: None };
    let reports: Vec<_> = witnesses.iter().filter_map(|id| seen(*id)).collect();
    for (since, usage) in &reports {
        for usage in crate::view::about(usage, &passage.policies, passage.from) {
            let age = usage.last_use_age + *since;
            used.open = used.open.map(|open| open + usage.open);
            used.last = Some(used.last.map_or(age, |last| last.min(age)));
        }
    }
    (used.last.is_some() || reports.len() == witnesses.len()).then_some(used)
}
