//! Where control keeps what must survive it: one append-only log per workspace, and a few named blobs beside it.
//!
//! **Invariant: what `append` or `save` acknowledged is still there after a power cut, and a log has exactly one entry per
//! revision, from 1 on without a gap.** Compare-and-append at a revision is the only lock there is: two control
//! instances on one store can race, one of them reads on and decides again.
//!
//! A store of your own implements [`Store`] with plain `async fn`s and passes
//! `contract::check` (feature `contract`).

#[cfg(feature = "contract")]
pub mod contract;
#[cfg(feature = "server")]
mod erased;

#[cfg(feature = "sqlite")]
mod sqlite;

use std::{error::Error, fmt, future::Future};

use nanami_model::{PeerId, Revision, WorkspaceId};

#[cfg(feature = "server")]
pub(crate) use self::erased::ErasedStore;
#[cfg(feature = "sqlite")]
pub use self::sqlite::Sqlite;

/// A cause from the engine below a store.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// An append-only log and a set of slots per workspace.
///
/// ```
/// use nanami_control::store::{AppendError, Entry, Slot, Store, StoreError};
/// use nanami_model::{Revision, WorkspaceId};
/// use std::{collections::BTreeMap, sync::Mutex};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<(BTreeMap<WorkspaceId, Vec<Entry>>, BTreeMap<(WorkspaceId, Slot), Vec<u8>>)>);
///
/// impl Store for InMemory {
///     async fn append(&self, to: WorkspaceId, entry: Entry) -> Result<(), AppendError> {
///         let mut all = self.0.lock().expect("no holder panics");
///         let log = all.0.entry(to).or_default();
///         let head = log.last().map_or(Revision::ZERO, Entry::revision);
///         if entry.revision() != head.next() {
///             return Err(AppendError::Conflict { head });
///         }
///         log.push(entry);
///         Ok(())
///     }
///     async fn read(&self, of: WorkspaceId, after: Revision, limit: usize) -> Result<Vec<Entry>, StoreError> {
///         let log = self.0.lock().expect("no holder panics").0.get(&of).cloned().unwrap_or_default();
///         Ok(log.into_iter().filter(|entry| entry.revision() > after).take(limit).collect())
///     }
///     async fn save(&self, of: WorkspaceId, slot: Slot, bytes: Vec<u8>) -> Result<(), StoreError> {
///         self.0.lock().expect("no holder panics").1.insert((of, slot), bytes);
///         Ok(())
///     }
///     async fn fetch(&self, of: WorkspaceId, slot: Slot) -> Result<Option<Vec<u8>>, StoreError> {
///         Ok(self.0.lock().expect("no holder panics").1.get(&(of, slot)).cloned())
///     }
///     async fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
///         Ok(self.0.lock().expect("no holder panics").0.keys().copied().collect())
///     }
/// }
/// ```
pub trait Store: Send + Sync + 'static {
    /// Appends `entry` when its revision is the one after the log's last, durably before it returns.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when it is not: somebody was faster, or the caller is behind. [`AppendError::Store`] when
    /// the outcome is not known; the caller reads before it appends again.
    fn append(&self, to: WorkspaceId, entry: Entry) -> impl Future<Output = Result<(), AppendError>> + Send;

    /// The entries with a revision above `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// A [`StoreError`]; an unknown workspace is an empty log.
    fn read(
        &self,
        of: WorkspaceId,
        after: Revision,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// Replaces what is in a slot, durably before it returns.
    ///
    /// # Errors
    /// A [`StoreError`]; the slot holds the old or the new bytes then, never a mixture.
    fn save(&self, of: WorkspaceId, slot: Slot, bytes: Vec<u8>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What is in a slot; `None` when nothing was saved.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn fetch(&self, of: WorkspaceId, slot: Slot) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// The workspaces that have a log, each once.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn workspaces(&self) -> impl Future<Output = Result<Vec<WorkspaceId>, StoreError>> + Send;
}

/// One record of a log, opaque to the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    revision: Revision,
    bytes: Vec<u8>,
}

impl Entry {
    /// An entry for `revision`, which counts from 1.
    #[must_use]
    pub fn new(revision: Revision, bytes: Vec<u8>) -> Entry {
        Entry { revision, bytes }
    }

    /// The place of this entry in its log.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What the entry says.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {} bytes)", self.revision, self.bytes.len())
    }
}

/// The name of a blob beside the log. Its text form is a stable key for stores that need one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// The state that the log leads to, so that a start need not read it all.
    Snapshot,
    /// The last report of a peer.
    Report(PeerId),
    /// Plans that were proposed and neither applied nor dropped, with their approvals.
    Proposals,
    /// Which gateways serve whom, as it was last chosen.
    Selection,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::Snapshot => f.write_str("snapshot"),
            Slot::Report(peer) => write!(f, "report/{peer}"),
            Slot::Proposals => f.write_str("proposals"),
            Slot::Selection => f.write_str("selection"),
        }
    }
}

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine is not there or refused; the same call may succeed later.
    #[error("store is unavailable")]
    Unavailable(#[source] BoxError),
    /// The stored bytes are not what was written.
    #[error("store is corrupt")]
    Corrupt(#[source] BoxError),
    /// There is no room left.
    #[error("store is full")]
    Full,
    /// A later version of Nanami wrote this store.
    #[error("store has schema {found}, this version knows up to {known}")]
    NewerSchema {
        /// The schema in the store.
        found: i64,
        /// The latest schema that this version knows.
        known: i64,
    },
}

impl StoreError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Unavailable(_) => "store.unavailable",
            StoreError::Corrupt(_) => "store.corrupt",
            StoreError::Full => "store.full",
            StoreError::NewerSchema { .. } => "store.newer_schema",
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            StoreError::Unavailable(_) => "check that the store can be reached and written, then try again",
            StoreError::Corrupt(_) => "restore the store from a backup and start with a raised epoch",
            StoreError::Full => "make room where the store lies",
            StoreError::NewerSchema { .. } => "use the version of Nanami that wrote this store, or a later one",
        }
    }
}

/// Why an entry was not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The log is elsewhere: its last revision is `head`.
    #[error("log is at revision {head}")]
    Conflict {
        /// The last revision of the log.
        head: Revision,
    },
    /// The store failed; whether the entry is in the log is not known.
    #[error("could not append to the log")]
    Store(#[from] StoreError),
}

impl AppendError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            AppendError::Conflict { .. } => "store.conflict",
            AppendError::Store(error) => error.code(),
        }
    }
}
