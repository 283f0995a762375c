//! The PostgreSQL engine: one database, many replicas.
//!
//! * Every step is one statement in one network write, committed by itself. No transaction that
//!   touches the head of the control log or an epoch spans a round trip.
//! * Every write carries its writer's epoch and locks that epoch's row for sharing in the same
//!   statement, so that closing an epoch waits for what is under way and refuses what comes later.
//! * `lane`s gather bulk writes into batches, each item decided again directly before its batch is
//!   sent, one batch at a time. A batch without a known outcome ends the epoch: `standing`.
//! * Control, renewals, closing, each lane, readers and hints have sessions of their own, opened
//!   when they are needed. Nothing is asked while nothing happens.

mod admit;
mod advance;
mod append;
mod audit;
mod audit_events;
mod chains;
mod columns;
mod connect;
mod control;
mod deadlines;
mod epochs;
mod failure;
mod hints;
mod idempotency;
mod inspect;
mod instances;
mod kills;
mod lane;
mod ledger;
mod load;
mod migrate;
mod moves;
mod options;
mod pooler;
mod positions;
mod proving;
mod queries;
mod readers;
mod renew;
mod reports;
mod requeue;
mod retention;
mod rows;
mod schema;
mod session;
mod settled;
mod signs;
mod slot;
mod snapshot;
mod standing;
mod tally;
mod tls;
mod traffic;
mod trouble;
mod usage;
mod waiting;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The statement that admits a batch, for the bench that compares the store with it.
#[doc(hidden)]
pub use admit::ADMIT;
pub use options::{BadUrl, PgOptions};
pub use proving::ProvingGround;

use crate::control::Trouble;
use crate::error::StoreError;
use connect::{Connector, Purpose};
use failure::Failure;
use hints::Hints;
use lane::{Lane, Worker, lane};
use readers::{Reader, Readers};
use slot::Slot;
use standing::Standing;
use work::{Admits, Jobs, Metrics, Moves};

/// How long a shut-down waits for what was taken, and then for connections to end.
const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(5);
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// A store in one PostgreSQL database, shared with other replicas. Answers
/// [`StoreError::Fenced`] to every write before a replica has joined.
pub struct PgStore {
    connector: Arc<Connector>,
    standing: Arc<Standing>,
    hints: Arc<Hints>,
    readers: Readers,
    control: Slot,
    /// Reads what others append: it must not wait behind those who read bulk.
    follow: Arc<Slot>,
    /// Appends carry their epoch in their session's name, as batches do: closing ends them too.
    append: Arc<Slot>,
    renew: Slot,
    close: Slot,
    /// One joining, and one renewal, at a time.
    joining: Mutex<()>,
    renewing: Mutex<()>,
    /// When it was last asked how durable a commit is.
    durability_asked: std::sync::Mutex<Instant>,
    admits: Lane<Admits>,
    moves: Lane<Moves>,
    metrics: Lane<Metrics>,
    jobs: Lane<Jobs>,
    retention: Arc<retention::Pass>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl PgStore {
    /// A store at this server, which need not be there yet: until it is, every call is answered
    /// [`StoreError::Unavailable`], and [`crate::ControlLog::trouble`] says why.
    ///
    /// Must be called within a tokio runtime: the store has tasks of its own, until it is dropped.
    #[must_use]
    pub fn open(options: PgOptions) -> Self {
        let waiting_max = options.bulk_waiting_max;
        let connector = Arc::new(Connector::new(options));
        let standing = Arc::new(Standing::default());
        let slot = |purpose| Slot::new(&connector, purpose);
        let (admits, admit) = lane(slot(Purpose::Bulk), &standing, waiting_max);
        let (moves, r#move) = lane(slot(Purpose::Bulk), &standing, waiting_max);
        let (metrics, measure) = lane(slot(Purpose::Bulk), &standing, waiting_max);
        let (jobs, job) = lane(slot(Purpose::Bulk), &standing, waiting_max);
        let store = Self {
            hints: Arc::new(Hints::new(&connector)),
            readers: Readers::new(&connector),
            control: slot(Purpose::Control),
            follow: Arc::new(slot(Purpose::Read)),
            append: Arc::new(slot(Purpose::Control)),
            renew: slot(Purpose::Renew),
            close: slot(Purpose::Close),
            joining: Mutex::default(),
            renewing: Mutex::default(),
            durability_asked: std::sync::Mutex::new(Instant::now()),
            admits,
            moves,
            metrics,
            jobs,
            retention: Arc::default(),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            standing,
            connector,
        };
        store.hints.begin(&store.connector, &store.tasks, &store.closing);
        store.begin(admit);
        store.begin(r#move);
        store.begin(measure);
        store.begin(job);
        store
    }

    /// As [`PgStore::open`], for a command that needs the server now: connects, makes the tables
    /// if they are missing, and says what is wrong otherwise. It hears no hints, and tells none.
    pub async fn connect_once(options: PgOptions) -> Result<Self, Trouble> {
        let store = Self::open(PgOptions { hints: false, ..options });
        match store.control.session().await {
            Ok(_session) => Ok(store),
            Err(failure) => {
                let trouble = failure.trouble();
                let told = StoreError::from(failure).to_string();
                Err(trouble.unwrap_or(Trouble { code: "store_unreachable", message: told }))
            }
        }
    }

    /// Removes a schema and everything in it.
    async fn drop_schema(options: PgOptions) -> Result<(), StoreError> {
        let sql = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", options.schema());
        let store = Self::open(PgOptions { hints: false, ..options });
        let session = store.control.session().await?;
        let dropped = session.script(&sql).await;
        drop(session);
        store.shut_down().await;
        Ok(dropped?)
    }

    /// Takes nothing more, writes what was taken, and lets go of the server. Every call after it
    /// is answered that the store is closed.
    pub async fn shut_down(&self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(SHUT_DOWN_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("the store was shut down while writes were under way");
        }
        self.readers.close();
        for slot in [&self.control, &*self.follow, &*self.append, &self.renew, &self.close] {
            slot.empty().await;
        }
        self.connector.end(GOODBYE_WITHIN).await;
    }

    fn begin<W: lane::Work>(&self, worker: Worker<W>) {
        self.tasks.spawn(worker.run(self.closing.clone()));
    }

    async fn reader(&self) -> Result<Reader<'_>, Failure> {
        self.readers.lend().await
    }
}

impl std::fmt::Debug for PgStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgStore").field("connector", &self.connector).finish_non_exhaustive()
    }
}

impl Drop for PgStore {
    /// Its workers write what they took, and end.
    fn drop(&mut self) {
        self.closing.cancel();
        self.tasks.close();
    }
}

/// The answer to every call after the store was shut down.
fn closed() -> Failure {
    Failure::Unreached(Trouble { code: "store_closed", message: "the store is closed".to_owned() })
}
