//! What is kept of instances with a kill.

use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::progress;
use crate::instances::{
    Frozen, FrozenInstance, FrozenTotals, INSTANCES_LISTED_MAX, INSTANCES_MAX, Via, Word,
};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int, limit};

/// What an instance has said about the kill itself is not replaced, and what it left out is added.
const FREEZE: &str = "
    INSERT INTO kill_instance (kill_id, instance_id, at, inferred, version, region, last_seen_at,
        streams, done, total, unit, metadata)
    SELECT ?1, instance_id, ?3, inferred, version, region, last_seen_at, streams, done, total, unit,
        metadata
    FROM instance WHERE address_id = ?2 AND ended_at IS NULL LIMIT ?4
    ON CONFLICT (kill_id, instance_id) DO UPDATE SET
        version = coalesce(version, excluded.version), region = coalesce(region, excluded.region),
        last_seen_at = max(last_seen_at, excluded.last_seen_at),
        streams = max(streams, excluded.streams),
        total = iif(late AND done IS NOT NULL, total, excluded.total),
        unit = iif(late AND done IS NOT NULL, unit, excluded.unit),
        done = iif(late AND done IS NOT NULL, done, excluded.done),
        metadata = iif(late AND metadata IS NOT NULL, metadata, excluded.metadata)
    WHERE late OR last_seen_at <= excluded.last_seen_at";

pub(super) fn freeze(
    batch: &Batch<'_>,
    kill: KillId,
    address: AddressId,
    at: Timestamp,
) -> Result<()> {
    let mut freeze = batch.statement(FREEZE)?;
    let of = params![kill.as_bytes(), address.as_bytes(), at.as_micros(), limit(INSTANCES_MAX)];
    freeze.execute(of).map(drop)
}

const KEEP: &str = "
    INSERT INTO kill_instance (kill_id, instance_id, at, inferred, version, region, last_seen_at,
        via, after_ms, done, total, unit, metadata, late)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3, ?7, ?8, ?9, ?10, ?11, ?12, 1)
    ON CONFLICT (kill_id, instance_id) DO UPDATE SET
        version = coalesce(excluded.version, version), region = coalesce(excluded.region, region),
        last_seen_at = max(last_seen_at, excluded.last_seen_at),
        reported_after = reported_after + iif(via IS NULL, 0, ?13),
        total = iif(excluded.done IS NULL, total, excluded.total),
        unit = iif(excluded.done IS NULL, unit, excluded.unit),
        done = coalesce(excluded.done, done),
        metadata = coalesce(excluded.metadata, metadata),
        after_ms = iif(via IS NULL, excluded.after_ms, after_ms),
        via = coalesce(via, excluded.via),
        late = 1";

pub(super) fn keep(batch: &Batch<'_>, word: &Word) -> Result<bool> {
    let mut get =
        batch.statement("SELECT via FROM kill_instance WHERE kill_id = ?1 AND instance_id = ?2")?;
    let before: Option<Option<Box<str>>> = get
        .query_row(params![word.kill.as_bytes(), word.instance_id], |row| row.optional_text(0))
        .optional()?;
    let progress = word.said.progress.as_ref();
    let mut put = batch.statement(KEEP)?;
    put.execute(params![
        word.kill.as_bytes(),
        word.instance_id,
        word.at.as_micros(),
        word.inferred,
        word.said.version,
        word.said.region,
        word.stopped.map(|(via, _)| via.as_str()),
        word.stopped.map(|(_, after_ms)| after_ms),
        progress.map(|progress| int(progress.done)),
        progress.and_then(|progress| progress.total).map(int),
        progress.and_then(|progress| progress.unit.as_ref()),
        word.said.metadata,
        int(word.reported),
    ])?;
    Ok(before.flatten().is_some())
}

pub(super) fn of(connection: &Connection, kill: KillId, heard_since: Timestamp) -> Result<Frozen> {
    // One reading: that nobody is awaited must not be newer than what is said of each.
    let reading = connection.unchecked_transaction()?;
    let frozen =
        Frozen { totals: totals(&reading, kill, heard_since)?, instances: listed(&reading, kill)? };
    reading.commit()?;
    Ok(frozen)
}

/// How many instances of each kill have not said that they stopped.
pub(super) fn unstopped(connection: &Connection, kills: &[KillId]) -> Result<Vec<(KillId, u64)>> {
    let mut count = connection
        .prepare_cached("SELECT count(*) FROM kill_instance WHERE kill_id = ?1 AND via IS NULL")?;
    let mut left = Vec::new();
    for kill in kills {
        let instances = count.query_row([kill.as_bytes()], |row| row.number(0))?;
        if instances > 0 {
            left.push((*kill, instances));
        }
    }
    Ok(left)
}

fn listed(connection: &Connection, kill: KillId) -> Result<Vec<FrozenInstance>> {
    let mut get = connection.prepare_cached(
        "SELECT instance_id, inferred, version, region, last_seen_at, streams, via, after_ms, done,
             total, unit, metadata, late, reported_after
         FROM kill_instance WHERE kill_id = ?1
         ORDER BY via IS NOT NULL, instance_id LIMIT ?2",
    )?;
    let rows = get.query_map(params![kill.as_bytes(), limit(INSTANCES_LISTED_MAX)], read)?;
    rows.collect()
}

fn totals(connection: &Connection, kill: KillId, heard_since: Timestamp) -> Result<FrozenTotals> {
    let mut get = connection.prepare_cached(
        "SELECT count(*), count(via),
             count(*) FILTER (WHERE via IS NULL AND last_seen_at <= ?2),
             count(*) FILTER (WHERE via IS NULL AND streams > 0),
             CAST(min(total(done), 9e18) AS INTEGER),
             CAST(min(total(max(total - done, 0)), 9e18) AS INTEGER),
             count(done), count(total), count(DISTINCT coalesce(unit, '')) FILTER (WHERE done >= 0),
             max(unit)
         FROM kill_instance WHERE kill_id = ?1",
    )?;
    get.query_row(params![kill.as_bytes(), heard_since.as_micros()], |row| {
        let (reporting, with_total, units) = (row.number(6)?, row.number(7)?, row.number(8)?);
        Ok(FrozenTotals {
            instances: row.number(0)?,
            stopped: row.number(1)?,
            unreachable: row.number(2)?,
            awaited: row.number(3)?,
            done: (reporting > 0).then(|| row.number(4)).transpose()?,
            not_done: (with_total > 0).then(|| row.number(5)).transpose()?,
            unit: if units == 1 { row.optional_text(9)? } else { None },
        })
    })
}

fn read(row: &Row<'_>) -> Result<FrozenInstance> {
    let via = row.optional_text(6)?;
    let after_ms: Option<f64> = row.get(7)?;
    Ok(FrozenInstance {
        instance_id: row.text(0)?,
        inferred: row.get(1)?,
        version: row.optional_text(2)?,
        region: row.optional_text(3)?,
        last_seen_at: row.time(4)?,
        streams: row.number(5)?,
        stopped: via.and_then(|via| Via::parse(&via)).zip(after_ms),
        progress: progress(row, 8)?,
        metadata: row.optional_text(11)?,
        late: row.get(12)?,
        reported_after: row.number(13)?,
    })
}
