//! What agents reported, day by day, and when they reported last.

use axme_core::id::{AddressId, WorkspaceId};
use axme_core::time::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::ledger::Usage;
use crate::postgres::columns::Columns as _;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;
use crate::postgres::usage::read;

/// When agents reported last. Hours are kept for two days, days for long.
pub(super) async fn last(
    session: &Session,
    workspace: WorkspaceId,
    agents: &[AddressId],
) -> Result<Vec<(AddressId, Timestamp)>, Failure> {
    let sql = "SELECT agent.id, last.start
        FROM unnest($2::uuid[]) AS agent (id) CROSS JOIN LATERAL (
            SELECT coalesce(
                (SELECT max(start) FROM usage_hour WHERE address_id = agent.id),
                (SELECT max(start) FROM usage_day
                 WHERE workspace_id = $1 AND address_id = agent.id)) AS start
        ) AS last
        WHERE last.start IS NOT NULL";
    let rows = session.read(sql, &[workspace.as_uuid(), &ids(agents)]).await?;
    rows.iter().map(|row| Ok((AddressId::from_bytes(row.id(0)?), row.time(1)?))).collect()
}

/// The usage of these agents since a midnight, day by day.
pub(super) async fn of_days(
    session: &Session,
    workspace: WorkspaceId,
    agents: &[AddressId],
    since: Timestamp,
) -> Result<Vec<(AddressId, Timestamp, Usage)>, Failure> {
    let sql = "SELECT day.address_id, day.start, day.intents_total, day.intents_succeeded,
            day.intents_failed, day.cost_usd, day.latency_ms_sum, day.latency_count
        FROM unnest($2::uuid[]) WITH ORDINALITY AS agent (id, place)
        JOIN usage_day AS day ON day.workspace_id = $1 AND day.address_id = agent.id
        WHERE day.start >= $3 ORDER BY agent.place, day.start";
    let since = since.as_micros();
    let rows = session.read(sql, &[workspace.as_uuid(), &ids(agents), &since]).await?;
    let day = |row: &Row| Ok((AddressId::from_bytes(row.id(0)?), row.time(1)?, read(row, 2)?));
    rows.iter().map(day).collect()
}

/// The usage of all agents of a workspace since a midnight, added up for each day. Amounts are cut
/// so that they add up within a number: agents report what they like.
pub(super) async fn by_day(
    session: &Session,
    workspace: WorkspaceId,
    since: Timestamp,
) -> Result<Vec<(Timestamp, Usage)>, Failure> {
    let sql = "SELECT start,
            least(sum(intents_total), 9223372036854775807)::bigint,
            least(sum(intents_succeeded), 9223372036854775807)::bigint,
            least(sum(intents_failed), 9223372036854775807)::bigint,
            sum(greatest(-1e300, least(1e300, cost_usd))),
            sum(greatest(-1e300, least(1e300, latency_ms_sum))),
            least(sum(latency_count), 9223372036854775807)::bigint
        FROM usage_day WHERE workspace_id = $1 AND start >= $2
        GROUP BY start ORDER BY start";
    let rows = session.read(sql, &[workspace.as_uuid(), &since.as_micros()]).await?;
    rows.iter().map(|row| Ok((row.time(0)?, read(row, 1)?))).collect()
}

fn ids(agents: &[AddressId]) -> Vec<Uuid> {
    agents.iter().map(|agent| *agent.as_uuid()).collect()
}
