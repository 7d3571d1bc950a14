//! The service: what control decides for one workspace. Sans-IO.
//!
//! **Invariant: nothing is said before it is durable.** A decision is a [`Step`]: an entry for the log, a slot to save, and a
//! reply that is locked inside until [`Workspace::commit`]. The shell makes the step durable and commits it; when another
//! control instance was faster it folds that one's entries in and decides again. State is a fold over the log, and
//! replay and commit are the same function.
//!
//! ```text
//! request ──decide(&self)──▶ Step { entry, slot, (reply) } ──append, save──▶ commit(&mut self) ──▶ reply, new Distribution
//! ```
//!
//! Modules: [`join`] turns key pairs into peers, [`session`] takes reports, [`reconcile`] proposes and applies plans,
//! [`approval`] says who must agree, [`distribute`] assigns generations, [`choose`] says which gateways serve whom, [`fabric`]
//! reads failover out of reports, [`audit`] is the log's records.

pub mod approval;
pub mod attempts;
pub mod audit;
pub mod choose;
pub mod distribute;
pub mod fabric;
pub mod join;
pub mod proposals;
pub mod reconcile;
pub mod session;

mod fold;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use nanami_model::{
    Actor, ChangeSet, Epoch, Generation, Intent, Name, NetworkMap, Observed, PeerId, Refused, Revision, Role,
    Timestamp, User, WorkspaceId,
};
use nanami_plan::{Desired, Selection, compile};

use self::{
    attempts::Attempts,
    audit::{Act, BadRecord, Founded, Record},
    choose::{Choice, Choosing},
    distribute::{Distribution, Member, News, touched},
    fold::Fold,
    proposals::Proposals,
};
use crate::store::{Entry, Slot};

/// One workspace, as control holds it between two requests.
#[derive(Debug)]
pub struct Workspace {
    fold: Fold,
    desired: Desired,
    distribution: Arc<Distribution>,
    observed: Observed,
    attempts: Attempts,
    saved_reports: BTreeMap<PeerId, (Timestamp, (Epoch, Generation))>,
    choosing: Choosing,
}

/// A decision that is not durable yet. The reply comes out of [`Workspace::commit`] alone.
#[must_use = "a decision that is not committed did not happen"]
#[derive(Debug)]
pub struct Step<T> {
    write: Option<Write>,
    proposals: Option<Proposals>,
    choice: Option<Choice>,
    reply: T,
}

#[derive(Debug)]
struct Write {
    record: Record,
    revision: Revision,
    desired: Desired,
    news: News,
}

impl<T> Step<T> {
    /// A reply that changes nothing.
    pub(crate) fn nothing(reply: T) -> Step<T> {
        Step { write: None, proposals: None, choice: None, reply }
    }

    /// Whether committing it changes nothing that anybody sees.
    pub(crate) fn is_quiet(&self) -> bool {
        self.write.is_none() && self.proposals.is_none() && self.choice.as_ref().is_none_or(Choice::is_the_same)
    }

    /// What must be in the store before the entry: the choice of gateways that the entry follows from. Should the entry not
    /// come to be in the log, the next start makes it from this.
    #[must_use]
    pub fn ahead(&self) -> Option<(Slot, Vec<u8>)> {
        self.choice.as_ref()?.to_slot()
    }

    /// What must be in the log before the step is committed.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        self.write.as_ref().map(|write| write.record.to_entry(write.revision))
    }

    /// What must be in the store before the step is committed, after the entry.
    #[must_use]
    pub fn slot(&self) -> Option<(Slot, Vec<u8>)> {
        self.proposals.as_ref().map(|proposals| (Slot::Proposals, proposals.encode()))
    }
}

impl Workspace {
    /// A workspace that is empty but for its owner. It is in no store until its first change, which carries its founding.
    #[must_use]
    pub fn found(workspace: Name, owner: Name) -> Workspace {
        let fold = Fold::found(Founded { workspace, owner });
        let desired = compile(&fold.intent, &Selection::default());
        Workspace {
            fold,
            desired,
            distribution: Arc::default(),
            observed: Observed::default(),
            attempts: Attempts::default(),
            saved_reports: BTreeMap::new(),
            choosing: Choosing::default(),
        }
    }

