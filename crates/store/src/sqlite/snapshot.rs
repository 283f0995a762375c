//! Snapshots of the control state, so that loading need not fold the whole log.
//!
//! They are written in parts through the bulk queue: a state of a million agents takes seconds to
//! write, and no kill may wait for that.

use axme_core::id::Revision;
use axme_core::state::State;
use rusqlite::{Connection, Result, params};

use crate::control::{Loaded, LogHead};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int, limit};
use crate::sqlite::load;

/// The format that this version writes and reads.
const SNAPSHOT_FORMAT: i64 = 1;
/// Snapshots that are kept: the newest, and one before it in case it cannot be read.
const SNAPSHOTS_KEPT: u64 = 2;
/// Bytes of a part.
pub(super) const PART_BYTES: usize = 128 << 10;
/// Parts of old snapshots that one transaction removes.
const REMOVED_PARTS_MAX: i64 = 16;

/// Keeps one part.
pub(super) fn keep_part(
    batch: &mut Batch<'_>,
    revision: Revision,
    part: usize,
    body: &[u8],
) -> Result<()> {
    let mut put = batch.statement(
        "INSERT INTO control_snapshot_part (revision, part, body) VALUES (?1, ?2, ?3)
         ON CONFLICT (revision, part) DO UPDATE SET body = excluded.body",
    )?;
    put.execute(params![int(revision.0), limit(part), body]).map(drop)
}

/// Makes a snapshot count, once all of its parts are kept. Older ones stop counting.
pub(super) fn complete(batch: &mut Batch<'_>, head: LogHead, parts: usize) -> Result<()> {
    let mut put = batch.statement(
        "INSERT INTO control_snapshot (revision, hash, format, parts) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (revision) DO UPDATE
         SET hash = excluded.hash, format = excluded.format, parts = excluded.parts",
    )?;
    put.execute(params![int(head.revision.0), head.hash.0, SNAPSHOT_FORMAT, limit(parts)])?;
    let mut remove = batch.statement(
        "DELETE FROM control_snapshot WHERE revision NOT IN
         (SELECT revision FROM control_snapshot ORDER BY revision DESC LIMIT ?1)",
    )?;
    remove.execute([int(SNAPSHOTS_KEPT)]).map(drop)
}

/// Removes some parts that belong to no snapshot below `newest`. True when there may be more.
pub(super) fn remove_parts(batch: &mut Batch<'_>, newest: Revision) -> Result<bool> {
    let mut remove = batch.statement(
        "DELETE FROM control_snapshot_part WHERE rowid IN
         (SELECT rowid FROM control_snapshot_part
          WHERE revision < ?1 AND revision NOT IN (SELECT revision FROM control_snapshot)
          LIMIT ?2)",
    )?;
    let removed = remove.execute(params![int(newest.0), REMOVED_PARTS_MAX])?;
    Ok(limit(removed) == REMOVED_PARTS_MAX)
}

/// The newest snapshot that can be read and lies on the log, up to a revision. One that cannot is
/// passed over: the log holds everything.
pub(super) fn newest(connection: &Connection, up_to: Revision) -> Result<Option<Loaded>> {
    let mut get = connection.prepare_cached(
        "SELECT revision, hash, parts FROM control_snapshot
         WHERE revision <= ?1 AND format = ?2 ORDER BY revision DESC",
    )?;
    let rows = get.query_map(params![int(up_to.0), SNAPSHOT_FORMAT], |row| {
        let head = LogHead { revision: row.revision(0)?, hash: row.hash(1)? };
        Ok((head, row.number(2)?))
    })?;
    for row in rows {
        let (head, parts) = row?;
        if !load::holds(connection, head)? {
            continue;
        }
        if let Some(state) = read(connection, head.revision, parts)? {
            return Ok(Some(Loaded { state, head }));
        }
        tracing::warn!(
            revision = head.revision.0,
            "a snapshot cannot be read; folding more of the log"
        );
    }
    Ok(None)
}

fn read(connection: &Connection, revision: Revision, parts: u64) -> Result<Option<State>> {
    let mut get = connection.prepare_cached(
        "SELECT body FROM control_snapshot_part WHERE revision = ?1 ORDER BY part",
    )?;
    let (mut body, mut found) = (Vec::new(), 0);
    let mut rows = get.query([int(revision.0)])?;
    while let Some(row) = rows.next()? {
        body.extend_from_slice(row.get_ref(0)?.as_blob().unwrap_or_default());
        found += 1;
    }
    let state: Option<State> = serde_json::from_slice(&body).ok();
    Ok(state.filter(|state| found == parts && state.revision() == revision))
}
