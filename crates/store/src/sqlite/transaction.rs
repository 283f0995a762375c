//! One transaction of the writer, from begin to commit.

use std::collections::VecDeque;
use std::time::Duration;

use rusqlite::{Connection, Result, params};

use crate::control::ReplicaEpoch;
use crate::error::StoreError;
use crate::gate::Pass;
use crate::sqlite::batch::{Batch, Remains};
use crate::sqlite::columns::int;
use crate::sqlite::job::{Job, Written};
use crate::sqlite::pace::Stopwatch;
use crate::sqlite::queue::Queue;
use crate::sqlite::standing::{NO_EPOCH, Standing, Step};

/// How long a bulk transaction takes further items, so that with its commit it ends within 10 ms.
const WRITING_MAX: Duration = Duration::from_millis(6);

/// Which queue the items come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Control,
    Bulk,
}

/// A transaction that has ended.
pub(super) struct Round {
    pub(super) ended: Ended,
    /// The items that were begun; the others are where they were.
    pub(super) written: Vec<Box<dyn Job>>,
    pub(super) passes: Vec<Pass>,
    pub(super) steps: Vec<Step>,
}

/// How a transaction ended.
#[derive(Debug)]
pub(super) enum Ended {
    Committed,
    /// All of it was refused; the connection is well.
    Refused(StoreError),
    /// An error before the commit: nothing of it was kept.
    Failed(rusqlite::Error),
    /// An error of the commit.
    Lost(rusqlite::Error),
}

/// Writes what fits of `jobs` in one transaction.
pub(super) fn run(
    connection: &Connection,
    lane: Lane,
    jobs: &mut VecDeque<Box<dyn Job>>,
    (standing, queue): (&Standing, &Queue),
) -> Round {
    let own = standing.own();
    let epoch = own.as_ref().map_or(NO_EPOCH, |own| own.epoch);
    let mut batch = Batch::new(connection, epoch);
    let mut written = Vec::with_capacity(jobs.len());
    let attempt = || -> std::result::Result<(), Ended> {
        execute(connection, "BEGIN IMMEDIATE").map_err(Ended::Failed)?;
        if lane == Lane::Bulk {
            let own = own.map_err(Ended::Refused)?;
            if !is_open(connection, &own).map_err(Ended::Failed)? {
                return Err(Ended::Refused(StoreError::Fenced));
            }
        }
        fill(&mut batch, jobs, &mut written, queue).map_err(Ended::Failed)?;
        batch.flush().map_err(Ended::Failed)?;
        execute(connection, "COMMIT").map_err(Ended::Lost)
    };
    let ended = attempt().err().unwrap_or(Ended::Committed);
    if !connection.is_autocommit() && execute(connection, "ROLLBACK").is_err() {
        tracing::warn!("a transaction could not be rolled back");
    }
    if matches!(ended, Ended::Refused(_)) {
        written.extend(jobs.drain(..));
    }
    let Remains { passes, steps } = batch.finish();
    Round { ended, written, passes, steps }
}

/// Whether the store takes writes of an epoch.
pub(super) fn is_open(connection: &Connection, replica: &ReplicaEpoch) -> Result<bool> {
    let mut get = connection.prepare_cached(
        "SELECT 1 FROM replica_epoch WHERE replica_id = ?1 AND epoch = ?2 AND closed_at IS NULL",
    )?;
    get.exists(params![replica.replica_id, int(replica.epoch.0)])
}

fn fill(
    batch: &mut Batch<'_>,
    jobs: &mut VecDeque<Box<dyn Job>>,
    written: &mut Vec<Box<dyn Job>>,
    queue: &Queue,
) -> Result<()> {
    let running = Stopwatch::start();
    while let Some(mut job) = jobs.pop_front() {
        let result = write_item(batch, job.as_mut());
        written.push(job);
        result?;
        if running.elapsed() >= WRITING_MAX || queue.control_waits() {
            break;
        }
    }
    Ok(())
}

fn write_item(batch: &mut Batch<'_>, job: &mut dyn Job) -> Result<()> {
    if !job.needs_savepoint() {
        return job.write(batch).map(drop);
    }
    let connection = batch.connection();
    execute(connection, "SAVEPOINT item")?;
    if job.write(batch)? == Written::Undo {
        execute(connection, "ROLLBACK TO item")?;
    }
    execute(connection, "RELEASE item")
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}
