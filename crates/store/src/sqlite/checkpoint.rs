//! Moving what was committed from the write-ahead log into the database.
//!
//! The writer does it between transactions, after their callers were answered: never inside a
//! commit, and soon when nothing else is to do. A thread of its own for it was measured: its syncs
//! held up those of the commits (half of the throughput), and the log hardly ever started anew.

use std::time::Duration;

use rusqlite::{Connection, Result};

/// Pages to move from which on a checkpoint is made though more writes wait.
const LEFT_PAGES_MAX: u64 = 2_000;
/// Transactions after which the log is looked at.
const LOOK_EVERY_COMMITS: u32 = 4;
/// How long the writer is idle before it uses the time.
const IDLE: Duration = Duration::from_millis(100);

/// When to make a checkpoint.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    commits: u32,
    /// Something was committed that the database file does not hold yet.
    behind: bool,
}

impl Checkpoints {
    /// How long the writer waits for work before it says that it is idle.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.behind.then_some(IDLE)
    }

    pub(super) fn when_idle(&mut self, connection: &Connection) -> Result<()> {
        // Readers of an older state may keep some of it back; the next write tries again.
        self.behind = false;
        pages_left(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
    }

    pub(super) fn after_commit(&mut self, connection: &Connection) -> Result<()> {
        self.behind = true;
        self.commits += 1;
        if self.commits < LOOK_EVERY_COMMITS {
            return Ok(());
        }
        self.commits = 0;
        if pages_left(connection, "PRAGMA wal_checkpoint(NOOP)")? >= LEFT_PAGES_MAX {
            pages_left(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
        }
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
