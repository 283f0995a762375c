//! The one thread that writes.
//!
//! A control change has a transaction of its own, ahead of everything that waits. Bulk writes
//! share transactions: what is there is taken at once, nothing is waited for, and a batch ends
//! early when its time is up or a control change comes.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::StoreError;
use crate::gate::Pass;
use crate::sqlite::checkpoint::Checkpoints;
use crate::sqlite::job::Job;
use crate::sqlite::lock::Lock;
use crate::sqlite::pace::Stopwatch;
use crate::sqlite::queue::{Next, Queue};
use crate::sqlite::readers::{self, Readers};
use crate::sqlite::standing::Standing;
use crate::sqlite::transaction::{self, Ended, Lane};
use crate::sqlite::{failure, open};

/// How often opening is tried again after it failed.
const REOPEN_EVERY: Duration = Duration::from_millis(250);

/// See the module.
pub(super) struct Writer {
    path: PathBuf,
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    standing: Arc<Standing>,
    connection: Option<Connection>,
    last_attempt: Stopwatch,
    /// The items of commits whose outcome is not known. They stay in flight until the database
    /// was reopened in a way that settles it.
    unsettled: Option<Vec<Pass>>,
    checkpoints: Checkpoints,
    _lock: Arc<Lock>,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        connection: Connection,
        lock: Arc<Lock>,
        (queue, readers, standing): (Arc<Queue>, Arc<Readers>, Arc<Standing>),
    ) -> Self {
        Self {
            path,
            queue,
            readers,
            standing,
            connection: Some(connection),
            last_attempt: Stopwatch::start(),
            unsettled: None,
            checkpoints: Checkpoints::default(),
            _lock: lock,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            match self.queue.next(self.patience()) {
                Next::Control(job) => self.write(Lane::Control, VecDeque::from([job])),
                Next::Bulk(jobs) => self.write(Lane::Bulk, jobs),
                Next::Idle => self.idle(),
                Next::Closed => break,
            }
        }
        self.readers.close();
        if let Some(connection) = &self.connection
            && let Err(error) = open::truncate_log(connection)
        {
            tracing::warn!(%error, "the write-ahead log is left for the next start");
        }
    }

    fn write(&mut self, lane: Lane, mut jobs: VecDeque<Box<dyn Job>>) {
        let opened = self.open_again();
        let connection = match (opened, &self.connection) {
            (Ok(()), Some(connection)) => connection,
            (Err(error), _) => return settle(jobs, &Err(error)),
            (Ok(()), None) => return settle(jobs, &Err(readers::closed())),
        };
        let round = transaction::run(connection, lane, &mut jobs, (&self.standing, &self.queue));
        self.queue.give_back(jobs);
        let outcome = match round.ended {
            Ended::Committed => {
                drop(round.passes);
                self.standing.follow(round.steps);
                Ok(())
            }
            Ended::Refused(error) => Err(error),
            Ended::Failed(error) => {
                tracing::error!(%error, "a transaction failed before its commit; reopening the store");
                self.connection = None;
                drop(round.passes);
                Err(failure::before_commit(&error))
            }
            Ended::Lost(error) => self.lost(&error, round.passes),
        };
        settle(round.written, &outcome);
        self.look_after_the_log();
    }

    /// A commit failed. Until it is settled what became of it, nothing is read and nothing said.
    fn lost(&mut self, error: &rusqlite::Error, passes: Vec<Pass>) -> Result<(), StoreError> {
        tracing::error!(%error, "a commit failed; reopening the store");
        self.connection = None;
        let told = failure::of_commit(error);
        if !told.had_no_effect() {
            self.readers.suspend();
            self.standing.forget_head();
            self.unsettled.get_or_insert_default().extend(passes);
        }
        Err(told)
    }

    /// Opens the connection again when it was dropped.
    fn open_again(&mut self) -> Result<(), StoreError> {
        if self.connection.is_some() {
            return Ok(());
        }
        if self.last_attempt.elapsed() < REOPEN_EVERY {
            return Err(StoreError::Unavailable("the database is being reopened".to_owned()));
        }
        self.last_attempt = Stopwatch::start();
        let reopened = self.reopen().inspect_err(|error| {
            tracing::error!(%error, "the store cannot be reopened yet");
        })?;
        self.connection = Some(reopened);
        Ok(())
    }

    fn reopen(&mut self) -> Result<Connection, StoreError> {
        let wrong = |error: rusqlite::Error| failure::before_commit(&error);
        let connection = open::writer(&self.path).map_err(wrong)?;
        if self.unsettled.is_some() {
            // What the failed commit left in the log either counts now and is made durable in the
            // database, or is cut off with the log: after this no recovery changes it.
            if !open::truncate_log(&connection).map_err(wrong)? {
                return Err(StoreError::Unavailable("a reader holds the old state".to_owned()));
            }
            self.unsettled = None;
        }
        self.standing.read_head(open::head(&connection).map_err(wrong)?);
        self.readers.go_on();
        tracing::info!("the store was reopened");
        Ok(connection)
    }

    /// None while there is nothing to do but to wait.
    fn patience(&self) -> Option<Duration> {
        if self.connection.is_some() {
            return self.checkpoints.patience();
        }
        Some(REOPEN_EVERY.saturating_sub(self.last_attempt.elapsed()))
    }

    fn idle(&mut self) {
        if self.connection.is_none() {
            // Nobody may ask before the head is known again, so that nobody would bring it back.
            drop(self.open_again());
        } else if let Some(connection) = &self.connection {
            let checked = self.checkpoints.when_idle(connection);
            self.drop_unless(checked);
        }
    }

    fn look_after_the_log(&mut self) {
        if let Some(connection) = &self.connection {
            let checked = self.checkpoints.after_commit(connection);
            self.drop_unless(checked);
        }
    }

    fn drop_unless(&mut self, checked: rusqlite::Result<()>) {
        if let Err(error) = checked {
            tracing::error!(%error, "a checkpoint failed; reopening the store");
            self.connection = None;
        }
    }
}

impl Drop for Writer {
    /// Also when the thread ends in a panic: whoever waits is answered that it is closed.
    fn drop(&mut self) {
        self.queue.close();
        self.queue.clear();
        self.readers.close();
    }
}

fn settle(jobs: impl IntoIterator<Item = Box<dyn Job>>, outcome: &Result<(), StoreError>) {
    for job in jobs {
        job.settle(outcome);
    }
}
