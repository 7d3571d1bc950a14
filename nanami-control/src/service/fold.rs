//! The fold: what a workspace's log adds up to, without compiling anything.
//!
//! **Invariant: the same entries give the same intent, generations, digests and epoch**, whether they are read at a start or
//! written one by one. Whether somebody may make a change was decided once, when it was written, by the rules of that day: a
//! release that has more of them reads the log all the same, and says what they find ([`Intent::violations`]).

use std::collections::BTreeMap;

use nanami_model::{Epoch, Intent, PeerId, Revision, User};

use super::{
    audit::{Act, BadRecord, Founded, Record},
    distribute::Place,
    proposals::Proposals,
};
use crate::store::Entry;

/// What the log adds up to.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    pub(super) founded: Founded,
    pub(super) intent: Intent,
    pub(super) epoch: Epoch,
    pub(super) places: BTreeMap<PeerId, Place>,
    pub(super) proposals: Proposals,
}

impl Fold {
    pub(super) fn found(founded: Founded) -> Fold {
        let intent = Intent::new(founded.workspace.clone(), User::new(founded.owner.clone()));
        let (places, proposals) = (BTreeMap::new(), Proposals::default());
        Fold { founded, intent, epoch: Epoch::ZERO, places, proposals }
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> Result<(), BadRecord> {
        self.record(entry.revision(), &Record::from_entry(entry)?)
    }

    pub(super) fn record(&mut self, revision: Revision, record: &Record) -> Result<(), BadRecord> {
        let bad = |what: String| BadRecord { revision, what };
        if revision != self.intent.revision().next() {
            return Err(bad(format!("it follows revision {}", self.intent.revision())));
        }
        let next = self.intent.replay(&record.changes);
        self.intent = next.map_err(|refused| bad(format!("its changes do not apply: {refused}")))?;
        match &record.act {
            Act::Restored { epoch } => self.epoch = *epoch,
            Act::Applied { plan, .. } => self.proposals = self.proposals.without(plan),
            Act::JoinKey | Act::Joined { .. } | Act::Recompiled | Act::Rechosen => {}
        }
        self.places.retain(|peer, _| self.intent.get(*peer).is_some());
        for touched in &record.touched {
            let place = Place { generation: touched.generation, digest: touched.digest };
            self.places.insert(touched.peer, place);
        }
        Ok(())
    }
}
