//! Snapshots of the control state, so that loading need not fold the whole log.
//!
//! They are written in parts through a bulk lane: a state of a million agents takes seconds to
//! write, and nothing may wait for that. Replicas that write one at the same revision write the
//! same.

use axme_core::id::Revision;
use axme_core::state::State;

use crate::control::{Loaded, LogHead, ReplicaEpoch};
use crate::postgres::columns::{Columns as _, int, limit};
use crate::postgres::failure::Failure;
use crate::postgres::load;
use crate::postgres::session::Session;

/// Parts that are read at once.
const READ_PARTS_MAX: i64 = 64;
/// The format that this version writes and reads.
const SNAPSHOT_FORMAT: i64 = 1;
/// Snapshots that are kept: the newest, and one before it in case it cannot be read.
const SNAPSHOTS_KEPT: i64 = 2;
/// Bytes of a part.
pub(super) const PART_BYTES: usize = 128 << 10;
/// Parts of old snapshots that one statement removes.
const REMOVED_PARTS_MAX: i64 = 16;

/// Keeps one part.
pub(super) async fn keep_part(
    session: &Session,
    me: &ReplicaEpoch,
    revision: Revision,
    part: usize,
    body: &[u8],
) -> Result<(), Failure> {
    let sql = "
        WITH me AS MATERIALIZED (
            SELECT 1 FROM replica_epoch
            WHERE replica_id = $1 AND epoch = $2 AND closed_at IS NULL FOR SHARE)
        INSERT INTO control_snapshot_part (revision, part, body) SELECT $3, $4, $5 FROM me
        ON CONFLICT (revision, part) DO UPDATE SET body = excluded.body";
    let (id, epoch) = (&*me.replica_id, int(me.epoch.0));
    let (revision, part) = (int(revision.0), limit(part));
    let kept = session.write_count(sql, &[&id, &epoch, &revision, &part, &body]).await?;
    if kept == 0 { Err(Failure::Fenced) } else { Ok(()) }
}

/// Makes a snapshot count, once all of its parts are kept. Older ones stop counting.
pub(super) async fn complete(
    session: &Session,
    me: &ReplicaEpoch,
    head: LogHead,
    parts: usize,
) -> Result<(), Failure> {
    let sql = "
        WITH me AS MATERIALIZED (
            SELECT 1 FROM replica_epoch
            WHERE replica_id = $1 AND epoch = $2 AND closed_at IS NULL FOR SHARE)
        INSERT INTO control_snapshot (revision, hash, format, parts)
        SELECT $3, $4, $5, $6 FROM me
        ON CONFLICT (revision) DO UPDATE
        SET hash = excluded.hash, format = excluded.format, parts = excluded.parts";
    let (id, epoch, revision) = (&*me.replica_id, int(me.epoch.0), int(head.revision.0));
    let (hash, parts) = (&head.hash.0[..], limit(parts));
    let kept = session
        .write_count(sql, &[&id, &epoch, &revision, &hash, &SNAPSHOT_FORMAT, &parts])
        .await?;
    if kept == 0 {
        return Err(Failure::Fenced);
    }
    let sql = "DELETE FROM control_snapshot WHERE revision NOT IN
               (SELECT revision FROM control_snapshot ORDER BY revision DESC LIMIT $1)";
    session.write_count(sql, &[&SNAPSHOTS_KEPT]).await.map(drop)
}

/// Removes some parts that belong to no snapshot below `newest`. True when there may be more.
pub(super) async fn remove_parts(session: &Session, newest: Revision) -> Result<bool, Failure> {
    let sql = "
        DELETE FROM control_snapshot_part p USING (
            SELECT revision, part FROM control_snapshot_part
            WHERE revision < $1 AND revision NOT IN (SELECT revision FROM control_snapshot)
            LIMIT $2) AS old
        WHERE p.revision = old.revision AND p.part = old.part";
    let removed = session.write_count(sql, &[&int(newest.0), &REMOVED_PARTS_MAX]).await?;
    Ok(int(removed) == REMOVED_PARTS_MAX)
}

/// The newest snapshot that can be read and lies on the log, up to a revision. One that cannot is
/// passed over: the log holds everything.
pub(super) async fn newest(session: &Session, up_to: Revision) -> Result<Option<Loaded>, Failure> {
    let sql = "SELECT revision, hash, parts FROM control_snapshot
               WHERE revision <= $1 AND format = $2 ORDER BY revision DESC";
    for row in session.read(sql, &[&int(up_to.0), &SNAPSHOT_FORMAT]).await? {
        let head = LogHead { revision: row.revision(0)?, hash: row.hash(1)? };
        if !load::holds(session, head).await? {
            continue;
        }
        if let Some(state) = read(session, head.revision, row.number(2)?).await? {
            return Ok(Some(Loaded { state, head }));
        }
        let revision = head.revision.0;
        tracing::warn!(revision, "a snapshot cannot be read; folding more of the log");
    }
    Ok(None)
}

async fn read(session: &Session, revision: Revision, parts: u64) -> Result<Option<State>, Failure> {
    let sql = "SELECT body FROM control_snapshot_part
               WHERE revision = $1 AND part >= $2 ORDER BY part LIMIT $3";
    let (mut body, mut found) = (Vec::new(), 0);
    while found < int(parts) {
        let rows = session.read(sql, &[&int(revision.0), &found, &READ_PARTS_MAX]).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        for row in &rows {
            body.extend_from_slice(row.plain(0)?);
        }
        found = found.saturating_add(limit(rows.len()));
    }
    let decoding = tokio::task::spawn_blocking(move || serde_json::from_slice::<State>(&body).ok());
    let state = decoding.await.unwrap_or_default();
    Ok(state.filter(|state| state.revision() == revision))
}
