//! Reading the control log: the newest snapshot that can be read, and the fold of what follows.

use axme_core::chain::{Hash, Head, Link};
use axme_core::change::Entry;
use axme_core::id::{AddressId, CommandId, Revision};
use axme_core::state::State;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::control::{Loaded, LogEntry, LogHead, TAIL_ENTRIES_MAX};
use crate::error::StoreError;
use crate::sqlite::columns::{Columns as _, int, limit};
use crate::sqlite::failure::Failure;
use crate::sqlite::{open, snapshot};

type Failed = Failure<StoreError>;

/// An entry as its row holds it.
struct Stored {
    revision: Revision,
    hash: Hash,
    body_hash: Hash,
    body: Vec<u8>,
}

/// The state at the head. What is folded is verified on the way.
pub(super) fn load(connection: &Connection) -> Result<Loaded, Failed> {
    let reading = connection.unchecked_transaction()?;
    let head = open::head(&reading)?;
    let (mut state, mut at) = match snapshot::newest(&reading, head.revision)? {
        Some(Loaded { state, head }) => (state, head),
        None => (State::default(), LogHead::default()),
    };
    while at.revision < head.revision {
        let rows = stored(&reading, at.revision)?;
        if rows.is_empty() {
            return Err(damaged(at.revision.next(), "it is missing"));
        }
        for row in rows {
            at = verify(at, &row)?;
            state.apply(row.revision, &decode(&row)?);
        }
    }
    if at != head {
        return Err(damaged(at.revision, "its hash is not that of the head"));
    }
    Ok(Loaded { state, head })
}

/// The entries after a revision.
pub(super) fn tail(connection: &Connection, after: Revision) -> Result<Vec<LogEntry>, Failed> {
    stored(connection, after)?.iter().map(log_entry).collect()
}

/// The entry at a revision.
pub(super) fn entry(
    connection: &Connection,
    revision: Revision,
) -> Result<Option<LogEntry>, Failed> {
    let sql = "SELECT revision, hash, body_hash, body FROM control_log WHERE revision = ?1";
    let mut get = connection.prepare_cached(sql)?;
    let row = get.query_row([int(revision.0)], read).optional()?;
    row.as_ref().map(log_entry).transpose()
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
    rows.map(|row| log_entry(&row?)).collect()
}

/// The entry of a command.
pub(super) fn find(
    connection: &Connection,
    command: CommandId,
) -> Result<Option<LogEntry>, Failed> {
    let sql = "SELECT revision, hash, body_hash, body FROM control_log WHERE command_id = ?1";
    let mut get = connection.prepare_cached(sql)?;
    let row = get.query_row([command.as_bytes()], read).optional()?;
    row.as_ref().map(log_entry).transpose()
}

/// Whether the log holds exactly this head.
pub(super) fn holds(connection: &Connection, head: LogHead) -> rusqlite::Result<bool> {
    if head == LogHead::default() {
        return Ok(true);
    }
    let sql = "SELECT 1 FROM control_log WHERE revision = ?1 AND hash = ?2";
    connection.prepare_cached(sql)?.exists(params![int(head.revision.0), head.hash.0])
}

fn stored(connection: &Connection, after: Revision) -> rusqlite::Result<Vec<Stored>> {
    let mut get = connection.prepare_cached(
        "SELECT revision, hash, body_hash, body FROM control_log
         WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    )?;
    let rows = get.query_map(params![int(after.0), limit(TAIL_ENTRIES_MAX)], read)?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        revision: row.revision(0)?,
        hash: row.hash(1)?,
        body_hash: row.hash(2)?,
        body: row.get(3)?,
    })
}

fn verify(at: LogHead, row: &Stored) -> Result<LogHead, Failed> {
    let (position, hash, body_hash) = (row.revision.0, row.hash, row.body_hash);
    let link = Link { position, hash, body_hash, body: Some(&row.body) };
    let before = Head { position: at.revision.0, hash: at.hash };
    let head = before.verify(&link).map_err(|fault| damaged(row.revision, &fault.to_string()))?;
    Ok(LogHead { revision: Revision(head.position), hash: head.hash })
}

fn log_entry(row: &Stored) -> Result<LogEntry, Failed> {
    let Stored { revision, hash, body_hash, .. } = *row;
    Ok(LogEntry { revision, hash, body_hash, entry: decode(row)? })
}

fn decode(row: &Stored) -> Result<Entry, Failed> {
    Entry::decode(&row.body).map_err(|error| damaged(row.revision, &error.to_string()))
}

fn damaged(revision: Revision, what: &str) -> Failed {
    Failure::Refused(StoreError::Unusable(format!(
        "the control log cannot be read at revision {revision}: {what}"
    )))
}
