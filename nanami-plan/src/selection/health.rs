//! Which gateways live, as those who send packets through them say.
//!
//! **Invariants**: only what crosses a tunnel counts, never whether a gateway talks to control, which it may well do while nothing
//! passes it; what a gateway says of itself counts for nothing. All reports are weighed at once, so that of two that die together
//! neither is elected in between. Who finds all of several gateways dead is taken for sick itself (Dadgar, Phillips and Currey,
//! "Lifeguard", 2018). A gateway that fails again and again is left alone for longer and longer.

use std::collections::BTreeMap;
use std::time::Duration;

use nanami_model::{GatewayId, Intent, LinkReport, Observed, PeerId, PublicKey, Route, Timestamp};
use serde::{Deserialize, Serialize};

use super::Selection;
use crate::territory;
use crate::view::LIVE;

/// What is known of a gateway that failed; one that never did has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Since when it is dead; `None` means that it lives again.
    pub(super) dead_since: Option<Timestamp>,
    /// How often it failed in a row.
    failures: u8,
    /// Until when it is not chosen, though it may live.
    held_until: Timestamp,
    /// Whether that was still so when it was looked at.
    pub(super) held: bool,
}

/// How long a gateway is left alone after its first failure; doubled with each further one (chosen: a restart is over by then).
const HELD: Duration = Duration::from_secs(60);
/// How often it is doubled at most: about an hour (chosen: longer, and a repaired gateway stays idle all day).
const DOUBLED: u8 = 6;
/// After so much time without a failure the next one is the first again (chosen: twice the longest hold).
const FORGIVEN: Duration = Duration::from_secs(2 * 3600);

impl Standing {
    pub(super) fn is_live(&self) -> bool {
        self.dead_since.is_none() && !self.held
    }

    pub(super) fn failed(before: Option<Self>, now: Timestamp) -> Self {
        let again = before.filter(|known| now.since(known.held_until) < FORGIVEN);
        let failures = again.map_or(1, |known| known.failures.saturating_add(1));
        let held_until = now.after(HELD * (1 << (failures - 1).min(DOUBLED)));
        Self { dead_since: Some(now), failures, held_until, held: true }
    }
}

/// What is known of each gateway now.
pub(super) fn assess(
    intent: &Intent,
    observed: &Observed,
    previous: &Selection,
    now: Timestamp,
) -> BTreeMap<GatewayId, Standing> {
    let votes = Votes::count(intent, observed, previous, now);
    let mut known = BTreeMap::new();
    for (id, _) in intent.gateways() {
        let before = previous.standing(id);
        let standing = match (votes.verdict(id), before) {
            (Some(false), Some(known)) if known.dead_since.is_some() => Some(known),
            (Some(false), before) => Some(Standing::failed(before, now)),
            // Nobody sends there any more once it is left alone, so after that it gets its chance.
            (None, Some(known)) if now < known.held_until => Some(known),
            (_, Some(known)) => Some(Standing { dead_since: None, ..known }),
            (_, None) => None,
        };
        let standing = standing.filter(|known| known.dead_since.is_some() || now.since(known.held_until) < FORGIVEN);
        known.extend(standing.map(|known| (id, Standing { held: now < known.held_until, ..known })));
    }
    known
}

/// Who says what of whom.
#[derive(Default)]
struct Votes {
    /// For each gateway: how many say that it lives, and that it is dead.
    of: BTreeMap<GatewayId, (usize, usize)>,
}

impl Votes {
    fn count(intent: &Intent, observed: &Observed, previous: &Selection, now: Timestamp) -> Self {
        let bearers: BTreeMap<PublicKey, GatewayId> =
            intent.gateways().filter_map(|(id, gateway)| Some((intent.get(gateway.peer())?.key()?, id))).collect();
        let mut votes = Self::default();
        for (observer, _) in observed.iter().filter(|(id, _)| intent.get(*id).is_some()) {
            let opinions = opinions(intent, observed, previous, &bearers, observer, now);
            let sick = opinions.len() > 1 && opinions.values().all(|lives| !lives);
            for (gateway, lives) in opinions.into_iter().filter(|_| !sick) {
                let (up, down) = votes.of.entry(gateway).or_default();
                *if lives { up } else { down } += 1;
            }
        }
        votes
    }

    /// Whether a gateway lives; `None` if nobody says.
    fn verdict(&self, gateway: GatewayId) -> Option<bool> {
        self.of.get(&gateway).map(|(up, down)| up >= down)
    }
}

/// What one peer says of the gateways that it has a tunnel to.
fn opinions(
    intent: &Intent,
    observed: &Observed,
    previous: &Selection,
    bearers: &BTreeMap<PublicKey, GatewayId>,
    observer: PeerId,
    now: Timestamp,
) -> BTreeMap<GatewayId, bool> {
    let Some(sighting) = observed.believed(observer, now) else { return BTreeMap::new() };
    let age = now.since(sighting.received);
    let lives = |link: &LinkReport| link.handshake_age.map(|handshake| handshake + age < LIVE);
    let links = sighting.report.links.iter();
    let mut opinions: BTreeMap<GatewayId, bool> =
        links.filter_map(|link| Some((*bearers.get(&link.key)?, lives(link)?))).collect();
    // Who sends by a standby has asked those before it in vain.
    for taken in &sighting.report.taken_over {
        let Some(by) = bearers.get(&taken.by) else { continue };
        // A gateway that hands on to others sends there what a route has to itself, range by range.
        let leads = |route: &Route| {
            let prefixes = route.prefixes();
            prefixes.contains(&taken.prefix)
                || (prefixes.iter().any(|prefix| prefix.covers(&taken.prefix))
                    && territory::of(intent, route).contains(&taken.prefix))
        };
        for (id, _) in intent.routes().filter(|(_, route)| leads(route)) {
            let ranks = previous.ranks(intent, id, observer);
            if let Some(at) = ranks.iter().position(|rank| rank == by) {
                opinions.extend(ranks[..at].iter().map(|dead| (*dead, false)));
            }
        }
    }
    opinions
}

#[cfg(test)]
mod tests;
