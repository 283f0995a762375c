//! A few connections that read, beside the writer and never in its way.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::StoreError;
use crate::sqlite::failure::{self, Failure};
use crate::sqlite::lock::Lock;
use crate::sqlite::open;

/// Reads that run at the same time.
const READERS_MAX: usize = 4;

/// See the module.
pub(super) struct Readers {
    path: PathBuf,
    /// Whoever reads holds the lock too; nobody begins to once the writer has let go of it.
    lock: Weak<Lock>,
    idle: Mutex<Vec<Reader>>,
    free: Arc<Semaphore>,
    /// The outcome of a commit is not known: until it is, a read might tell one that changes.
    suspended: AtomicBool,
}

struct Reader {
    connection: Connection,
    _lock: Arc<Lock>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, lock: &Arc<Lock>) -> Self {
        Self {
            path,
            lock: Arc::downgrade(lock),
            idle: Mutex::default(),
            free: Arc::new(Semaphore::new(READERS_MAX)),
            suspended: AtomicBool::new(false),
        }
    }

    /// Reads with one of the connections.
    pub(super) async fn read<T, F>(self: &Arc<Self>, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure<StoreError>> + Send + 'static,
    {
        let free = Arc::clone(&self.free).acquire_owned().await;
        let Ok(permit) = free else { return Err(closed()) };
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let answer = readers.read_now(query);
            drop(permit);
            answer
        });
        match reading.await {
            Ok(answer) => answer,
            Err(error) => Err(StoreError::Unavailable(format!("the read did not end: {error}"))),
        }
    }

    pub(super) fn suspend(&self) {
        self.suspended.store(true, Ordering::SeqCst);
    }

    pub(super) fn go_on(&self) {
        self.suspended.store(false, Ordering::SeqCst);
    }

    /// Begins no more reads, and lets go of the connections.
    pub(super) fn close(&self) {
        self.free.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn read_now<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Failure<StoreError>>,
    ) -> Result<T, StoreError> {
        if self.suspended.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the database is being reopened".to_owned()));
        }
        let reader = self.take()?;
        match query(&reader.connection) {
            Ok(answer) => {
                self.put_back(reader);
                Ok(answer)
            }
            Err(Failure::Refused(refused)) => {
                self.put_back(reader);
                Err(refused)
            }
            // The connection goes with the error: the next read opens another.
            Err(Failure::Database(error)) => Err(failure::of_read(&error)),
        }
    }

    fn take(&self) -> Result<Reader, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(reader) = idle {
            return Ok(reader);
        }
        let lock = self.lock.upgrade().ok_or_else(closed)?;
        let connection = open::reader(&self.path).map_err(|error| failure::of_read(&error))?;
        Ok(Reader { connection, _lock: lock })
    }

    fn put_back(&self, reader: Reader) {
        if !self.free.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        }
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
