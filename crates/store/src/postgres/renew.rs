//! Renewals: one statement that writes and reads the head.

use crate::control::{LogHead, Renewal, Renewed, StopAccount};
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;

/// Renews an epoch whose beat was last written as `previous`. A report of something that the log
/// does not hold is not taken: others would count on it. The statement writes and waits for its commit,
/// so that a primary that was deposed cannot answer it.
pub(super) async fn renew(
    session: &Session,
    renewal: &Renewal,
    previous: u64,
) -> Result<Renewed, Failure> {
    let sql = "
        WITH held AS MATERIALIZED (
            SELECT $4 = 0::bigint OR EXISTS (
                SELECT 1 FROM control_log WHERE revision = $4 AND hash = $6) AS as_said),
        beat AS (
            UPDATE replica_beat SET seq = seq + 1,
                applied = CASE WHEN as_said THEN $4 ELSE applied END,
                enforced = CASE WHEN as_said THEN $5 ELSE enforced END
            FROM held
            WHERE replica_id = $1 AND epoch = $2 AND seq = $3 AND EXISTS (
                SELECT 1 FROM replica_epoch
                WHERE replica_id = $1 AND epoch = $2 AND closed_at IS NULL)
            RETURNING seq, as_said),
        said AS (
            INSERT INTO stop_account (revision, replica_id, epoch, streams_closed,
                connections_cut, bytes_after_order, at)
            SELECT stop.*, extract(epoch FROM now()) * 1000000
            FROM beat CROSS JOIN LATERAL (
                SELECT revision, $1, $2, streams, cut, bytes
                FROM unnest($7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
                    AS account (revision, streams, cut, bytes)
                WHERE as_said) stop
            ON CONFLICT ON CONSTRAINT stop_account_once DO NOTHING)
        SELECT head.revision, head.hash, (SELECT hash FROM control_log WHERE revision = $4)
        FROM beat, control_head head";
    let applied = renewal.applied.revision;
    let accounts = Accounts::of(&renewal.accounts);
    let rows = session
        .write(
            sql,
            &[
                &&*renewal.by.replica_id,
                &int(renewal.by.epoch.0),
                &int(previous),
                &int(applied.0),
                &int(renewal.enforced.0),
                &&renewal.applied.hash.0[..],
                &accounts.revisions,
                &accounts.streams,
                &accounts.cut,
                &accounts.bytes,
            ],
        )
        .await?;
    let Some(row) = rows.first() else { return Err(Failure::Fenced) };
    let head = LogHead { revision: row.revision(0)?, hash: row.hash(1)? };
    let start = LogHead::default();
    let at_applied =
        if applied == start.revision { Some(start.hash) } else { row.optional_hash(2)? };
    Ok(Renewed { head, at_applied })
}

/// The accounts of a renewal, column by column.
#[derive(Default)]
struct Accounts {
    revisions: Vec<i64>,
    streams: Vec<i64>,
    cut: Vec<i64>,
    bytes: Vec<i64>,
}

impl Accounts {
    fn of(accounts: &[StopAccount]) -> Self {
        let mut columns = Self::default();
        for account in accounts {
            columns.revisions.push(int(account.revision.0));
            columns.streams.push(int(account.streams_closed));
            columns.cut.push(int(account.connections_cut));
            columns.bytes.push(int(account.bytes_after_order));
        }
        columns
    }
}
