//! A change set with its effect, before and after it is applied.

use std::{fmt, sync::Arc};

use nanami_model::{Actor, Generation, Intent, Name, PeerId, Revision};
use nanami_plan::{AssertionsFailed, Effect, Plan};

use crate::{
    hub::Hub,
    service::reconcile::{ApplyError, ApproveError, Candidate, ProposeError, Stale, Waiting, moved_by},
    store::{Entry, StoreError},
};

/// Changes that were looked at but not made. Dropped, nothing has happened.
#[derive(Clone)]
pub struct Proposal {
    hub: Arc<Hub>,
    by: Actor,
    candidate: Candidate,
}

impl Proposal {
    pub(crate) fn new(hub: Arc<Hub>, by: Actor, candidate: Candidate) -> Proposal {
        Proposal { hub, by, candidate }
    }

    /// What the plan is known by once it is submitted; texts show the beginning, which is enough while it is one plan's.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.candidate.saved.plan
    }

    /// The revision on which its effect was shown.
    #[must_use]
    pub fn base(&self) -> Revision {
        self.candidate.saved.base
    }

    /// Why it was proposed; `None` when nobody said.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.candidate.saved.changes.reason()
    }

    /// How many objects change.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.candidate.saved.changes.iter().len()
    }

    /// What it means, and what every peer does for it. `Display` is the text for people.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.candidate.plan
    }

    /// Who gains and loses what.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        self.candidate.what_if.effect()
    }

    /// The intent that it leads to.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        self.candidate.what_if.desired().intent()
    }

    /// The peers whose map changes.
    pub fn recipients(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.candidate.what_if.recipients()
    }

    /// The groups whose consent is missing, and who could give it; empty when it may be applied.
    #[must_use]
    pub fn waiting_for(&self) -> &[Waiting] {
        &self.candidate.missing
    }

    /// Who has approved.
    #[must_use]
    pub fn approved_by(&self) -> Vec<Name> {
        self.candidate.approved_by()
    }

    /// Whether the assertions hold; [`Proposal::apply`] refuses when they do not.
    ///
    /// # Errors
    /// [`AssertionsFailed`] with every assertion that would not hold.
    pub fn check_assertions(&self) -> Result<(), AssertionsFailed> {
        self.candidate.what_if.check_assertions(&[])
    }

    /// Keeps the proposal, so that others can approve and apply it by its id.
    ///
    /// # Errors
    /// A [`StoreError`].
    ///
    /// # Cancel safety
    /// Once polled it completes by itself; again is harmless.
    pub async fn submit(&self) -> Result<(), StoreError> {
        let candidate = self.candidate.clone();
        self.hub.transact(move |core, _| Ok::<_, StoreError>(core.submit(&candidate))).await?;
        Ok(())
    }

    /// Makes exactly what was shown the next revision.
    ///
    /// # Errors
    /// [`ApplyError`]; nothing has happened then.
    ///
    /// # Cancel safety
    /// Once polled it completes by itself.
    pub async fn apply(self) -> Result<Rollout, ApplyError> {
        apply(&self.hub, self.by, self.candidate).await
    }
}

/// Looks at changes.
pub(crate) async fn propose(
    hub: &Arc<Hub>,
    by: Actor,
    changes: nanami_model::ChangeSet,
) -> Result<Proposal, ProposeError> {
    let candidate = hub.look(move |core, now| core.candidate(now, by, changes)).await?;
    Ok(Proposal::new(Arc::clone(hub), by, candidate))
}

/// Looks at the changes that lead to a document, on whatever revision is current then. With `base`, only on that one.
pub(crate) async fn propose_document(
    hub: &Arc<Hub>,
    by: Actor,
    wanted: Intent,
    base: Option<Revision>,
    reason: Option<String>,
    mass_removal: bool,
) -> Result<Result<Proposal, Revision>, ProposeError> {
    let candidate = hub.look(move |core, now| {
        let head = core.intent().revision();
        if base.is_some_and(|base| base != head) {
            return Ok(Err(head));
        }
        let changes = core.intent().changes_to(&wanted);
        let changes = reason.iter().fold(changes, |changes, reason| changes.with_reason(reason));
        let changes = if mass_removal { changes.danger_allow_mass_removal() } else { changes };
        core.candidate(now, by, changes).map(Ok)
    });
    Ok(candidate.await?.map(|candidate| Proposal::new(Arc::clone(hub), by, candidate)))
}

/// The proposal of this id.
pub(crate) async fn find(hub: &Arc<Hub>, by: Actor, plan: &str) -> Result<Proposal, ApplyError> {
    let found = hub.look(|core, now| core.proposal(now, plan)).await;
    let candidate = name_mover(hub, found).await?;
    Ok(Proposal::new(Arc::clone(hub), by, candidate))
}

