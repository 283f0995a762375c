//! New cursors for what a stop held back: receivers have gone past the old ones.

use axme_core::address::Address;
use axme_core::id::{Revision, WorkspaceId};

use crate::control::ReplicaEpoch;
use crate::ledger::{CURSOR_STEP, Requeued, RowsBetween};
use crate::postgres::columns::{Columns as _, int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::Session;

/// Intents that one statement gives new cursors at most, so that others do not wait long.
const INTENTS_MAX: usize = 256;

/// A page is read and locked in the order of its rows, which is that of their old cursors; what is
/// handed over meanwhile drops out once it is locked: a condition beside the row's number would let
/// a plan that was made on an empty table walk through a whole index of such rows for each of them.
/// The lanes are moved on as in admitting.
const REQUEUE: &str = as_me!(
    "page AS MATERIALIZED (
        SELECT row_id FROM intents
        WHERE workspace_id = $3 AND sender = $4 AND -row_id < -$5::bigint
          AND -row_id >= -$8::bigint
          AND ended_at IS NULL AND delivery_attempt = 0
        ORDER BY -row_id DESC LIMIT $6
    ), held AS MATERIALIZED (
        SELECT still.* FROM me CROSS JOIN page CROSS JOIN LATERAL (
            SELECT row_id, receiver, ended_at, delivery_attempt FROM intents
            WHERE intents.row_id = page.row_id FOR UPDATE
        ) AS still
    ), numbered AS MATERIALIZED (
        SELECT row_id, receiver, count(*) OVER lane
            - row_number() OVER (PARTITION BY receiver ORDER BY row_id) AS behind
        FROM held WHERE ended_at IS NULL AND delivery_attempt = 0
        WINDOW lane AS (PARTITION BY receiver)
    ), lanes AS (
        INSERT INTO lane (workspace_id, address, n)
        SELECT $3, receiver, $7::bigint * count(*) FROM numbered
        GROUP BY receiver ORDER BY receiver
        ON CONFLICT (workspace_id, address) DO UPDATE SET n = lane.n + EXCLUDED.n
        RETURNING address, n
    ), placed AS MATERIALIZED (
        SELECT row_id, receiver, n - $7::bigint * behind AS cursor
        FROM numbered JOIN lanes ON lanes.address = numbered.receiver
    ), moved AS (
        UPDATE intents SET cursor = placed.cursor
        FROM placed WHERE intents.row_id = ANY (ARRAY[placed.row_id])
        RETURNING placed.receiver
    ), receivers AS (
        SELECT DISTINCT receiver FROM moved
    )
    SELECT EXISTS (SELECT FROM me), (SELECT count(*) FROM page), (SELECT max(row_id) FROM page),
        receivers.receiver
    FROM (SELECT) AS always LEFT JOIN receivers ON TRUE"
);

pub(super) async fn requeue(
    session: &Session,
    me: &ReplicaEpoch,
    (workspace, sender): (WorkspaceId, &Address),
    rows: RowsBetween,
    intents_max: usize,
) -> Result<Requeued, Failure> {
    let intents_max = limit(intents_max.min(INTENTS_MAX));
    let (epoch, step) = (int(me.epoch.0), int(CURSOR_STEP));
    let (after, up_to) = (int(rows.after), int(rows.up_to));
    let (workspace, sender) = (workspace.as_uuid(), sender.as_str());
    let rows = rows::write(
        session,
        REQUEUE,
        &[&me.replica_id, &epoch, workspace, &sender, &after, &intents_max, &step, &up_to],
    )
    .await?;
    let mut requeued = Requeued::default();
    for row in &rows {
        let count: i64 = row.plain(1)?;
        if count == intents_max {
            requeued.next = row.optional_number(2)?;
        }
        if row.optional_text(3)?.is_some() {
            requeued.receivers.push(row.address(3)?);
        }
    }
    Ok(requeued)
}

/// Notes up to which resume everything was requeued.
pub(super) async fn set_done(session: &Session, up_to: Revision) -> Result<(), Failure> {
    let sql = "UPDATE requeue_head SET revision = $1 WHERE revision < $1";
    session.write_count(sql, &[&int(up_to.0)]).await.map(drop)
}

pub(super) async fn done(session: &Session) -> Result<Revision, Failure> {
    let row = session.read_one("SELECT revision FROM requeue_head", &[]).await?;
    row.map_or_else(|| Ok(Revision::default()), |row| row.revision(0))
}
