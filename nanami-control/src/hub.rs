//! One live workspace: the service core, its store and its clock. The shell around `service` that makes decisions durable.
//!
//! **Invariant: a decision is committed, answered and distributed only after the store has it.** Decisions are made one
//! at a time. When another control instance was faster, its entries are folded in and the decision is made again.
//! A transaction that began ends, whether or not its caller still waits.

use std::{
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use nanami_model::{JoinSecret, Name, PeerId, PublicKey, Report, Timestamp, WorkspaceId};
use tokio::sync::{Mutex, MutexGuard, Notify, broadcast, watch};
use tracing::{debug, info, warn};

use crate::{
    clock::Clock,
    events::ControlEvent,
    service::{
        Step, Workspace,
        distribute::Distribution,
        join::{NotJoined, Welcomed},
    },
    snapshot::Snapshot,
    store::{AppendError, BoxError, Entry, ErasedStore, Slot, StoreError},
};

/// A workspace that is served.
pub(crate) struct Hub {
    name: Name,
    id: WorkspaceId,
    store: Arc<dyn ErasedStore>,
    clock: Arc<dyn Clock>,
    core: Mutex<Workspace>,
    distribution: watch::Sender<Arc<Distribution>>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<ControlEvent>,
    /// Told when gateways may have to be chosen anew.
    chooser: Arc<Notify>,
}

impl Hub {
    /// Reads a workspace from the store; `found` names and founds one that the store does not have.
    pub(crate) async fn open(
        id: WorkspaceId,
        found: Option<Workspace>,
        store: Arc<dyn ErasedStore>,
        clock: Arc<dyn Clock>,
        after_restore: bool,
    ) -> Result<Option<Arc<Hub>>, StoreError> {
        let first = store.read(id, nanami_model::Revision::ZERO, 1).await?;
        let core = match (first.first(), found) {
            (Some(first), _) => {
                let founded = Workspace::founding(first).map_err(corrupt)?;
                Workspace::found(founded.workspace, founded.owner)
            }
            (None, Some(found)) => found,
            (None, None) => return Ok(None),
        };
        let hub = Arc::new(Hub {
            name: core.intent().name().clone(),
            id,
            store,
            distribution: watch::Sender::new(Arc::clone(core.distribution())),
            snapshot: watch::Sender::new(Arc::new(Snapshot::of(&core, clock.now()))),
            events: broadcast::Sender::new(EVENTS_KEPT),
            chooser: Arc::default(),
            clock,
            core: Mutex::new(core),
        });
        hub.load(after_restore).await?;
        tokio::spawn(keep_choosing(Arc::downgrade(&hub), Arc::clone(&hub.chooser)));
        Ok(Some(hub))
    }

    async fn load(self: &Arc<Hub>, after_restore: bool) -> Result<(), StoreError> {
        let mut core = self.core.lock().await;
        if let Some(bytes) = self.store.fetch(self.id, Slot::Proposals).await? {
            core.restore_proposals(&bytes).map_err(corrupt)?;
        }
        self.catch_up(&mut core).await?;
        for violation in core.intent().violations() {
            // An older release let it pass. It works as it did; `Intent::violations` has the list.
            let (code, remedy) = (violation.code(), violation.remedy());
            warn!(target: "nanami::reconcile", workspace = %self.name, %violation, code, %remedy, "a newer rule finds");
        }
        let peers = core.intent().peers().map(|(peer, _)| peer).collect::<Vec<_>>();
        for peer in peers {
            let Some(bytes) = self.store.fetch(self.id, Slot::Report(peer)).await? else { continue };
            if core.restore_report(peer, &bytes).is_err() {
                // Observation is only ever a belief: the peer reports again.
                warn!(target: "nanami::distribute", %peer, "saved report is damaged");
            }
        }
        drop(core);
        let append = |error: AppendError| match error {
            AppendError::Store(error) => error,
            conflict => StoreError::Unavailable(conflict.into()),
        };
        if after_restore {
            let raised = self.transact(|core, now| core.restored(now).map_err(|refused| NoStep(refused.into()))).await;
            raised.map_err(|NoStep(error)| StoreError::Unavailable(error))?;
        }
        let mut core = self.core.lock().await;
        if let Some(step) = core.recompile(self.clock.now()) {
            self.write(Writes::of(&step)).await.map_err(append)?;
            core.commit(step);
        }
        if core.intent().revision() > nanami_model::Revision::ZERO {
            core.begins(self.clock.now());
        }
        self.publish(&core);
        info!(target: "nanami::distribute", workspace = %self.name, revision = %core.intent().revision(), "opened");
        Ok(())
    }

    /// Decides, makes durable, commits, publishes. `decide` may run more than once.
    ///
    /// # Cancel safety
    /// Once polled it completes by itself.
    pub(crate) async fn transact<T, E, D>(self: &Arc<Hub>, decide: D) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        D: Fn(&Workspace, Timestamp) -> Result<Step<T>, E> + Send + 'static,
    {
        let hub = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut core = hub.core.lock().await;
            for _ in 0..MAX_CONFLICTS {
                let step = decide(&core, hub.clock.now())?;
                match hub.write(Writes::of(&step)).await {
                    Ok(()) => {
                        let quiet = step.is_quiet();
                        let reply = core.commit(step);
                        if !quiet {
                            hub.publish(&core);
                            hub.chooser.notify_one();
                        }
                        return Ok(reply);
                    }
                    Err(AppendError::Conflict { head }) => {
                        debug!(target: "nanami::reconcile", %head, "another instance was faster");
                        hub.catch_up(&mut core).await?;
                    }
                    Err(AppendError::Store(error)) => {
                        // Whether the entry is in the log is not known: what the log says counts, before the next decision.
                        let _still_unknown = hub.catch_up(&mut core).await;
                        return Err(error.into());
                    }
                }
            }
            Err(StoreError::Unavailable("other instances were faster every time".into()).into())
        });
        task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    /// Looks at the state without changing it.
    pub(crate) async fn look<T>(&self, at: impl FnOnce(&Workspace, Timestamp) -> T) -> T {
        at(&*self.core.lock().await, self.clock.now())
    }

    /// Decides on a hello from this source.
    pub(crate) async fn hello(
        self: &Arc<Hub>,
        source: IpAddr,
        key: PublicKey,
        secret: Option<JoinSecret>,
    ) -> Result<Welcomed, Refusal> {
        let decide =
            move |core: &Workspace, now| core.hello(now, source, key, secret.as_ref()).map_err(Refusal::NotJoined);
        let outcome = self.transact(decide).await;
        match &outcome {
            Ok(welcomed) if welcomed.joined => {
                info!(target: "nanami::join", workspace = %self.name, peer = %welcomed.peer, "joined");
                self.tell(ControlEvent::Joined { peer: welcomed.peer });
            }
            Ok(_) => {}
            Err(Refusal::NotJoined(reason)) => {
                // The one place where the reason is said.
                info!(target: "nanami::join", workspace = %self.name, %source, reason = %chain(reason), "refused");
                self.core.lock().await.note_failure(source, self.clock.now());
            }
            Err(Refusal::Store(error)) => warn!(target: "nanami::join", %error, "store failed"),
        }
        outcome
    }

    /// Takes a report in.
    pub(crate) async fn report(&self, key: PublicKey, peer: PeerId, source: IpAddr, report: Report) {
        let mut core = self.core.lock().await;
        match core.report(self.clock.now(), key, source, report) {
            Ok(brought) => {
                self.publish_observed(&core, brought.moved);
                let due = core.chooses_at() <= self.clock.now();
                drop(core);
                if due {
                    self.chooser.notify_one();
                }
                if let Some(generation) = brought.applied {
                    self.tell(ControlEvent::Applied { peer, generation });
                }
                if brought.drifted {
                    self.tell(ControlEvent::Drifted { peer });
                }
                if let Some((slot, bytes)) = brought.save
                    && let Err(error) = self.store.save(self.id, slot, bytes).await
                {
                    warn!(target: "nanami::distribute", %peer, %error, "report not saved");
                }
            }
            Err(stale) => warn!(target: "nanami::distribute", %peer, %stale, "report refused"),
        }
    }

    /// Chooses gateways anew, if that is due.
    async fn choose(self: &Arc<Hub>) {
        let chosen = self.transact::<_, StoreError, _>(|core, now| Ok(core.choose_gateways(now))).await;
        match chosen {
            Ok(0) => {}
            Ok(maps) => {
                info!(target: "nanami::reconcile", workspace = %self.name, maps, "clients go by other gateways");
            }
            Err(error) => {
                warn!(target: "nanami::reconcile", workspace = %self.name, %error, "gateways not chosen");
                self.core.lock().await.choice_failed(self.clock.now());
            }
        }
    }

    /// What each peer should run, now and whenever it changes.
    pub(crate) fn distribution(&self) -> watch::Receiver<Arc<Distribution>> {
        self.distribution.subscribe()
    }

    /// The last published state.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// The published state, now and whenever it changes.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<ControlEvent> {
        self.events.subscribe()
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// Entries of the log, oldest first.
    pub(crate) async fn entries(&self, after: nanami_model::Revision, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.read(self.id, after, limit).await
    }

    async fn write(&self, writes: Writes) -> Result<(), AppendError> {
        if let Some((slot, bytes)) = writes.ahead {
            self.store.save(self.id, slot, bytes).await?;
        }
        if let Some(entry) = writes.entry {
            self.store.append(self.id, entry).await?;
        }
        if let Some((slot, bytes)) = writes.slot {
            self.store.save(self.id, slot, bytes).await?;
        }
        Ok(())
    }

    async fn catch_up(&self, core: &mut MutexGuard<'_, Workspace>) -> Result<(), StoreError> {
        if let Some(bytes) = self.store.fetch(self.id, Slot::Selection).await?
            && let Err(damaged) = core.restore_selection(&bytes)
        {
            // The documents' order serves until gateways are chosen anew.
            warn!(target: "nanami::reconcile", workspace = %self.name, %damaged, "choice of gateways lost");
        }
        loop {
            let page = self.store.read(self.id, core.intent().revision(), PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            core.replay(&page).map_err(corrupt)?;
        }
    }

    fn publish(&self, core: &Workspace) {
        self.publish_observed(core, true);
    }

    fn publish_observed(&self, core: &Workspace, distribute: bool) {
        if distribute {
            self.distribution.send_replace(Arc::clone(core.distribution()));
        }
        self.snapshot.send_replace(Arc::new(Snapshot::of(core, self.clock.now())));
    }

    fn tell(&self, event: ControlEvent) {
        let _nobody_listens = self.events.send(event);
    }
}

/// Chooses gateways while nobody reports: holds end, and leases. Ends with the hub.
async fn keep_choosing(hub: Weak<Hub>, told: Arc<Notify>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = told.notified() => {}
        }
        let Some(hub) = hub.upgrade() else { return };
        if hub.look(|core, now| core.chooses_at() <= now).await {
            hub.choose().await;
        }
    }
}