/// Gives `by`'s consent.
pub(crate) async fn approve(hub: &Arc<Hub>, by: Actor, plan: &str) -> Result<Proposal, ApproveError> {
    let plan = plan.to_owned();
    let approved = hub.transact(move |core, now| core.approve(now, by, &plan)).await;
    let candidate = match approved {
        Err(ApproveError::Stale(stale)) => return Err(with_mover(hub, stale).await?.into()),
        other => other?,
    };
    Ok(Proposal::new(Arc::clone(hub), by, candidate))
}

async fn apply(hub: &Arc<Hub>, by: Actor, candidate: Candidate) -> Result<Rollout, ApplyError> {
    let saved = candidate.saved;
    let outcome = hub.transact(move |core, now| core.apply(now, by, &saved)).await;
    let record = name_mover(hub, outcome).await?;
    let wanted = record.touched.iter().map(|touched| (touched.peer, touched.generation)).collect();
    Ok(Rollout { hub: Arc::clone(hub), wanted, revision: hub.snapshot().intent().revision() })
}

/// Looks up which change moved a plan; the log is read only when one did.
async fn name_mover<T>(hub: &Arc<Hub>, outcome: Result<T, ApplyError>) -> Result<T, ApplyError> {
    match outcome {
        Err(ApplyError::Stale(stale)) => Err(with_mover(hub, stale).await?.into()),
        other => other,
    }
}

async fn with_mover(hub: &Arc<Hub>, stale: Stale) -> Result<Stale, StoreError> {
    let plan = stale.plan.clone();
    let Some(saved) = hub.look(|core, _| core.proposals().find(|saved| saved.plan == plan).cloned()).await else {
        return Ok(stale);
    };
    let mut log: Vec<Entry> = Vec::new();
    loop {
        let after = log.last().map_or(Revision::ZERO, Entry::revision);
        let page = hub.entries(after, 256).await?;
        if page.is_empty() {
            let selection = hub.look(|core, _| core.selection().clone()).await;
            return Ok(Stale { by: moved_by(&log, &saved, &selection), ..stale });
        }
        log.extend(page);
    }
}

impl fmt::Display for Proposal {
    /// The plan's text, and who has approved it; `{:#}` leaves nothing out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.plan(), f)?;
        let approved = self.approved_by();
        if approved.is_empty() {
            return Ok(());
        }
        let names = |names: &[Name], word: &str| names.iter().map(Name::as_str).collect::<Vec<_>>().join(word);
        write!(f, "\nApproved      by {}", names(&approved, ", "))?;
        match self.waiting_for() {
            [] => write!(f, "; it may be applied"),
            missing => missing.iter().try_for_each(|waiting| {
                write!(f, "; {} still waits for {}", waiting.group, names(&waiting.could, " or "))
            }),
        }
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proposal").field("id", &self.id()).field("base", &self.base()).finish_non_exhaustive()
    }
}

/// A plan that was applied: its revision is live, and peers take their maps over one by one.
#[derive(Clone)]
pub struct Rollout {
    hub: Arc<Hub>,
    revision: Revision,
    wanted: Vec<(PeerId, Generation)>,
}

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The peers whose map changed and who run the new one or a later one.
    pub applied: Vec<PeerId>,
    /// The peers whose map changed and who do not run it yet, as far as is known.
    pub waiting: Vec<PeerId>,
}

impl Progress {
    /// Whether every peer whose map changed runs it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Rollout {
    /// The revision that it made.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let snapshot = self.hub.snapshot();
        let epoch = snapshot.distribution().epoch();
        let runs = |(peer, wanted): &(PeerId, Generation)| {
            let report = snapshot.observed().last(*peer).map(|sighting| &sighting.report);
            report.is_some_and(|report| (report.epoch, report.generation) >= (epoch, *wanted))
        };
        let present = self.wanted.iter().filter(|(peer, _)| snapshot.distribution().map(*peer).is_some());
        let (applied, waiting): (Vec<_>, Vec<_>) = present.partition(|wanted| runs(wanted));
        let peers = |list: Vec<&(PeerId, Generation)>| list.into_iter().map(|(peer, _)| *peer).collect();
        Progress { applied: peers(applied), waiting: peers(waiting) }
    }

    /// Waits until every peer whose map changed runs it. A peer that is away holds it up: give it a time-out.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn settled(&self) -> Progress {
        let mut snapshots = self.hub.snapshots();
        loop {
            snapshots.borrow_and_update();
            let progress = self.progress();
            if progress.is_settled() || snapshots.changed().await.is_err() {
                return progress;
            }
        }
    }
}

impl fmt::Debug for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rollout").field("revision", &self.revision).finish_non_exhaustive()
    }
}
