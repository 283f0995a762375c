//! Counting the intents of one agent, each count from the index that holds just those rows.

use axme_core::address::Address;
use axme_core::id::WorkspaceId;

use crate::ledger::Tally;
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

const UNFINISHED: &str = "
    SELECT
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NULL AND delivery_attempt > 0)
    + (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND sender <> $2
         AND ended_at IS NULL AND delivery_attempt > 0)";

const TALLY: &str = "
    SELECT
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NULL AND delivery_attempt = 0),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NULL AND delivery_attempt > 0),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND sender = $2 AND ended_at IS NOT NULL),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL AND delivery_attempt > 0),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NOT NULL),
      (SELECT count(*) FROM intents
       WHERE workspace_id = $1 AND receiver = $2 AND ended_at IS NULL AND sender = $2)";

/// What was handed over from or to an agent and has not ended. One that it sent to itself counts
/// once.
pub(super) async fn delivered_unfinished(
    session: &Session,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<u64, Failure> {
    let row = session.read_one(UNFINISHED, &[workspace.as_uuid(), &address.as_str()]).await?;
    row.map_or(Ok(0), |row| row.number(0))
}

/// What the ledger holds of one agent.
pub(super) async fn tally(
    session: &Session,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<Tally, Failure> {
    let row = session.read_one(TALLY, &[workspace.as_uuid(), &address.as_str()]).await?;
    let Some(row) = row else { return Ok(Tally::default()) };
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
}