    /// The same workspace at revision 0, before any entry of its log.
    #[must_use]
    pub fn beginning(&self) -> Workspace {
        let Founded { workspace, owner } = self.fold.founded.clone();
        Workspace::found(workspace, owner)
    }

    /// Who founded the workspace whose log begins with `first`.
    ///
    /// # Errors
    /// [`BadRecord`] when it does not say.
    pub fn founding(first: &Entry) -> Result<Founded, BadRecord> {
        let missing =
            || BadRecord { revision: first.revision(), what: "it does not say how the workspace began".into() };
        Record::from_entry(first)?.founded.ok_or_else(missing)
    }

    /// Folds entries in that follow the current revision: a restart's, or another instance's.
    ///
    /// # Errors
    /// [`BadRecord`] for the first that is damaged or out of order; everything before it is in then.
    pub fn replay(&mut self, entries: &[Entry]) -> Result<(), BadRecord> {
        let outcome = entries.iter().try_for_each(|entry| self.fold.entry(entry));
        if !entries.is_empty() {
            self.desired = compile(&self.fold.intent, &self.choosing.selection);
            self.distribute(None);
        }
        outcome
    }

    /// Takes in the proposals that were saved. Those that the log has as applied are left out.
    ///
    /// # Errors
    /// [`proposals::BadProposals`] when the bytes are none.
    pub fn restore_proposals(&mut self, bytes: &[u8]) -> Result<(), proposals::BadProposals> {
        self.fold.proposals = Proposals::decode(bytes)?;
        Ok(())
    }

    /// Makes a durable step the state, and gives out its reply.
    pub fn commit<T>(&mut self, step: Step<T>) -> T {
        if let Some(choice) = step.choice {
            self.choose(choice);
        }
        if let Some(write) = step.write {
            let folded = self.fold.record(write.revision, &write.record);
            folded.expect("a record that was decided on this revision folds into it");
            self.desired = write.desired;
            self.distribute(Some(write.news));
            self.choosing.bring_forward(write.record.at);
        }
        if let Some(proposals) = step.proposals {
            self.fold.proposals = proposals;
        }
        step.reply
    }

    /// The step that is due when this version compiles the intent to other maps than the log says: new generations for them.
    #[must_use]
    pub fn recompile(&self, now: Timestamp) -> Option<Step<()>> {
        let maps = maps(&self.desired);
        if touched(&self.fold.places, maps.iter().map(|(peer, map)| (*peer, map))).is_empty() {
            return None;
        }
        self.write(now, Actor::Control, Act::Recompiled, ChangeSet::default(), ()).ok()
    }

    /// The step that raises the epoch, after the store was restored from a backup.
    ///
    /// # Errors
    /// [`Refused`] never, as nothing changes in the intent.
    pub fn restored(&self, now: Timestamp) -> Result<Step<()>, Refused> {
        let epoch = self.fold.epoch.next();
        self.write(now, Actor::Control, Act::Restored { epoch }, ChangeSet::default(), ())
    }

    /// Which workspace this is.
    #[must_use]
    pub fn id(&self) -> WorkspaceId {
        self.fold.intent.workspace()
    }

