//! What waits from and to an agent, and who sends to it.

use std::collections::BTreeMap;

use axme_core::address::Address;
use axme_core::id::WorkspaceId;
use axme_core::time::Timestamp;
use rusqlite::{Connection, Result, params};

use crate::ledger::{Senders, SendersQuery, Waiting};
use crate::sqlite::columns::{Columns as _, limit};

/// What was never handed over, each count from the index that holds just those rows.
pub(super) fn waiting(
    connection: &Connection,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<Waiting> {
    let mut get = connection.prepare_cached(
        "SELECT
           (SELECT count(*) FROM intents INDEXED BY intents_queued
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL)
         - (SELECT count(*) FROM intents INDEXED BY intents_unfinished_received
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL
              AND delivery_attempt > 0),
           (SELECT count(*) FROM intents INDEXED BY intents_undelivered
            WHERE workspace_id = ?1 AND sender = ?2 AND ended_at IS NULL AND delivery_attempt = 0),
           (SELECT count(*) FROM intents INDEXED BY intents_undelivered
            WHERE workspace_id = ?1 AND sender = ?2 AND ended_at IS NULL AND delivery_attempt = 0
              AND receiver = ?2),
           (SELECT created_at FROM intents INDEXED BY intents_queued
            WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL
              AND delivery_attempt = 0
            ORDER BY cursor LIMIT 1),
           (SELECT created_at FROM intents INDEXED BY intents_undelivered
            WHERE workspace_id = ?1 AND sender = ?2 AND ended_at IS NULL AND delivery_attempt = 0
            ORDER BY row_id LIMIT 1)",
    )?;
    get.query_row(params![workspace.as_bytes(), address.as_str()], |row| {
        Ok(Waiting {
            to_it: row.number(0)?,
            from_it: row.number(1)?,
            to_itself: row.number(2)?,
            oldest_at: [row.optional_time(3)?, row.optional_time(4)?].into_iter().flatten().min(),
        })
    })
}

/// The newest intents of a receiver, by the index in whose order they stand.
const NEWEST: [&str; 2] = [
    "SELECT sender, created_at FROM intents INDEXED BY intents_queued
     WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NULL
     ORDER BY cursor DESC LIMIT ?3",
    "SELECT sender, created_at FROM intents INDEXED BY intents_ended_received
     WHERE workspace_id = ?1 AND receiver = ?2 AND ended_at IS NOT NULL
     ORDER BY row_id DESC LIMIT ?3",
];

/// Who sent to a receiver, as its newest intents say.
pub(super) fn senders(connection: &Connection, query: &SendersQuery) -> Result<Senders> {
    let reading = connection.unchecked_transaction()?;
    let mut found = BTreeMap::<Address, u64>::new();
    let mut more = false;
    for newest in NEWEST {
        let mut get = reading.prepare_cached(newest)?;
        let of = params![
            query.workspace_id.as_bytes(),
            query.receiver.as_str(),
            limit(query.intents_max)
        ];
        let rows: Vec<(Address, Timestamp)> =
            get.query_map(of, |row| Ok((row.address(0)?, row.time(1)?)))?.collect::<Result<_>>()?;
        let oldest = rows.last().map(|(_, created_at)| *created_at);
        more |= rows.len() == query.intents_max && oldest.is_some_and(|at| at >= query.since);
        for (sender, _) in rows.into_iter().filter(|(_, created_at)| *created_at >= query.since) {
            *found.entry(sender).or_default() += 1;
        }
    }
    Ok(Senders { senders: found.into_iter().collect(), more })
}
