//! The embedded store and an in-memory one keep the contract; files are private; newer schemas are refused.
#![expect(clippy::unwrap_used, reason = "tests panic")]

use std::{
    collections::BTreeMap,
    os::unix::fs::PermissionsExt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use nanami_control::store::{AppendError, Entry, Slot, Sqlite, Store, StoreError, contract};
use nanami_model::{Revision, WorkspaceId};

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let fresh = async || Sqlite::at(directory.path().join(format!("{}.db", made.fetch_add(1, Ordering::Relaxed))));
    contract::check(fresh).await.unwrap();
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract::check(async || InMemory::default()).await.unwrap();
}

#[tokio::test]
async fn the_suite_finds_a_store_that_forgets_to_compare() {
    let broken = contract::check(async || InMemory { careless: true, ..InMemory::default() }).await;
    assert!(broken.unwrap_err().to_string().contains("wanted Conflict"));
}

#[tokio::test]
async fn what_was_appended_is_there_for_the_next_opener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nanami.db");
    let workspace = WorkspaceId::from_bytes([7; 10]);
    // The first store is neither closed nor dropped in order when the second opens the file.
    let first = Sqlite::at(&path);
    first.append(workspace, Entry::new(Revision::new(1), b"one".to_vec())).await.unwrap();
    let second = Sqlite::at(&path);
    assert_eq!(second.read(workspace, Revision::ZERO, 9).await.unwrap()[0].bytes(), b"one");
    second.append(workspace, Entry::new(Revision::new(2), b"two".to_vec())).await.unwrap();
    let refused = first.append(workspace, Entry::new(Revision::new(2), b"too late".to_vec())).await;
    assert!(matches!(refused, Err(AppendError::Conflict { head }) if head == Revision::new(2)), "{refused:?}");
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made").join("nanami.db");
    let store = Sqlite::at(&path);
    store.append(WorkspaceId::from_bytes([7; 10]), Entry::new(Revision::new(1), vec![1])).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        let file = path.with_file_name(format!("nanami.db{suffix}"));
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await;

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let again = Sqlite::at(&path);
    assert_eq!(again.workspaces().await.unwrap().len(), 1);
    assert_eq!(mode(&path), 0o600, "a mode that was too wide is narrowed");
}

#[tokio::test]
async fn a_newer_schema_and_a_foreign_file_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nanami.db");
    // Bytes 60..64 of the header are `user_version` (sqlite.org/fileformat.html); a checkpointed file holds it there.
    let store = Sqlite::at(&path);
    store.workspaces().await.unwrap();
    store.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes[60..64], [0, 0, 0, 1]);
    bytes[63] = 9;
    std::fs::write(&path, bytes).unwrap();
    let refused = Sqlite::at(&path).workspaces().await.unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 9, known: 1 }), "{refused:?}");

    std::fs::write(&path, vec![0x5a; 8192]).unwrap();
    let _stale_log = std::fs::remove_file(path.with_file_name("nanami.db-wal"));
    let refused = Sqlite::at(&path).workspaces().await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
}

/// The store of the trait's docs; `careless` leaves out the comparison.
#[derive(Default)]
struct InMemory {
    careless: bool,
    logs: Mutex<BTreeMap<WorkspaceId, Vec<Entry>>>,
    slots: Mutex<BTreeMap<(WorkspaceId, Slot), Vec<u8>>>,
}

impl Store for InMemory {
    async fn append(&self, to: WorkspaceId, entry: Entry) -> Result<(), AppendError> {
        let mut logs = self.logs.lock().unwrap();
        let log = logs.entry(to).or_default();
        let head = log.last().map_or(Revision::ZERO, Entry::revision);
        if entry.revision() != head.next() && !self.careless {
            return Err(AppendError::Conflict { head });
        }
        log.push(entry);
        Ok(())
    }

    async fn read(&self, of: WorkspaceId, after: Revision, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let log = self.logs.lock().unwrap().get(&of).cloned().unwrap_or_default();
        Ok(log.into_iter().filter(|entry| entry.revision() > after).take(limit).collect())
    }

    async fn save(&self, of: WorkspaceId, slot: Slot, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.slots.lock().unwrap().insert((of, slot), bytes);
        Ok(())
    }

    async fn fetch(&self, of: WorkspaceId, slot: Slot) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.slots.lock().unwrap().get(&(of, slot)).cloned())
    }

    async fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        Ok(self.logs.lock().unwrap().iter().filter(|(_, log)| !log.is_empty()).map(|(id, _)| *id).collect())
    }
}
