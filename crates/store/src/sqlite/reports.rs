//! What agents reported, day by day, and when they reported last.

use axme_core::id::{AddressId, WorkspaceId};
use axme_core::time::Timestamp;
use rusqlite::{Connection, Result, params};

use crate::ledger::Usage;
use crate::sqlite::columns::Columns as _;
use crate::sqlite::usage::read;

/// When agents reported last. Hours are kept for two days, days for long.
pub(super) fn last(
    connection: &Connection,
    workspace: WorkspaceId,
    agents: &[AddressId],
) -> Result<Vec<(AddressId, Timestamp)>> {
    let mut get = connection.prepare_cached(
        "SELECT coalesce(
             (SELECT max(start) FROM usage_hour WHERE address_id = ?2),
             (SELECT max(start) FROM usage_day WHERE workspace_id = ?1 AND address_id = ?2))",
    )?;
    let mut last = Vec::new();
    for agent in agents {
        let of = params![workspace.as_bytes(), agent.as_bytes()];
        let found = get.query_row(of, |row| row.optional_time(0))?;
        last.extend(found.map(|at| (*agent, at)));
    }
    Ok(last)
}

/// The usage of these agents since a midnight, day by day.
pub(super) fn of_days(
    connection: &Connection,
    workspace: WorkspaceId,
    agents: &[AddressId],
    since: Timestamp,
) -> Result<Vec<(AddressId, Timestamp, Usage)>> {
    let mut get = connection.prepare_cached(
        "SELECT start, intents_total, intents_succeeded, intents_failed, cost_usd, latency_ms_sum,
             latency_count
         FROM usage_day WHERE workspace_id = ?1 AND address_id = ?2 AND start >= ?3
         ORDER BY start",
    )?;
    let mut days = Vec::new();
    for agent in agents {
        let of = params![workspace.as_bytes(), agent.as_bytes(), since.as_micros()];
        for day in get.query_map(of, |row| Ok((*agent, row.time(0)?, read(row, 1)?)))? {
            days.push(day?);
        }
    }
    Ok(days)
}

/// The usage of all agents of a workspace since a midnight, added up for each day. In numbers of
/// floating point, which do not overflow: agents report what they like.
pub(super) fn by_day(
    connection: &Connection,
    workspace: WorkspaceId,
    since: Timestamp,
) -> Result<Vec<(Timestamp, Usage)>> {
    let mut get = connection.prepare_cached(
        "SELECT start,
             CAST(min(total(intents_total), 9e18) AS INTEGER),
             CAST(min(total(intents_succeeded), 9e18) AS INTEGER),
             CAST(min(total(intents_failed), 9e18) AS INTEGER),
             max(min(total(cost_usd), 1e300), -1e300),
             max(min(total(latency_ms_sum), 1e300), -1e300),
             CAST(min(total(latency_count), 9e18) AS INTEGER)
         FROM usage_day WHERE workspace_id = ?1 AND start >= ?2
         GROUP BY start ORDER BY start",
    )?;
    let of = params![workspace.as_bytes(), since.as_micros()];
    get.query_map(of, |row| Ok((row.time(0)?, read(row, 1)?)))?.collect()
}
