//! New cursors for what a stop held back: receivers have gone past the old ones.

use axme_core::address::Address;
use axme_core::id::{Revision, WorkspaceId};
use rusqlite::{Connection, Result, params};

use crate::ledger::{Requeued, RowsBetween};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int, limit};

/// Intents that one transaction gives new cursors at most, so that it ends within 10 ms.
const INTENTS_MAX: usize = 256;

pub(super) fn requeue(
    batch: &mut Batch<'_>,
    (workspace, sender): (WorkspaceId, &Address),
    rows: RowsBetween,
    intents_max: usize,
) -> Result<Requeued> {
    let intents_max = intents_max.min(INTENTS_MAX);
    let held = undelivered(batch, (workspace, sender), rows, intents_max)?;
    let mut update = batch.statement("UPDATE intents SET cursor = ?2 WHERE row_id = ?1")?;
    let mut requeued = Requeued::default();
    for (row_id, receiver) in &held {
        let cursor = batch.next_cursor(workspace, receiver)?;
        update.execute([int(*row_id), int(cursor)])?;
        if !requeued.receivers.contains(receiver) {
            requeued.receivers.push(receiver.clone());
        }
    }
    if held.len() == intents_max {
        requeued.next = held.last().map(|(row_id, _)| *row_id);
    }
    Ok(requeued)
}

/// Notes up to which resume everything was requeued.
pub(super) fn set_done(batch: &Batch<'_>, up_to: Revision) -> Result<()> {
    let mut set = batch.statement("UPDATE control_head SET requeued = max(requeued, ?1)")?;
    set.execute([int(up_to.0)]).map(drop)
}

pub(super) fn done(connection: &Connection) -> Result<Revision> {
    let mut get = connection.prepare_cached("SELECT requeued FROM control_head")?;
    get.query_row((), |row| row.revision(0))
}

/// In the order of their rows, which is that of their old cursors.
fn undelivered(
    batch: &Batch<'_>,
    (workspace, sender): (WorkspaceId, &Address),
    rows: RowsBetween,
    intents_max: usize,
) -> Result<Vec<(u64, Address)>> {
    let mut get = batch.statement(
        "SELECT row_id, receiver FROM intents INDEXED BY intents_undelivered
         WHERE workspace_id = ?1 AND sender = ?2 AND row_id > ?3 AND row_id <= ?4
           AND ended_at IS NULL AND delivery_attempt = 0
         ORDER BY row_id LIMIT ?5",
    )?;
    let found = get.query_map(
        params![
            workspace.as_bytes(),
            sender.as_str(),
            int(rows.after),
            int(rows.up_to),
            limit(intents_max)
        ],
        |row| Ok((row.number(0)?, row.address(1)?)),
    )?;
    found.collect()
}
