//! What the gateway counts of each agent, hour by hour.

use axme_core::id::AddressId;
use axme_core::policy::Money;
use axme_core::time::Timestamp;
use rusqlite::{Connection, Result, params, params_from_iter};

use crate::ledger::{Per, Traffic, TrafficQuery};
use crate::lifecycle::{Sender, StoredDay};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int};
use crate::sqlite::usage;

/// Adds to the hour of an agent, in the row of the epoch that writes.
pub(super) fn add(
    batch: &Batch<'_>,
    (workspace, agent): Sender,
    hour: Timestamp,
    counted: Traffic,
) -> Result<()> {
    let mut put = batch.statement(
        "INSERT INTO traffic_hour (workspace_id, address_id, start, epoch, admitted, denied)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (workspace_id, address_id, start, epoch) DO UPDATE SET
             admitted = admitted + excluded.admitted, denied = denied + excluded.denied",
    )?;
    put.execute(params![
        workspace.as_bytes(),
        agent.as_bytes(),
        hour.as_micros(),
        int(batch.epoch.0),
        int(counted.admitted),
        int(counted.denied),
    ])
    .map(drop)
}

/// What is stored of a sender's day.
pub(super) fn day_of(
    connection: &Connection,
    (workspace, agent): Sender,
    day: Timestamp,
) -> Result<StoredDay> {
    let mut get = connection.prepare_cached(
        "SELECT start, sum(admitted) FROM traffic_hour
         WHERE workspace_id = ?1 AND address_id = ?2 AND start >= ?3 AND start < ?4
         GROUP BY start",
    )?;
    let (from, length) = (day.as_micros(), Per::Day.length_micros());
    let key = params![workspace.as_bytes(), agent.as_bytes(), from, from + length];
    let hours = get.query_map(key, |row| Ok((row.time(0)?, row.number(1)?)))?;
    let reported = usage::of_day(connection, workspace, agent, day)?;
    Ok(StoredDay { hours: hours.collect::<Result<_>>()?, cost: Money::at_most(reported.cost_usd) })
}

/// Sums by agent and period, both ascending.
pub(super) fn sums(
    connection: &Connection,
    query: &TrafficQuery,
) -> Result<Vec<(AddressId, Timestamp, Traffic)>> {
    let since = query.since.as_micros();
    let length = query.per.length_micros();
    let of_agents = match query.agents.len() {
        0 => String::new(),
        count => format!("AND address_id IN (?{})", ", ?".repeat(count - 1)),
    };
    // The length is one of three numbers of ours.
    let mut get = connection.prepare_cached(&format!(
        "SELECT address_id, ?2 + (start - ?2) / {length} * {length} AS period,
             sum(admitted), sum(denied)
         FROM traffic_hour WHERE workspace_id = ?1 AND start >= ?2 {of_agents}
         GROUP BY address_id, period ORDER BY address_id, period"
    ))?;
    let ids =
        query.agents.iter().map(|agent| rusqlite::types::Value::from(agent.as_bytes().to_vec()));
    let first = [
        rusqlite::types::Value::from(query.workspace_id.as_bytes().to_vec()),
        rusqlite::types::Value::from(since),
    ];
    let rows = get.query_map(params_from_iter(first.into_iter().chain(ids)), |row| {
        let traffic = Traffic { admitted: row.number(2)?, denied: row.number(3)? };
        Ok((AddressId::from_bytes(row.id(0)?), row.time(1)?, traffic))
    })?;
    rows.collect()
}
