//! Counting the intents of one agent, each count from the index that holds just those rows.

use axme_core::address::Address;
use axme_core::id::WorkspaceId;
use rusqlite::{Connection, Result, params};

use crate::ledger::Tally;
use crate::sqlite::columns::Columns as _;

/// What was handed over from or to an agent and has not ended. One that it sent to itself counts
/// once.
pub(super) fn delivered_unfinished(
    connection: &Connection,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<u64> {
    let mut count = connection.prepare_cached(
        "SELECT
           (SELECT count(*) FROM intents INDEXED BY intents_unfinished_sent
            WHERE workspace_id = ?1 AND sender = ?2
              AND ended_at IS NULL AND delivery_attempt > 0)
         + (SELECT count(*) FROM intents INDEXED BY intents_unfinished_received
            WHERE workspace_id = ?1 AND receiver = ?2 AND sender <> ?2
              AND ended_at IS NULL AND delivery_attempt > 0)",
    )?;
    count.query_row(params![workspace.as_bytes(), address.as_str()], |row| row.number(0))
}

/// What the ledger holds of one agent.
pub(super) fn tally(
    connection: &Connection,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<Tally> {
    let mut count = connection.prepare_cached(
        "SELECT
           (SELECT count(*) FROM intents INDEXED BY intents_undelivered
            WHERE workspace_id = ?1 AND sender = ?2 AND ended_at IS NULL AND delivery_attempt = 0),
           (SELECT count(*) FROM intents INDEXED BY intents_unfinished_sent
            WHERE workspace_id = ?1 AND sender = ?2 AND ended_at IS NULL AND delivery_attempt > 0),
           (SELECT count(*) FROM intents INDEXED BY intents_ended_sent
            WHERE workspace_id = ?1 AND sender = ?2 AND ended_at IS NOT NULL),
           (SELECT count(*) FROM intents INDEXED BY intents_queued
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL),
           (SELECT count(*) FROM intents INDEXED BY intents_unfinished_received
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL
              AND delivery_attempt > 0),
           (SELECT count(*) FROM intents INDEXED BY intents_ended_received
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NOT NULL),
           (SELECT count(*) FROM intents INDEXED BY intents_queued
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL AND sender = ?2)",
    )?;
    count.query_row(params![workspace.as_bytes(), address.as_str()], |row| {
        let open_sent = row.number(0)? + row.number(1)?;
        let (open_received, unfinished_received) = (row.number(3)?, row.number(4)?);
        // What it sent to itself is open once.
        let open_both = row.number(6)?;
        Ok(Tally {
            sent: open_sent + row.number(2)?,
            received: open_received + row.number(5)?,
            open: (open_sent + open_received).saturating_sub(open_both),
            queued: open_received.saturating_sub(unfinished_received),
        })
    })
}
