//! Which gateways serve whom: when it is chosen, and what becomes of a choice.
//!
//! **Invariants: the choice before is kept in the store, so that a restart moves nobody; a choice by which maps change has a
//! record in the log like any other change.** What peers report of their tunnels is weighed together, at most once in five seconds,
//! and compiled only where it makes a difference. A client goes to its standby by itself, so nobody waits for this.

use std::{collections::BTreeSet, time::Duration};

use nanami_model::{Actor, ChangeSet, Observed, PublicKey, Report, Timestamp};
use nanami_plan::{Desired, Selection, compile, select};

use super::{Step, Workspace, audit::Act, distribute::touched, maps};
use crate::store::Slot;

/// What was chosen last, and when it is looked at again.
#[derive(Debug, Default)]
pub(super) struct Choosing {
    pub(super) selection: Selection,
    at: Timestamp,
    due: Timestamp,
    /// Nothing is chosen before this: after a start the peers report first.
    not_before: Timestamp,
}

/// A choice that is not durable yet.
#[derive(Debug)]
pub(super) struct Choice {
    selection: Selection,
    at: Timestamp,
    /// What follows from it; `None` where that is what follows from the one before.
    desired: Option<Desired>,
    same: bool,
}

/// The saved bytes are no choice of gateways.
#[derive(Debug, thiserror::Error)]
#[error("saved choice of gateways is damaged: {0}")]
pub struct BadSelection(String);

/// What a peer's report says of its gateways: which tunnels to them live, and what standbys carry.
pub(super) type Word = BTreeSet<(PublicKey, Option<nanami_model::Cidr>, bool)>;

impl Workspace {
    /// Which gateways serve whom.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.choosing.selection
    }

    /// When gateways are chosen again, at the earliest.
    #[must_use]
    pub fn chooses_at(&self) -> Timestamp {
        self.choosing.due
    }

    /// The step that chooses gateways anew from what is reported, if that is due; it says how many maps change.
    pub fn choose_gateways(&self, now: Timestamp) -> Step<usize> {
        let before = &self.choosing.selection;
        if now < self.choosing.due {
            return Step::nothing(0);
        }
        let intent = &self.fold.intent;
        let selection = select(intent, &self.observed, before, now);
        let choice = |selection: Selection, desired| {
            let same = selection == *before;
            Some(Choice { selection, at: now, desired, same })
        };
        if selection.agrees(self.desired.selection()) {
            return Step { choice: choice(selection, None), ..Step::nothing(0) };
        }
        let desired = compile(intent, &selection);
        let moved = touched(&self.fold.places, maps(&desired).iter().map(|(peer, map)| (*peer, map))).len();
        if moved == 0 {
            return Step { choice: choice(selection, Some(desired)), ..Step::nothing(0) };
        }
        let write = self.record(&selection, now, Actor::Control, Act::Rechosen, ChangeSet::default());
        let write = write.expect("a change of nothing breaks no rule");
        Step { write: Some(write), choice: choice(selection, None), ..Step::nothing(moved) }
    }

    /// Takes in the choice that was saved.
    ///
    /// # Errors
    /// [`BadSelection`] when the bytes are none.
    pub fn restore_selection(&mut self, bytes: &[u8]) -> Result<(), BadSelection> {
        self.choosing.selection = match bytes.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| BadSelection(error.to_string()))?,
            _ => return Err(BadSelection("unknown version".into())),
        };
        Ok(())
    }

    /// Says that this instance starts now: the peers have a lease to report before anybody is moved.
    pub fn begins(&mut self, now: Timestamp) {
        self.choosing.not_before = now.after(Observed::LEASE);
        self.choosing.due = self.choosing.not_before;
    }

    /// The store did not take a choice: it is tried again a cycle later.
    pub fn choice_failed(&mut self, now: Timestamp) {
        self.choosing.due = now.after(CYCLE);
    }

    pub(super) fn choose(&mut self, choice: Choice) {
        let Choice { selection, at, desired, .. } = choice;
        let Choosing { not_before, .. } = self.choosing;
        self.choosing = Choosing { selection, at, due: at.after(AT_REST), not_before };
        if let Some(desired) = desired {
            self.desired = desired;
        }
    }

    /// What a report says of gateways.
    pub(super) fn word(&self, report: &Report) -> Word {
        let intent = &self.fold.intent;
        let bearers: BTreeSet<PublicKey> =
            intent.gateways().filter_map(|(_, gateway)| intent.get(gateway.peer())?.key()).collect();
        let links = report.links.iter().filter(|link| bearers.contains(&link.key));
        let links = links.filter_map(|link| Some((link.key, None, link.handshake_age? < HONOURED)));
        let taken = report.taken_over.iter().map(|taken| (taken.by, Some(taken.prefix), true));
        links.chain(taken).collect()
    }
}

impl Choosing {
    /// Something is new that a choice may follow from.
    pub(super) fn bring_forward(&mut self, now: Timestamp) {
        let next = self.at.after(CYCLE).max(now).max(self.not_before);
        self.due = self.due.min(next);
    }
}

impl Choice {
    pub(super) fn is_the_same(&self) -> bool {
        self.same
    }

    pub(super) fn to_slot(&self) -> Option<(Slot, Vec<u8>)> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, &self.selection).expect("a selection holds ids, numbers and lists only");
        (!self.same).then_some((Slot::Selection, bytes))
    }
}

const VERSION: u8 = 1;
/// How long reports are gathered before they are weighed (chosen: a burst of a dying gateway's clients is one decision).
const CYCLE: Duration = Duration::from_secs(5);
/// How long a choice stands when nobody reports anything new: holds and patience end in between (chosen: a third of the lease).
const AT_REST: Duration = Duration::from_secs(30);
/// After this long without a handshake WireGuard takes no packet any more (whitepaper section 6.1, Reject-After-Time).
const HONOURED: Duration = Duration::from_secs(180);
