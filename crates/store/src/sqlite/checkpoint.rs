//! Moving what was committed from the write-ahead log into the database.
//!
//! Done by the writer between transactions, after their callers were answered: never inside a
//! commit, and soon when nothing else is to do.

use std::time::Duration;

use rusqlite::{Connection, Result};

/// Pages of the log at which a checkpoint is made though more writes wait.
const LOG_PAGES_MAX: u64 = 4_000;
/// Transactions after which the log is looked at.
const LOOK_EVERY_COMMITS: u32 = 8;
/// How long the writer is idle before it uses the time.
const IDLE: Duration = Duration::from_millis(100);

/// When to make a checkpoint.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    commits: u32,
    /// Something was committed that the database file does not hold yet.
    behind: bool,
}

impl Pacer {
    /// How long to wait for work before there is time for a checkpoint.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.behind.then_some(IDLE)
    }

    pub(super) fn after_commit(&mut self, connection: &Connection) -> Result<()> {
        self.behind = true;
        self.commits += 1;
        if self.commits < LOOK_EVERY_COMMITS {
            return Ok(());
        }
        self.commits = 0;
        if pages_left(connection, "PRAGMA wal_checkpoint(NOOP)")? >= LOG_PAGES_MAX {
            pages_left(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
        }
        Ok(())
    }

    pub(super) fn when_idle(&mut self, connection: &Connection) -> Result<()> {
        // Readers of an older state may keep some of it back; the next write tries again.
        pages_left(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
        self.behind = false;
        Ok(())
    }
}

/// Pages that are in the log and not yet in the database, after the pragma did its work.
fn pages_left(connection: &Connection, pragma: &str) -> Result<u64> {
    let mut get = connection.prepare_cached(pragma)?;
    get.query_row((), |row| {
        let (pages, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(u64::try_from(pages.saturating_sub(moved)).unwrap_or(0))
    })
}
