//! The embedded store: one SQLite file.
//!
//! **Invariant: what was acknowledged is on the disk.** Write-ahead log with `synchronous = FULL`: every commit syncs, so
//! neither a killed process nor a power cut takes it back. An append is one statement, checked and written at once.
//! The file is made with mode 0600 before SQLite opens it (its `-wal` and `-shm` files take the same mode), a directory
//! that is missing with 0700.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use nanami_model::{Revision, WorkspaceId};
use sqlx::{
    Row,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::OnceCell;

use super::{AppendError, BoxError, Entry, Slot, Store, StoreError};

/// A store in one file, opened at its first use.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    pool: OnceCell<SqlitePool>,
}

impl Sqlite {
    /// The store in the file at `path`, which is made when it is not there.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Sqlite {
        Sqlite { path: path.into(), pool: OnceCell::new() }
    }

    /// Where the store lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file in order; whatever was acknowledged is safe without it.
    pub async fn close(&self) {
        if let Some(pool) = self.pool.get() {
            pool.close().await;
        }
    }

    async fn pool(&self) -> Result<&SqlitePool, StoreError> {
        self.pool.get_or_try_init(|| open(&self.path)).await
    }
}

impl Store for Sqlite {
    async fn append(&self, to: WorkspaceId, entry: Entry) -> Result<(), AppendError> {
        let pool = self.pool().await?;
        let written = sqlx::query(APPEND)
            .bind(to.to_bytes().to_vec())
            .bind(column(entry.revision)?)
            .bind(entry.bytes)
            .execute(pool)
            .await
            .map_err(cause)?;
        if written.rows_affected() == 1 {
            return Ok(());
        }
        let head = sqlx::query(HEAD).bind(to.to_bytes().to_vec()).fetch_one(pool).await.map_err(cause)?;
        Err(AppendError::Conflict { head: revision(head.try_get(0).map_err(cause)?)? })
    }

    async fn read(&self, of: WorkspaceId, after: Revision, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let Ok(after) = column(after) else { return Ok(Vec::new()) };
        let rows = sqlx::query(READ)
            .bind(of.to_bytes().to_vec())
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.pool().await?)
            .await
            .map_err(cause)?;
        rows.iter()
            .map(|row| {
                let at = revision(row.try_get(0).map_err(cause)?)?;
                Ok(Entry::new(at, row.try_get(1).map_err(cause)?))
            })
            .collect()
    }

    async fn save(&self, of: WorkspaceId, slot: Slot, bytes: Vec<u8>) -> Result<(), StoreError> {
        let pool = self.pool().await?;
        let query = sqlx::query(SAVE).bind(of.to_bytes().to_vec()).bind(slot.to_string()).bind(bytes);
        query.execute(pool).await.map_err(cause)?;
        Ok(())
    }

    async fn fetch(&self, of: WorkspaceId, slot: Slot) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query(FETCH).bind(of.to_bytes().to_vec()).bind(slot.to_string());
        let row = query.fetch_optional(self.pool().await?).await.map_err(cause)?;
        row.map(|row| row.try_get(0).map_err(cause)).transpose()
    }

    async fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        let rows = sqlx::query(WORKSPACES).fetch_all(self.pool().await?).await.map_err(cause)?;
        rows.iter()
            .map(|row| {
                let bytes: Vec<u8> = row.try_get(0).map_err(cause)?;
                let bytes = <[u8; 10]>::try_from(bytes).map_err(|_| corrupt("a workspace id has 10 bytes"))?;
                Ok(WorkspaceId::from_bytes(bytes))
            })
            .collect()
    }
}

async fn open(path: &Path) -> Result<SqlitePool, StoreError> {
    prepare(path).map_err(|error| StoreError::Unavailable(error.into()))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT);
    // One connection: SQLite has one writer anyway, and what was appended is read in the order that it was written.
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(cause)?;
    let found: i64 =
        sqlx::query("PRAGMA user_version").fetch_one(&pool).await.and_then(|row| row.try_get(0)).map_err(cause)?;
    match found {
        SCHEMA => {}
        0 => {
            for statement in CREATE {
                sqlx::query(statement).execute(&pool).await.map_err(cause)?;
            }
        }
        found => {
            // Nothing of ours stays open on a file that is another version's.
            pool.close().await;
            return Err(StoreError::NewerSchema { found, known: SCHEMA });
        }
    }
    Ok(pool)
}

/// Makes file and directory with the modes of the module docs, and narrows the mode of a file that is there.
fn prepare(path: &Path) -> io::Result<()> {
    let mut directories = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directories.mode(0o700);
        file.mode(0o600);
    }
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        directories.recursive(true).create(directory)?;
    }
    let file = file.create(true).append(true).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    drop(file);
    Ok(())
}

/// SQLite's integers are signed; a revision beyond them never existed.
fn column(revision: Revision) -> Result<i64, StoreError> {
    i64::try_from(revision.value()).map_err(|_| StoreError::Full)
}

fn revision(column: i64) -> Result<Revision, StoreError> {
    u64::try_from(column).map(Revision::new).map_err(|_| corrupt("a revision is not negative"))
}

fn corrupt(what: &'static str) -> StoreError {
    StoreError::Corrupt(what.into())
}

/// Sorts SQLite's primary result codes (<https://sqlite.org/rescode.html>) by what can be done.
fn cause(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    match (code.map(|code| code & 0xff), &error) {
        (Some(SQLITE_FULL), _) => StoreError::Full,
        (Some(SQLITE_CORRUPT | SQLITE_NOTADB), _) => StoreError::Corrupt(BoxError::from(error)),
        (_, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => StoreError::Corrupt(BoxError::from(error)),
        _ => StoreError::Unavailable(BoxError::from(error)),
    }
}

const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_NOTADB: u32 = 26;

/// Chosen: another process writes for milliseconds; five seconds mean that it hangs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What `PRAGMA user_version` holds; raised with every change of the tables.
const SCHEMA: i64 = 1;

/// The version comes last: a crash in between leaves a file that the next start completes.
const CREATE: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS log (workspace BLOB NOT NULL, revision INTEGER NOT NULL, bytes BLOB NOT NULL,
     PRIMARY KEY (workspace, revision)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS slots (workspace BLOB NOT NULL, slot TEXT NOT NULL, bytes BLOB NOT NULL,
     PRIMARY KEY (workspace, slot)) WITHOUT ROWID",
    "PRAGMA user_version = 1",
];
const APPEND: &str = "INSERT INTO log (workspace, revision, bytes) SELECT ?1, ?2, ?3
     WHERE ?2 = 1 + COALESCE((SELECT MAX(revision) FROM log WHERE workspace = ?1), 0)";
const HEAD: &str = "SELECT COALESCE(MAX(revision), 0) FROM log WHERE workspace = ?1";
const READ: &str = "SELECT revision, bytes FROM log WHERE workspace = ?1 AND revision > ?2 ORDER BY revision LIMIT ?3";
const SAVE: &str = "INSERT INTO slots (workspace, slot, bytes) VALUES (?1, ?2, ?3)
     ON CONFLICT (workspace, slot) DO UPDATE SET bytes = excluded.bytes";
const FETCH: &str = "SELECT bytes FROM slots WHERE workspace = ?1 AND slot = ?2";
const WORKSPACES: &str = "SELECT DISTINCT workspace FROM log ORDER BY workspace";
