//! Reading the control log: the newest snapshot that can be read, and the fold of what follows.

use axme_core::id::{AddressId, CommandId, Revision};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::control::{Loaded, LogEntry, LogHead, TAIL_ENTRIES_MAX};
use crate::error::StoreError;
use crate::log_row::{Fold, LogRow};
use crate::sqlite::columns::{Columns as _, int, limit};
use crate::sqlite::failure::Failure;
use crate::sqlite::{open, snapshot};

type Failed = Failure<StoreError>;

/// The state at the head. What is folded is verified on the way.
pub(super) fn load(connection: &Connection) -> Result<Loaded, Failed> {
    let reading = connection.unchecked_transaction()?;
    let head = open::head(&reading)?;
    let mut fold = Fold::to(head, snapshot::newest(&reading, head.revision)?);
    while let Some(after) = fold.wants_after() {
        fold.take(&stored(&reading, after)?)?;
    }
    Ok(fold.finish()?)
}

/// The entries after a revision.
pub(super) fn tail(connection: &Connection, after: Revision) -> Result<Vec<LogEntry>, Failed> {
    stored(connection, after)?.iter().map(logged).collect()
}

/// The entry at a revision.
pub(super) fn entry(
    connection: &Connection,
    revision: Revision,
) -> Result<Option<LogEntry>, Failed> {
    let sql = "SELECT revision, hash, body_hash, body FROM control_log WHERE revision = ?1";
    let mut get = connection.prepare_cached(sql)?;
    let row = get.query_row([int(revision.0)], read).optional()?;
    row.as_ref().map(logged).transpose()
}

/// The entries after a revision that stopped or resumed single agents, or this one.
pub(super) fn stops_and_resumes(
    connection: &Connection,
    after: Revision,
    agent: Option<AddressId>,
) -> Result<Vec<LogEntry>, Failed> {
    let mut get = connection.prepare_cached(
        "SELECT revision, hash, body_hash, body FROM control_log
         WHERE revision > ?1 AND (?2 IS NULL OR address_id = ?2) AND action IN
             ('agent.killed', 'agent.paused', 'agent.quarantined', 'agent.resumed')
         ORDER BY revision LIMIT ?3",
    )?;
    let agent = agent.map(|agent| *agent.as_bytes());
    let rows = get.query_map(params![int(after.0), agent, limit(TAIL_ENTRIES_MAX)], read)?;
    rows.map(|row| logged(&row?)).collect()
}

/// The entry of a command.
pub(super) fn find(
    connection: &Connection,
    command: CommandId,
) -> Result<Option<LogEntry>, Failed> {
    let sql = "SELECT revision, hash, body_hash, body FROM control_log WHERE command_id = ?1";
    let mut get = connection.prepare_cached(sql)?;
    let row = get.query_row([command.as_bytes()], read).optional()?;
    row.as_ref().map(logged).transpose()
}

/// Whether the log holds exactly this head.
pub(super) fn holds(connection: &Connection, head: LogHead) -> rusqlite::Result<bool> {
    if head == LogHead::default() {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM control_log WHERE revision = ?1 AND hash = ?2";
    connection.prepare_cached(sql)?.exists(params![int(head.revision.0), head.hash.0])
}

fn stored(connection: &Connection, after: Revision) -> rusqlite::Result<Vec<LogRow>> {
    let mut get = connection.prepare_cached(
        "SELECT revision, hash, body_hash, body FROM control_log
         WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    )?;
    let rows = get.query_map(params![int(after.0), limit(TAIL_ENTRIES_MAX)], read)?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    Ok(LogRow {
        revision: row.revision(0)?,
        hash: row.hash(1)?,
        body_hash: row.hash(2)?,
        body: row.get(3)?,
    })
}

fn logged(row: &LogRow) -> Result<LogEntry, Failed> {
    Ok(row.entry()?)
}
