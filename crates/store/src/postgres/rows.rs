//! Intents and their events as rows.

use axme_core::id::{IntentId, WorkspaceId};
use tokio_postgres::Row;

use crate::ledger::{Event, Intent};
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::session::{Parameters, Session};

/// How often a statement is sent that runs into others.
const TRIES_MAX: usize = 8;

/// Begins each statement that writes for an epoch: locks its row, as long as the epoch is open.
/// Everything else in the statement hangs on the row of `me`.
macro_rules! as_me {
    ($($rest:expr),+ $(,)?) => {
        concat!(
            "WITH me AS MATERIALIZED (
                SELECT 1 FROM replica_epoch
                WHERE replica_id = $1 AND epoch = $2 AND closed_at IS NULL FOR SHARE
            ), ",
            $($rest),+
        )
    };
}
pub(super) use as_me;

/// The columns of a whole intent, of a table or subquery called `intent`.
macro_rules! intent_columns {
    () => {
        "intent.row_id, intent.intent_id, intent.workspace_id, intent.sender, intent.receiver, \
         intent.intent_type, intent.correlation_id, intent.payload, intent.extras, intent.status, \
         intent.cursor, intent.admitted_at_revision, intent.delivery_attempt, \
         intent.delivery_attempts_max, intent.outcome, intent.deadline_at, intent.created_at, \
         intent.updated_at, intent.ended_at, intent.last_seq, intent.policy_generation"
    };
}
pub(super) use intent_columns;

/// The columns of an event, of a table or subquery called `event`.
macro_rules! event_columns {
    () => {
        "event.seq, event.event_type, event.status, event.at, event.actor, event.details"
    };
}
pub(super) use event_columns;

/// Reads [`intent_columns`], which begin at column `first`.
pub(super) fn intent(row: &Row, first: usize) -> Result<Intent, Failure> {
    Ok(Intent {
        row_id: row.number(first)?,
        intent_id: IntentId::from_bytes(row.id(first + 1)?),
        workspace_id: WorkspaceId::from_bytes(row.id(first + 2)?),
        from: row.address(first + 3)?,
        to: row.address(first + 4)?,
        intent_type: row.text(first + 5)?,
        correlation_id: row.text(first + 6)?,
        payload: row.text(first + 7)?,
        extras: row.text(first + 8)?,
        status: row.status(first + 9)?,
        cursor: row.number(first + 10)?,
        admitted_at_revision: row.revision(first + 11)?,
        delivery_attempt: attempts(row, first + 12)?,
        delivery_attempts_max: attempts(row, first + 13)?,
        outcome: row.optional_text(first + 14)?,
        deadline_at: row.optional_time(first + 15)?,
        created_at: row.time(first + 16)?,
        updated_at: row.time(first + 17)?,
        ended_at: row.optional_time(first + 18)?,
        last_seq: row.number(first + 19)?,
        policy_generation: row.number(first + 20)?,
    })
}

/// Reads [`event_columns`], which begin at column `first`.
pub(super) fn event(row: &Row, first: usize, intent_id: IntentId) -> Result<Event, Failure> {
    Ok(Event {
        intent_id,
        seq: row.number(first)?,
        event_type: row.text(first + 1)?,
        status: row.status(first + 2)?,
        at: row.time(first + 3)?,
        actor: row.optional_text(first + 4)?,
        details: row.optional_text(first + 5)?,
    })
}

/// Sends a statement that begins with [`as_me`], again when it runs into others, and requires that
/// the epoch was open.
pub(super) async fn write(
    session: &Session,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, Failure> {
    let mut tries = 1;
    loop {
        match session.write(sql, parameters).await {
            Err(failure) if failure.is_passing() && tries < TRIES_MAX => tries += 1,
            Err(failure) => return Err(failure),
            Ok(rows) => {
                require_open(&rows)?;
                return Ok(rows);
            }
        }
    }
}

/// Whether the writer's epoch was open, as the first column of every row of a writing statement
/// says.
pub(super) fn require_open(rows: &[Row]) -> Result<(), Failure> {
    match rows.first().map(|row| row.plain(0)).transpose()? {
        Some(true) => Ok(()),
        Some(false) | None => Err(Failure::Fenced),
    }
}

fn attempts(row: &Row, column: usize) -> Result<u32, Failure> {
    u32::try_from(row.number(column)?).map_err(Failure::unreadable)
}
