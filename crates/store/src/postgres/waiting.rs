//! What waits from and to an agent, and who sends to it.

use std::collections::BTreeMap;

use axme_core::address::Address;
use axme_core::id::WorkspaceId;

use crate::ledger::{Senders, SendersQuery, Waiting};
use crate::postgres::columns::{Columns as _, limit};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

const WAITING: &str = "
    SELECT
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL)
    - (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL AND delivery_attempt > 0),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NULL AND delivery_attempt = 0),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NULL AND delivery_attempt = 0
         AND receiver = $2),
      (SELECT created_at FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL AND delivery_attempt = 0
       ORDER BY cursor LIMIT 1),
      (SELECT created_at FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NULL AND delivery_attempt = 0
       ORDER BY -row_id DESC LIMIT 1)";

/// What was never handed over, each count from the index that holds just those rows.
pub(super) async fn waiting(
    session: &Session,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<Waiting, Failure> {
    let row = session.read_one(WAITING, &[workspace.as_uuid(), &address.as_str()]).await?;
    let Some(row) = row else { return Ok(Waiting::default()) };
    let oldest = [row.optional_time(3)?, row.optional_time(4)?];
    Ok(Waiting {
        to_it: row.number(0)?,
        from_it: row.number(1)?,
        to_itself: row.number(2)?,
        oldest_at: oldest.into_iter().flatten().min(),
    })
}

/// The newest intents of a receiver, of those that have not ended and of those that have, counted
/// by their senders; and whether each of the two was looked at to its end.
const SENDERS: &str = "
    WITH queued AS MATERIALIZED (
        SELECT sender, created_at FROM intents
        WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL
        ORDER BY cursor DESC LIMIT $4
    ), ended AS MATERIALIZED (
        SELECT sender, created_at FROM intents
        WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NOT NULL
        ORDER BY -row_id LIMIT $4
    )
    SELECT sender, count(*),
        (SELECT count(*) >= $4 AND min(created_at) >= $3 FROM queued)
        OR (SELECT count(*) >= $4 AND min(created_at) >= $3 FROM ended)
    FROM (SELECT * FROM queued UNION ALL SELECT * FROM ended) AS looked_at
    WHERE created_at >= $3 GROUP BY sender";

/// Who sent to a receiver, as its newest intents say.
pub(super) async fn senders(session: &Session, query: &SendersQuery) -> Result<Senders, Failure> {
    let (since, intents_max) = (query.since.as_micros(), limit(query.intents_max));
    let receiver = query.receiver.as_str();
    let rows = session
        .read(SENDERS, &[query.workspace_id.as_uuid(), &receiver, &since, &intents_max])
        .await?;
    let mut found = BTreeMap::new();
    let mut more = false;
    for row in &rows {
        found.insert(row.address(0)?, row.number(1)?);
        let unfinished: Option<bool> = row.plain(2)?;
        more |= unfinished.unwrap_or_default();
    }
    Ok(Senders { senders: found.into_iter().collect(), more })
}