    /// The current revision.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.fold.intent
    }

    /// What follows from it.
    #[must_use]
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// What was last reported.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Which map each peer should run.
    #[must_use]
    pub fn distribution(&self) -> &Arc<Distribution> {
        &self.distribution
    }

    /// The step that makes these changes the next revision, by this actor's rights.
    fn write<T>(&self, now: Timestamp, by: Actor, act: Act, changes: ChangeSet, reply: T) -> Result<Step<T>, Refused> {
        let write = self.record(&self.choosing.selection, now, by, act, changes)?;
        Ok(Step { write: Some(write), ..Step::nothing(reply) })
    }

    /// The record of these changes, with what follows from them where gateways are chosen so.
    fn record(
        &self,
        selection: &Selection,
        now: Timestamp,
        by: Actor,
        act: Act,
        changes: ChangeSet,
    ) -> Result<Write, Refused> {
        let changes = self.with_acknowledgement(by, changes);
        let next = self.fold.intent.apply(by, &changes)?;
        let (desired, news) = match selection.agrees(self.desired.selection()) {
            true => {
                let what_if = self.desired.what_if(&next);
                (what_if.desired().clone(), self.distribution.news_of(&what_if))
            }
            // Where gateways are chosen anew anybody's map may be another.
            false => {
                let desired = compile(&next, selection);
                let gone = self.distribution.maps.keys().map(|peer| (*peer, None));
                let news = gone.chain(maps(&desired).into_iter().map(|(peer, map)| (peer, Some(map)))).collect();
                (desired, news)
            }
        };
        let made = news.iter().filter_map(|(peer, map): (&PeerId, &Option<NetworkMap>)| Some((*peer, map.as_ref()?)));
        let touched = touched(&self.fold.places, made);
        let founded = (next.revision() == Revision::new(1)).then(|| self.fold.founded.clone());
        let record = Record { at: now, by, act, changes, touched, founded };
        Ok(Write { record, revision: next.revision(), desired, news })
    }

    /// The changes, and that every removal so far was acknowledged, if it was: then released addresses go round. Every peer
    /// that has a map runs the current one then, so nothing that was taken away is enforced anywhere. One that never comes
    /// back holds the addresses until it is removed itself.
    fn with_acknowledgement(&self, by: Actor, changes: ChangeSet) -> ChangeSet {
        let runs = |(peer, generation): (PeerId, Generation)| {
            let last = self.observed.last(peer).map(|seen| (seen.report.epoch, seen.report.generation));
            last == Some((self.distribution.epoch(), generation))
        };
        let may = match by {
            Actor::User(user) => self.fold.intent.get(user).and_then(User::role) >= Some(Role::Admin),
            _ => true,
        };
        let waiting = may && self.fold.intent.waiting_addresses() > 0;
        match waiting && self.distribution.generations().all(runs) {
            true => changes.acknowledging(self.fold.intent.revision()),
            false => changes,
        }
    }

    /// Brings the distribution up to the fold, by the maps that are news to it, if that is known. A map whose content the log does
    /// not know yet waits for `recompile`.
    fn distribute(&mut self, news: Option<News>) {
        let epoch = self.fold.epoch;
        let placed = |(peer, map): (PeerId, NetworkMap)| {
            let place = self.fold.places.get(&peer).filter(|place| place.digest == map.content())?;
            Some((peer, Arc::new(map.with_generation(epoch, place.generation))))
        };
        let members = self.fold.intent.peers().filter_map(|(peer, entity)| {
            let name = self.fold.intent.name_of(peer)?.clone();
            Some((entity.key()?, Member { peer, name }))
        });
        let members = members.collect::<BTreeMap<_, _>>();
        let mut endpoints = self.distribution.endpoints.clone();
        endpoints.retain(|key, _| members.contains_key(key));
        // Another epoch is another place for every map.
        let maps = match news.filter(|_| epoch == self.distribution.epoch) {
            None => maps(&self.desired).into_iter().filter_map(placed).collect(),
            Some(news) => {
                let mut maps = self.distribution.maps.clone();
                maps.retain(|peer, _| !news.contains_key(peer));
                maps.extend(news.into_iter().filter_map(|(peer, map)| placed((peer, map?))));
                maps
            }
        };
        self.distribution = Arc::new(Distribution { epoch, maps, members: Arc::new(members), endpoints });
        let gone = self.observed.iter().map(|(peer, _)| peer).filter(|peer| self.fold.intent.get(*peer).is_none());
        for peer in gone.collect::<Vec<_>>() {
            self.observed.forget(peer);
        }
    }
}

/// The maps of all peers that are not pending, without a place in the order of maps.
fn maps(desired: &Desired) -> BTreeMap<PeerId, NetworkMap> {
    desired.intent().peers().filter_map(|(peer, _)| Some((peer, desired.map_for(peer)?))).collect()
}
