//! Removing what has been kept long enough, a slice at a time.
//!
//! Rows stand in the order in which they came, so that what is old stands in front: a pass walks
//! from the first row on and is over at the first stretch in which nothing is old enough. No
//! index on the time of ending is needed, which every intent would pay for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axme_core::time::Timestamp;
use rusqlite::{Result, params};

use crate::ledger::Retention;
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int, limit};
use crate::sqlite::pace::Stopwatch;

/// How long one slice takes further rows.
const SLICE_MAX: Duration = Duration::from_millis(5);
/// Rows of a stretch.
const STRETCH_ROWS: usize = 64;

/// Where the current pass is.
#[derive(Debug, Default)]
pub(super) struct Pass(Mutex<Place>);

#[derive(Clone, Copy, Debug)]
struct Place {
    table: Table,
    after: u64,
}

/// The tables of a pass, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Intents,
    Idempotency,
    Beats,
    KillInstances,
    Instances,
    Sessions,
    Hours,
    Traffic,
    Days,
}

impl Default for Place {
    fn default() -> Self {
        Self { table: Table::Intents, after: 0 }
    }
}

impl Pass {
    /// Does one slice. True when the pass is not over.
    pub(super) fn retain(&self, batch: &Batch<'_>, retention: &Retention) -> Result<bool> {
        let mut place = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = Stopwatch::start();
        let mut more = true;
        while more && running.elapsed() < SLICE_MAX {
            let next = stretch(batch, place, retention)?;
            more = next.is_some();
            place = next.unwrap_or_default();
        }
        // Should the transaction not commit, then the next pass finds what was left.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = place;
        Ok(more)
    }
}

/// Removes what is old enough of the next rows. None when the pass is over.
fn stretch(batch: &Batch<'_>, place: Place, retention: &Retention) -> Result<Option<Place>> {
    let Place { table, after } = place;
    let keys_before = retention.keys_used_before;
    let intents_before = retention.intents_ended_before;
    let go_on = match table {
        Table::Intents => intents(batch, after, intents_before)?,
        Table::Idempotency => plain(batch, "idempotency", after, keys_before)?,
        Table::Beats => plain(batch, "beat_seen", after, keys_before)?,
        Table::KillInstances => plain(batch, "kill_instance", after, intents_before)?,
        Table::Instances => instances(batch, retention.instances_seen_before)?,
        Table::Sessions => sessions(batch, keys_before)?,
        Table::Hours => sums(batch, "usage_hour", retention.hours_before)?,
        Table::Traffic => sums(batch, "traffic_hour", retention.hours_before)?,
        Table::Days => sums(batch, "usage_day", retention.days_before)?,
    };
    let begin = |table| Some(Place { table, after: 0 });
    Ok(match (go_on, table) {
        (Some(after), table) => Some(Place { table, after }),
        (None, Table::Intents) => begin(Table::Idempotency),
        (None, Table::Idempotency) => begin(Table::Beats),
        (None, Table::Beats) => begin(Table::KillInstances),
        (None, Table::KillInstances) => begin(Table::Instances),
        (None, Table::Instances) => begin(Table::Sessions),
        (None, Table::Sessions) => begin(Table::Hours),
        (None, Table::Hours) => begin(Table::Traffic),
        (None, Table::Traffic) => begin(Table::Days),
        (None, Table::Days) => None,
    })
}

/// Intents that ended before, with their events. Where to go on; none when nothing older comes.
fn intents(batch: &Batch<'_>, after: u64, ended_before: Timestamp) -> Result<Option<u64>> {
    let mut get = batch.statement(
        "SELECT row_id, created_at, ended_at FROM intents WHERE row_id > ?1 ORDER BY row_id LIMIT ?2",
    )?;
    let rows = get.query_map(params![int(after), limit(STRETCH_ROWS)], |row| {
        Ok((row.number(0)?, row.time(1)?, row.optional_time(2)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let mut events = batch.statement("DELETE FROM intent_event WHERE intent_row_id = ?1")?;
    let mut intent = batch.statement("DELETE FROM intents WHERE row_id = ?1")?;
    let (mut last, mut any_old) = (after, false);
    for (row_id, created_at, ended_at) in rows {
        last = row_id;
        any_old |= created_at < ended_before;
        if ended_at.is_some_and(|ended_at| ended_at < ended_before) {
            events.execute([int(row_id)])?;
            intent.execute([int(row_id)])?;
        }
    }
    Ok(any_old.then_some(last))
}

/// Rows of a table that has a row id and the time of each.
fn plain(batch: &Batch<'_>, table: &str, after: u64, before: Timestamp) -> Result<Option<u64>> {
    let mut get = batch.statement(&format!(
        "SELECT row_id, at FROM {table} WHERE row_id > ?1 ORDER BY row_id LIMIT ?2"
    ))?;
    let rows = get.query_map(params![int(after), limit(STRETCH_ROWS)], |row| {
        Ok((row.number(0)?, row.time(1)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let mut delete = batch.statement(&format!("DELETE FROM {table} WHERE row_id = ?1"))?;
    let (mut last, mut any_old) = (after, false);
    for (row_id, at) in rows {
        last = row_id;
        if at < before {
            any_old = true;
            delete.execute([int(row_id)])?;
        }
    }
    Ok(any_old.then_some(last))
}

/// Instances that were not heard since; some at a time.
fn instances(batch: &Batch<'_>, before: Timestamp) -> Result<Option<u64>> {
    let mut delete = batch.statement(
        "DELETE FROM instance WHERE (address_id, instance_id) IN (
             SELECT address_id, instance_id FROM instance WHERE last_seen_at < ?1
             ORDER BY last_seen_at LIMIT ?2)",
    )?;
    let removed = delete.execute(params![before.as_micros(), limit(STRETCH_ROWS)])?;
    Ok((removed == STRETCH_ROWS).then_some(0))
}

/// Uses of sessions from before; some at a time, in no order.
fn sessions(batch: &Batch<'_>, before: Timestamp) -> Result<Option<u64>> {
    let mut delete = batch.statement(
        "DELETE FROM session_used WHERE session_id IN (
             SELECT session_id FROM session_used WHERE at < ?1 LIMIT ?2)",
    )?;
    let removed = delete.execute(params![before.as_micros(), limit(STRETCH_ROWS)])?;
    Ok((removed == STRETCH_ROWS).then_some(0))
}

/// Sums of periods that began before; some at a time, in no order.
fn sums(batch: &Batch<'_>, table: &str, before: Timestamp) -> Result<Option<u64>> {
    let key = match table {
        "usage_day" => "workspace_id, address_id, start",
        "traffic_hour" => "workspace_id, address_id, start, epoch",
        _ => "address_id, start",
    };
    let mut delete = batch.statement(&format!(
        "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE start < ?1 LIMIT ?2)"
    ))?;
    let removed = delete.execute(params![before.as_micros(), limit(STRETCH_ROWS)])?;
    Ok((removed == STRETCH_ROWS).then_some(0))
}