/// What a step puts into the store, in this order.
struct Writes {
    ahead: Option<(Slot, Vec<u8>)>,
    entry: Option<Entry>,
    slot: Option<(Slot, Vec<u8>)>,
}

impl Writes {
    fn of<T>(step: &Step<T>) -> Writes {
        Writes { ahead: step.ahead(), entry: step.entry(), slot: step.slot() }
    }
}

/// Why a hello was refused; outside only that it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("not let in")]
    NotJoined(#[source] NotJoined),
    #[error("store failed")]
    Store(#[from] StoreError),
}

/// A start-up step that could not be decided.
struct NoStep(BoxError);

impl From<StoreError> for NoStep {
    fn from(error: StoreError) -> NoStep {
        NoStep(error.into())
    }
}

fn corrupt(error: impl Into<BoxError>) -> StoreError {
    StoreError::Corrupt(error.into())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// How often it is looked whether gateways are to be chosen (chosen: the rhythm of a choice that nobody asks for).
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Entries per read at a start.
const PAGE: usize = 256;
/// Chosen: who loses sixteen times in a row tells the caller to come again.
const MAX_CONFLICTS: usize = 16;
/// Chosen: a burst of a thousand reports; who is slower hears how many were missed.
const EVENTS_KEPT: usize = 1024;

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;
