//! What the gateway counts of each agent, hour by hour.

use axme_core::id::AddressId;
use axme_core::policy::Money;
use axme_core::time::Timestamp;
use uuid::Uuid;

use crate::control::ReplicaEpoch;
use crate::ledger::{Per, Traffic, TrafficQuery};
use crate::lifecycle::{Sender, StoredDay};
use crate::postgres::columns::{Columns as _, int};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::Session;

/// Adds to the hours of agents, in the rows of the epoch that writes.
const ADD: &str = as_me!(
    "counted AS (
        INSERT INTO traffic_hour AS held (workspace_id, address_id, start, epoch, admitted, denied)
        SELECT seen.workspace_id, seen.address_id, seen.start, $2, 0, sum(seen.denied)
        FROM me CROSS JOIN unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[])
            AS seen (workspace_id, address_id, start, denied)
        GROUP BY seen.workspace_id, seen.address_id, seen.start
        ON CONFLICT (workspace_id, address_id, start, epoch) DO UPDATE
            SET denied = held.denied + EXCLUDED.denied
    )
    SELECT EXISTS (SELECT FROM me)"
);

/// Adds denials to what was counted.
pub(super) async fn add_denied(
    session: &Session,
    me: &ReplicaEpoch,
    denied: impl Iterator<Item = (Sender, Timestamp, Traffic)>,
) -> Result<(), Failure> {
    let (mut workspaces, mut agents) = (Vec::<Uuid>::new(), Vec::<Uuid>::new());
    let (mut hours, mut counts) = (Vec::new(), Vec::new());
    for ((workspace, agent), hour, traffic) in denied {
        workspaces.push(*workspace.as_uuid());
        agents.push(*agent.as_uuid());
        hours.push(hour.as_micros());
        counts.push(int(traffic.denied));
    }
    if agents.is_empty() {
        return Ok(());
    }
    let epoch = int(me.epoch.0);
    rows::write(session, ADD, &[&me.replica_id, &epoch, &workspaces, &agents, &hours, &counts])
        .await
        .map(drop)
}

/// What is stored of a sender's day.
pub(super) async fn day_of(
    session: &Session,
    (workspace, agent): Sender,
    day: Timestamp,
) -> Result<StoredDay, Failure> {
    let sql = "SELECT start, sum(admitted)::bigint, NULL::float8 FROM traffic_hour
            WHERE workspace_id = $1 AND address_id = $2 AND start >= $3 AND start < $4
            GROUP BY start
        UNION ALL
        SELECT $3, 0, cost_usd FROM usage_day
            WHERE workspace_id = $1 AND address_id = $2 AND start = $3";
    let (from, length) = (day.as_micros(), Per::Day.length_micros());
    let to = from + length;
    let rows = session.read(sql, &[workspace.as_uuid(), agent.as_uuid(), &from, &to]).await?;
    let mut stored = StoredDay::default();
    for row in &rows {
        match row.plain::<Option<f64>>(2)? {
            Some(cost_usd) => stored.cost = Money::at_most(cost_usd),
            None => stored.hours.push((row.time(0)?, row.number(1)?)),
        }
    }
    Ok(stored)
}

/// Sums by agent and period, both ascending.
pub(super) async fn sums(
    session: &Session,
    query: &TrafficQuery,
) -> Result<Vec<(AddressId, Timestamp, Traffic)>, Failure> {
    let sql = "SELECT address_id, $2::bigint + (start - $2::bigint) / $3::bigint * $3::bigint
                AS period,
            sum(admitted)::bigint, sum(denied)::bigint
        FROM traffic_hour
        WHERE workspace_id = $1 AND start >= $2 AND ($4::uuid[] IS NULL OR address_id = ANY ($4))
        GROUP BY address_id, period ORDER BY address_id, period";
    let (since, length) = (query.since.as_micros(), query.per.length_micros());
    let agents: Vec<Uuid> = query.agents.iter().map(|agent| *agent.as_uuid()).collect();
    let agents = (!agents.is_empty()).then_some(agents);
    let rows = session.read(sql, &[query.workspace_id.as_uuid(), &since, &length, &agents]).await?;
    let read = |row: &tokio_postgres::Row| {
        let traffic = Traffic { admitted: row.number(2)?, denied: row.number(3)? };
        Ok((AddressId::from_bytes(row.id(0)?), row.time(1)?, traffic))
    };
    rows.iter().map(read).collect()
}
