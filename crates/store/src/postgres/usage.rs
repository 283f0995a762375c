//! Reported usage, in sums per hour and per day.

use std::collections::HashSet;

use axme_core::id::{AddressId, WorkspaceId};
use axme_core::period::{day_start, hour_start};
use axme_core::time::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::control::ReplicaEpoch;
use crate::error::WriteError;
use crate::ledger::{MetricsAdded, NewMetrics, Sums, Usage, finite};
use crate::postgres::columns::{Columns as _, int, storable};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::Session;

/// The largest amount of one report that counts. So many of them add up within a number.
const AMOUNT_MAX: f64 = 1e300;

/// The sums of a group, each as the store takes it.
macro_rules! sums {
    () => {
        "least(sum(total), 9223372036854775807)::bigint,
         least(sum(succeeded), 9223372036854775807)::bigint,
         least(sum(failed), 9223372036854775807)::bigint,
         sum(cost), sum(latency),
         least(sum(latencies), 9223372036854775807)::bigint"
    };
}

/// Adds to what a row holds. Counts stay at their largest value instead of starting again, and
/// amounts stay finite: agents report what they like.
macro_rules! add {
    () => {
        "intents_total =
            least(held.intents_total::numeric + EXCLUDED.intents_total, 9223372036854775807),
         intents_succeeded =
            least(held.intents_succeeded::numeric + EXCLUDED.intents_succeeded,
                9223372036854775807),
         intents_failed =
            least(held.intents_failed::numeric + EXCLUDED.intents_failed, 9223372036854775807),
         latency_count =
            least(held.latency_count::numeric + EXCLUDED.latency_count, 9223372036854775807),
         cost_usd = greatest(-1e307, least(1e307, held.cost_usd)) + EXCLUDED.cost_usd,
         latency_ms_sum =
            greatest(-1e307, least(1e307, held.latency_ms_sum)) + EXCLUDED.latency_ms_sum"
    };
}

/// Beats that were seen before add nothing.
const ADD: &str = as_me!(
    "reported AS MATERIALIZED (
        SELECT reported.* FROM me CROSS JOIN unnest(
            $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::float8[], $13::float8[], $14::bigint[]
        ) AS reported (
            address_id, workspace_id, beat_id, at, hour, day,
            total, succeeded, failed, cost, latency, latencies
        )
    ), seen AS (
        INSERT INTO beat_seen (address_id, beat_id, at)
        SELECT address_id, beat_id, at FROM reported ORDER BY address_id, beat_id
        ON CONFLICT (address_id, beat_id) DO NOTHING
        RETURNING address_id, beat_id
    ), fresh AS MATERIALIZED (
        SELECT reported.* FROM reported JOIN seen USING (address_id, beat_id)
    ), hours AS (
        INSERT INTO usage_hour AS held (address_id, start, intents_total, intents_succeeded,
            intents_failed, cost_usd, latency_ms_sum, latency_count)
        SELECT address_id, hour, ",
    sums!(),
    "   FROM fresh GROUP BY address_id, hour ORDER BY address_id, hour
        ON CONFLICT (address_id, start) DO UPDATE SET ",
    add!(),
    "), days AS (
        INSERT INTO usage_day AS held (workspace_id, address_id, start, intents_total,
            intents_succeeded, intents_failed, cost_usd, latency_ms_sum, latency_count)
        SELECT workspace_id, address_id, day, ",
    sums!(),
    "   FROM fresh GROUP BY workspace_id, address_id, day ORDER BY workspace_id, address_id, day
        ON CONFLICT (workspace_id, address_id, start) DO UPDATE SET ",
    add!(),
    ")
    SELECT EXISTS (SELECT FROM me), seen.address_id, seen.beat_id
    FROM (SELECT) AS always LEFT JOIN seen ON TRUE"
);

/// Adds the metrics of beats to their hours and days, each beat once.
pub(super) async fn add(
    session: &Session,
    me: &ReplicaEpoch,
    metrics: &[NewMetrics],
) -> Result<Vec<MetricsAdded>, Failure> {
    // Of two that are the same beat the first counts.
    let mut beats = HashSet::new();
    let first: Vec<_> =
        metrics.iter().filter(|new| beats.insert((new.address_id, &*new.beat_id))).collect();
    let rows = send(session, me, &first).await?;
    let mut seen = HashSet::new();
    for row in &rows {
        if let Some(id) = row.optional_id(1)? {
            seen.insert((AddressId::from_bytes(id), row.text_of(2)?));
        }
    }
    // Taken out with the first, so that another of the same beat is repeated.
    let added = metrics.iter().map(|new| seen.remove(&(new.address_id, &*new.beat_id)));
    let answer = |is_new| if is_new { MetricsAdded::Added } else { MetricsAdded::Repeated };
    Ok(added.map(answer).collect())
}

