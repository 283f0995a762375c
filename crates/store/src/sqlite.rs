//! The SQLite engine: one file, one process, one thread that writes.
//!
//! * A lock beside the database, held for life, makes this process the only one at it.
//! * `writer` owns the only connection that writes. Control changes go first and alone; bulk
//!   writes share a transaction, each decided again directly before it is written.
//! * `readers` are a few connections beside it. They never hold it up.
//! * After any I/O error nothing more is written until the database was opened again; what a
//!   failed commit left is settled before anybody reads on.

mod admit;
mod append;
mod audit;
mod audit_events;
mod batch;
mod chains;
mod checkpoint;
mod columns;
mod control;
mod deadlines;
mod epochs;
mod facts;
mod failure;
mod handover;
mod idempotency;
mod instances;
mod job;
mod ledger;
mod load;
mod lock;
mod open;
mod pace;
mod patch;
mod positions;
mod queries;
mod queue;
mod readers;
mod reports;
mod requeue;
mod retention;
mod rows;
mod schema;
mod signs;
mod snapshot;
mod standing;
mod tally;
mod traffic;
mod transaction;
mod usage;
mod waiting;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot, watch};

use crate::error::{StoreError, WriteError};
use crate::hint::Hint;
use job::Job;
use queue::{Queue, Turned};
use readers::Readers;
use standing::Standing;

/// The database within a data folder.
const DATABASE_FILE: &str = "axme.db";

/// A store in one SQLite database. Answers [`StoreError::Fenced`] to every write before a replica
/// has joined.
pub struct SqliteStore {
    path: PathBuf,
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    standing: Arc<Standing>,
    retention: Arc<retention::Pass>,
    /// Never used: nobody else writes.
    hints: broadcast::Sender<Hint>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: watch::Receiver<()>,
}

/// How to run a store.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Bulk writes that may wait; one more is answered [`WriteError::Busy`].
    pub bulk_waiting_max: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { bulk_waiting_max: queue::BULK_WAITING_MAX }
    }
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another axme is using {path}; stop it first")]
    Locked { path: PathBuf },
    #[error(
        "{path} cannot be used: {reason}. Restore it from a backup, or start with another data folder"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "{path} has schema {found}, and this axme reads up to schema {supported}: \
         use the axme that wrote it, or a newer one"
    )]
    SchemaNewer { path: PathBuf, found: i32, supported: i32 },
    #[error("{path} cannot be opened: {reason}")]
    Io { path: PathBuf, reason: String },
}

impl OpenError {
    fn io(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Io { path: path.to_path_buf(), reason: error.to_string() }
    }
}

impl SqliteStore {
    /// Opens the database of a data folder; makes the folder (for its owner only) and the
    /// database when they are not there.
    pub fn open(folder: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|error| OpenError::io(folder, error))?;
        Self::open_file(&folder.join(DATABASE_FILE), options)
    }

    /// Opens a database at a path of its own, in a folder that is there. The lock, `NAME.lock`,
    /// is made beside it.
    pub fn open_file(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let lock = Arc::new(lock::Lock::take(path)?);
        let connection = open::first(path)?;
        let head = open::head(&connection).map_err(|error| OpenError::io(path, error))?;
        let queue = Arc::new(Queue::new(options.bulk_waiting_max));
        let readers = Arc::new(Readers::new(path.to_path_buf(), &lock));
        let standing = Arc::new(Standing::new(head));
        let parts = (Arc::clone(&queue), Arc::clone(&readers), Arc::clone(&standing));
        let writer = writer::Writer::new(path.to_path_buf(), connection, lock, parts);
        let (alive, ended) = watch::channel(());
        let thread = std::thread::Builder::new()
            .name("axme-writer".to_owned())
            .spawn(move || {
                writer.run();
                drop(alive);
            })
            .map_err(|error| OpenError::io(path, error))?;
        Ok(Self {
            path: path.to_path_buf(),
            queue,
            readers,
            standing,
            retention: Arc::default(),
            hints: broadcast::Sender::new(1),
            thread: Mutex::new(Some(thread)),
            ended,
        })
    }

    /// Takes nothing more, writes what was taken, and lets go of the database. Every call after
    /// it is answered that the store is closed.
    pub async fn shut_down(&self) {
        self.queue.close();
        let mut ended = self.ended.clone();
        // The writer never sends; that its end of the channel is dropped is the sign.
        while ended.changed().await.is_ok() {}
    }

    async fn control<T, E: From<StoreError>>(
        &self,
        (job, answer): (Box<dyn Job>, oneshot::Receiver<Result<T, E>>),
    ) -> Result<T, E> {
        self.queue.push_control(job).map_err(|turned| match turned {
            Turned::Full => {
                StoreError::Unavailable("too many control changes are waiting".to_owned())
            }
            Turned::Closed => readers::closed(),
        })?;
        answered(answer).await
    }

    async fn bulk<T>(
        &self,
        (job, answer): (Box<dyn Job>, oneshot::Receiver<Result<T, WriteError>>),
    ) -> Result<T, WriteError> {
        self.queue.push_bulk(job).map_err(|turned| match turned {
            Turned::Full => WriteError::Busy,
            Turned::Closed => WriteError::Store(readers::closed()),
        })?;
        answered(answer).await
    }

    async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, failure::Failure<StoreError>> + Send + 'static,
    {
        self.readers.read(query).await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for SqliteStore {
    /// Waits for the writer, so that the database can be opened again at once.
    fn drop(&mut self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A gate that holds the last handle would have the writer wait for itself.
        let other = thread.filter(|thread| thread.thread().id() != std::thread::current().id());
        if other.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the store ended in a panic");
        }
    }
}

async fn answered<T, E: From<StoreError>>(answer: oneshot::Receiver<Result<T, E>>) -> Result<T, E> {
    let lost = |_| E::from(StoreError::OutcomeUnknown("the writer ended".to_owned()));
    answer.await.map_err(lost)?
}
