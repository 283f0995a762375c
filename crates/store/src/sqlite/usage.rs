//! Reported usage, in sums per hour and per day.

use axme_core::id::{AddressId, WorkspaceId};
use axme_core::period::{day_start, hour_start};
use axme_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use crate::ledger::{MetricsAdded, NewMetrics, Sums, Usage};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int};

/// Adds the metrics of a beat to its hour and its day, unless the beat was added before.
pub(super) fn add(batch: &Batch<'_>, new: &NewMetrics) -> Result<MetricsAdded> {
    let mut see = batch.statement(
        "INSERT INTO beat_seen (address_id, beat_id, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (address_id, beat_id) DO NOTHING",
    )?;
    if see.execute(params![new.address_id.as_bytes(), new.beat_id, new.at.as_micros()])? == 0 {
        return Ok(MetricsAdded::Repeated);
    }
    let hour = hour_start(new.at);
    let so_far = of_hour(batch.connection(), new.address_id, hour)?;
    put_hour(batch, new.address_id, hour, &so_far.plus(new.usage))?;
    let day = day_start(new.at);
    let so_far = of_day(batch.connection(), new.workspace_id, new.address_id, day)?;
    put_day(batch, new, day, &so_far.plus(new.usage))?;
    Ok(MetricsAdded::Added)
}

/// The usage of an agent in the hour that began at `hour`.
pub(super) fn of_hour(
    connection: &Connection,
    address: AddressId,
    hour: Timestamp,
) -> Result<Usage> {
    let mut get = connection.prepare_cached(
        "SELECT intents_total, intents_succeeded, intents_failed, cost_usd, latency_ms_sum,
             latency_count
         FROM usage_hour WHERE address_id = ?1 AND start = ?2",
    )?;
    let found = get
        .query_row(params![address.as_bytes(), hour.as_micros()], |row| read(row, 0))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The usage of a workspace's agents since a midnight, of one of them when it is named.
pub(super) fn since(
    connection: &Connection,
    workspace: WorkspaceId,
    address: Option<AddressId>,
    since: Timestamp,
) -> Result<Vec<(AddressId, Usage)>> {
    let mut get = connection.prepare_cached(
        "SELECT address_id, intents_total, intents_succeeded, intents_failed, cost_usd,
             latency_ms_sum, latency_count
         FROM usage_day
         WHERE workspace_id = ?1 AND address_id >= ?2 AND address_id <= ?3 AND start >= ?4
         ORDER BY address_id",
    )?;
    let from = address.unwrap_or(AddressId::from_bytes([0; 16]));
    let to = address.unwrap_or(AddressId::from_bytes([0xff; 16]));
    let days = get.query_map(
        params![workspace.as_bytes(), from.as_bytes(), to.as_bytes(), since.as_micros()],
        |row| Ok((AddressId::from_bytes(row.id(0)?), read(row, 1)?)),
    )?;
    let mut sums = Sums::default();
    for day in days {
        let (agent, usage) = day?;
        sums.add(agent, usage);
    }
    Ok(sums.into_vec())
}

pub(super) fn of_day(
    connection: &Connection,
    workspace: WorkspaceId,
    address: AddressId,
    day: Timestamp,
) -> Result<Usage> {
    let mut get = connection.prepare_cached(
        "SELECT intents_total, intents_succeeded, intents_failed, cost_usd, latency_ms_sum,
             latency_count
         FROM usage_day WHERE workspace_id = ?1 AND address_id = ?2 AND start = ?3",
    )?;
    let key = params![workspace.as_bytes(), address.as_bytes(), day.as_micros()];
    Ok(get.query_row(key, |row| read(row, 0)).optional()?.unwrap_or_default())
}

fn put_hour(batch: &Batch<'_>, address: AddressId, hour: Timestamp, usage: &Usage) -> Result<()> {
    let mut put = batch
        .statement("INSERT OR REPLACE INTO usage_hour VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    put.execute(params![
        address.as_bytes(),
        hour.as_micros(),
        int(usage.intents_total),
        int(usage.intents_succeeded),
        int(usage.intents_failed),
        usage.cost_usd,
        usage.latency_ms_sum,
        int(usage.latency_count),
    ])
    .map(drop)
}

fn put_day(batch: &Batch<'_>, of: &NewMetrics, day: Timestamp, usage: &Usage) -> Result<()> {
    let mut put = batch.statement(
        "INSERT OR REPLACE INTO usage_day VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    put.execute(params![
        of.workspace_id.as_bytes(),
        of.address_id.as_bytes(),
        day.as_micros(),
        int(usage.intents_total),
        int(usage.intents_succeeded),
        int(usage.intents_failed),
        usage.cost_usd,
        usage.latency_ms_sum,
        int(usage.latency_count),
    ])
    .map(drop)
}

/// Six columns from `column` on.
pub(super) fn read(row: &Row<'_>, column: usize) -> Result<Usage> {
    Ok(Usage {
        intents_total: row.number(column)?,
        intents_succeeded: row.number(column + 1)?,
        intents_failed: row.number(column + 2)?,
        cost_usd: row.get(column + 3)?,
        latency_ms_sum: row.get(column + 4)?,
        latency_count: row.number(column + 5)?,
    })
}