/// The refusal of metrics that cannot be stored.
pub(super) fn require_storable(metrics: &NewMetrics) -> Result<(), WriteError> {
    Ok(storable(&metrics.beat_id)?)
}

async fn send(
    session: &Session,
    me: &ReplicaEpoch,
    reported: &[&NewMetrics],
) -> Result<Vec<Row>, Failure> {
    let numbers = |number: fn(&Usage) -> u64| -> Vec<i64> {
        reported.iter().map(|new| int(number(&new.usage))).collect()
    };
    let amounts = |amount: fn(&Usage) -> f64| -> Vec<f64> {
        let kept = |new: &&NewMetrics| finite(amount(&new.usage)).clamp(-AMOUNT_MAX, AMOUNT_MAX);
        reported.iter().map(kept).collect()
    };
    let times = |time: fn(Timestamp) -> Timestamp| -> Vec<i64> {
        reported.iter().map(|new| time(new.at).as_micros()).collect()
    };
    let agents: Vec<Uuid> = reported.iter().map(|new| *new.address_id.as_uuid()).collect();
    let workspaces: Vec<Uuid> = reported.iter().map(|new| *new.workspace_id.as_uuid()).collect();
    let beats: Vec<&str> = reported.iter().map(|new| &*new.beat_id).collect();
    let (at, hours, days) = (times(|at| at), times(hour_start), times(day_start));
    let total = numbers(|usage| usage.intents_total);
    let succeeded = numbers(|usage| usage.intents_succeeded);
    let failed = numbers(|usage| usage.intents_failed);
    let latencies = numbers(|usage| usage.latency_count);
    let cost = amounts(|usage| usage.cost_usd);
    let latency = amounts(|usage| usage.latency_ms_sum);
    let (replica, epoch) = (&me.replica_id, int(me.epoch.0));
    rows::write(
        session,
        ADD,
        &[
            replica,
            &epoch,
            &agents,
            &workspaces,
            &beats,
            &at,
            &hours,
            &days,
            &total,
            &succeeded,
            &failed,
            &cost,
            &latency,
            &latencies,
        ],
    )
    .await
}

/// The usage of an agent in the hour that began at `hour`.
pub(super) async fn of_hour(
    session: &Session,
    address: AddressId,
    hour: Timestamp,
) -> Result<Usage, Failure> {
    let sql = "SELECT intents_total, intents_succeeded, intents_failed, cost_usd, latency_ms_sum,
            latency_count
        FROM usage_hour WHERE address_id = $1 AND start = $2";
    let row = session.read_one(sql, &[address.as_uuid(), &hour.as_micros()]).await?;
    row.map_or_else(|| Ok(Usage::default()), |row| read(&row, 0))
}

/// The usage of a workspace's agents since a midnight, of one of them when it is named.
pub(super) async fn since(
    session: &Session,
    workspace: WorkspaceId,
    address: Option<AddressId>,
    since: Timestamp,
) -> Result<Vec<(AddressId, Usage)>, Failure> {
    let sql = "SELECT address_id, intents_total, intents_succeeded, intents_failed, cost_usd,
            latency_ms_sum, latency_count
        FROM usage_day
        WHERE workspace_id = $1 AND address_id >= $2 AND address_id <= $3 AND start >= $4
        ORDER BY address_id";
    let from = address.unwrap_or(AddressId::from_bytes([0; 16]));
    let to = address.unwrap_or(AddressId::from_bytes([0xff; 16]));
    let since = since.as_micros();
    let days =
        session.read(sql, &[workspace.as_uuid(), from.as_uuid(), to.as_uuid(), &since]).await?;
    let mut sums = Sums::default();
    for day in &days {
        sums.add(AddressId::from_bytes(day.id(0)?), read(day, 1)?);
    }
    Ok(sums.into_vec())
}

/// Six columns from `column` on.
pub(super) fn read(row: &Row, column: usize) -> Result<Usage, Failure> {
    Ok(Usage {
        intents_total: row.number(column)?,
        intents_succeeded: row.number(column + 1)?,
        intents_failed: row.number(column + 2)?,
        cost_usd: row.plain(column + 3)?,
        latency_ms_sum: row.plain(column + 4)?,
        latency_count: row.number(column + 5)?,
    })
}
