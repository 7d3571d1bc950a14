//! A workspace in a control plane, acting as somebody.

use std::{fmt, sync::Arc};

use nanami_model::{Actor, ChangeSet, Intent, JoinKey, JoinKeyId, JoinString, Refused, Revision};

use crate::{
    control_plane::Shared,
    events::EventStream,
    hub::Hub,
    proposal::{self, Proposal},
    service::{
        audit::Record,
        reconcile::{ApplyError, ApproveError, ProposeError},
    },
    snapshot::Snapshot,
    store::{BoxError, StoreError},
};

/// A workspace, acting as one user: every call has that user's rights. Clones share it.
#[derive(Clone)]
pub struct LiveWorkspace {
    pub(crate) hub: Arc<Hub>,
    pub(crate) by: Actor,
    shared: Arc<Shared>,
}

impl LiveWorkspace {
    pub(crate) fn new(hub: Arc<Hub>, by: Actor, shared: Arc<Shared>) -> LiveWorkspace {
        LiveWorkspace { hub, by, shared }
    }

    /// The current revision.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.hub.snapshot().intent().clone()
    }

    /// Intent, desired and observed of one instant.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::clone(&self.hub.snapshot())
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> EventStream {
        EventStream(self.hub.events())
    }

    /// Looks at changes: permissions and rules, every reason at once. A broken assertion is shown; `apply` refuses it.
    ///
    /// # Errors
    /// [`ProposeError`].
    ///
    /// # Cancel safety
    /// May be dropped; nothing has happened.
    pub async fn propose(&self, changes: ChangeSet) -> Result<Proposal, ProposeError> {
        proposal::propose(&self.hub, self.by, changes).await
    }

    /// A proposal that was submitted, beside the current revision.
    ///
    /// # Errors
    /// [`ApplyError::Unknown`], [`ApplyError::Stale`] with the change that moved it.
    pub async fn proposal(&self, plan: &str) -> Result<Proposal, ApplyError> {
        proposal::find(&self.hub, self.by, plan).await
    }

    /// Approves a proposal that was submitted.
    ///
    /// # Errors
    /// [`ApproveError::Forbidden`] when the plan does not need this user's consent.
    ///
    /// # Cancel safety
    /// Once polled it completes by itself; again is harmless.
    pub async fn approve(&self, plan: &str) -> Result<Proposal, ApproveError> {
        proposal::approve(&self.hub, self.by, plan).await
    }

    /// Makes a join key, and the join string that holds its secret: it is shown this once.
    ///
    /// # Errors
    /// [`JoinKeyError`]; [`JoinKeyError::NoAddress`] before the first `serve` when no public address was set.
    ///
    /// # Cancel safety
    /// Once polled the key is made; the string is lost when nobody waits.
    pub async fn create_join_key(&self, key: JoinKey) -> Result<JoinString, JoinKeyError> {
        let authority = self.shared.authority().ok_or(JoinKeyError::NoAddress)?.to_owned();
        let mut secret = zeroize::Zeroizing::new([0; 20]);
        getrandom::fill(&mut *secret).map_err(|error| StoreError::Unavailable(error.into()))?;
        let by = self.by;
        let step =
            move |core: &crate::service::Workspace, now| Ok(core.create_join_key(now, by, key.clone(), *secret)?);
        let secret = self.hub.transact::<_, JoinKeyError, _>(step).await?;
        let control = self.shared.key.public();
        JoinString::new(&authority, self.hub.name().clone(), control, secret).map_err(|_| JoinKeyError::NoAddress)
    }

    /// Takes a join key back; the peer that it let in stays.
    ///
    /// # Errors
    /// [`JoinKeyError::Refused`] when the actor may not.
    ///
    /// # Cancel safety
    /// Once polled it completes by itself.
    pub async fn revoke_join_key(&self, id: JoinKeyId) -> Result<(), JoinKeyError> {
        let by = self.by;
        self.hub.transact(move |core, now| Ok(core.revoke_join_key(now, by, id)?)).await
    }

    /// The records of the log after a revision, oldest first, `limit` at most: who did what, when.
    ///
    /// # Errors
    /// A [`StoreError`].
    pub async fn history(&self, after: Revision, limit: usize) -> Result<Vec<(Revision, Record)>, StoreError> {
        let entries = self.hub.entries(after, limit).await?;
        let record = |entry: &crate::store::Entry| {
            let record = Record::from_entry(entry).map_err(|error| StoreError::Corrupt(BoxError::from(error)))?;
            Ok((entry.revision(), record))
        };
        entries.iter().map(record).collect()
    }
}

impl LiveWorkspace {
    /// The workspace as it was at a revision. To go back to it, propose `changes_to` it.
    ///
    /// # Errors
    /// A [`StoreError`]; a revision that has not been is the current one.
    pub async fn intent_at(&self, revision: Revision) -> Result<Intent, StoreError> {
        let corrupt = |error| StoreError::Corrupt(BoxError::from(error));
        let mut past = self.hub.look(|core, _| core.beginning()).await;
        loop {
            let mut page = self.hub.entries(past.intent().revision(), PAGE).await?;
            page.retain(|entry| entry.revision() <= revision);
            if page.is_empty() {
                return Ok(past.intent().clone());
            }
            past.replay(&page).map_err(corrupt)?;
        }
    }
}

/// Entries per read.
const PAGE: usize = 256;

impl fmt::Debug for LiveWorkspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveWorkspace").field("name", self.hub.name()).field("by", &self.by).finish_non_exhaustive()
    }
}

/// Why a join key was not made or taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinKeyError {
    /// The actor may not, or the rules are against it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Control does not know its own address.
    #[error("control does not know the address that peers reach it at")]
    NoAddress,
    /// The store failed.
    #[error("could not keep the join key")]
    Store(#[from] StoreError),
}

impl JoinKeyError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            JoinKeyError::Refused(refused) => refused.code(),
            JoinKeyError::NoAddress => "join_key.no_address",
            JoinKeyError::Store(error) => error.code(),
        }
    }
}
