//! What is kept of instances with a kill.

use axme_core::id::{AddressId, KillId};
use axme_core::time::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{kept, progress};
use crate::instances::{
    Frozen, FrozenInstance, FrozenTotals, INSTANCES_LISTED_MAX, INSTANCES_MAX, Via, Word,
};
use crate::postgres::columns::{Columns as _, int, limit, storable};
use crate::postgres::failure::Failure;
use crate::postgres::session::{Parameters, Session};

/// What an instance has said about the kill itself is not replaced, and what it left out is added.
const FREEZE: &str = "
    INSERT INTO kill_instance AS held (kill_id, instance_id, at, inferred, version, region,
        last_seen_at, streams, done, total, unit, metadata)
    SELECT $1, instance_id, $3, inferred, version, region, last_seen_at, streams, done, total, unit,
        metadata
    FROM instance WHERE address_id = $2 AND ended_at IS NULL ORDER BY instance_id LIMIT $4
    ON CONFLICT (kill_id, instance_id) DO UPDATE SET
        version = coalesce(held.version, EXCLUDED.version),
        region = coalesce(held.region, EXCLUDED.region),
        last_seen_at = greatest(held.last_seen_at, EXCLUDED.last_seen_at),
        streams = greatest(held.streams, EXCLUDED.streams),
        done = CASE WHEN held.late AND held.done IS NOT NULL
            THEN held.done ELSE EXCLUDED.done END,
        total = CASE WHEN held.late AND held.done IS NOT NULL
            THEN held.total ELSE EXCLUDED.total END,
        unit = CASE WHEN held.late AND held.done IS NOT NULL
            THEN held.unit ELSE EXCLUDED.unit END,
        metadata = CASE WHEN held.late AND held.metadata IS NOT NULL
            THEN held.metadata ELSE EXCLUDED.metadata END
    WHERE held.late OR held.last_seen_at <= EXCLUDED.last_seen_at";

pub(super) async fn freeze(
    session: &Session,
    kill: KillId,
    address: AddressId,
    at: Timestamp,
) -> Result<(), Failure> {
    let (at, rows_max) = (at.as_micros(), limit(INSTANCES_MAX));
    let parameters: Parameters<'_> = &[kill.as_uuid(), address.as_uuid(), &at, &rows_max];
    session.write_count(FREEZE, parameters).await.map(drop)
}

const KEEP: &str = "
    WITH before AS MATERIALIZED (
        SELECT via FROM kill_instance WHERE kill_id = $1 AND instance_id = $2
    ), kept AS (
        INSERT INTO kill_instance AS held (kill_id, instance_id, at, inferred, version, region,
            last_seen_at, via, after_ms, done, total, unit, metadata, late)
        VALUES ($1, $2, $3, $4, $5, $6, $3, $7, $8, $9, $10, $11, $12, true)
        ON CONFLICT (kill_id, instance_id) DO UPDATE SET
            version = coalesce(EXCLUDED.version, held.version),
            region = coalesce(EXCLUDED.region, held.region),
            last_seen_at = greatest(held.last_seen_at, EXCLUDED.last_seen_at),
            reported_after = held.reported_after + CASE WHEN held.via IS NULL THEN 0 ELSE $13::bigint END,
            done = coalesce(EXCLUDED.done, held.done),
            total = CASE WHEN EXCLUDED.done IS NULL THEN held.total ELSE EXCLUDED.total END,
            unit = CASE WHEN EXCLUDED.done IS NULL THEN held.unit ELSE EXCLUDED.unit END,
            metadata = coalesce(EXCLUDED.metadata, held.metadata),
            via = coalesce(held.via, EXCLUDED.via),
            after_ms = CASE WHEN held.via IS NULL THEN EXCLUDED.after_ms ELSE held.after_ms END,
            late = true
    )
    SELECT EXISTS (SELECT FROM before WHERE via IS NOT NULL)";

/// The refusal of what the store cannot keep.
pub(super) fn require_storable(word: &Word) -> Result<(), Failure> {
    storable(&word.instance_id)?;
    kept::storable_said(&word.said)
}

pub(super) async fn keep(session: &Session, word: &Word) -> Result<bool, Failure> {
    let progress = word.said.progress.as_ref();
    let (done, total) =
        (progress.map(|at| int(at.done)), progress.and_then(|at| at.total).map(int));
    let unit = progress.and_then(|at| at.unit.as_deref());
    let (via, after_ms) =
        (word.stopped.map(|(via, _)| via.as_str()), word.stopped.map(|(_, ms)| ms));
    let (at, reported) = (word.at.as_micros(), int(word.reported));
    let parameters: Parameters<'_> = &[
        word.kill.as_uuid(),
        &word.instance_id,
        &at,
        &word.inferred,
        &word.said.version,
        &word.said.region,
        &via,
        &after_ms,
        &done,
        &total,
        &unit,
        &word.said.metadata,
        &reported,
    ];
    let rows = session.write(KEEP, parameters).await?;
    rows.first().map_or(Ok(false), |row| row.plain(0))
}

/// The instances and their sum in one reading: that nobody is awaited must not be newer than what is
/// said of each.
const FROZEN: &str = "
    WITH kept AS MATERIALIZED (
        SELECT * FROM kill_instance WHERE kill_id = $1
    ), totals AS (
        SELECT count(*), count(via),
            count(*) FILTER (WHERE via IS NULL AND last_seen_at <= $2),
            count(*) FILTER (WHERE via IS NULL AND streams > 0),
            CASE WHEN count(done) > 0 THEN least(sum(done), 9223372036854775807)::bigint END,
            CASE WHEN count(total) > 0 THEN least(
                sum(greatest(total - done, 0)) FILTER (WHERE total IS NOT NULL),
                9223372036854775807
            )::bigint END,
            count(DISTINCT coalesce(unit, '')) FILTER (WHERE done IS NOT NULL), max(unit)
        FROM kept
    ), listed AS (
        SELECT instance_id, inferred, version, region, last_seen_at, streams, via, after_ms, done,
            total, unit, metadata, late, reported_after
        FROM kept ORDER BY via IS NOT NULL, instance_id LIMIT $3
    )
    SELECT totals.*, listed.* FROM totals LEFT JOIN listed ON true
    ORDER BY listed.via IS NOT NULL, listed.instance_id";
/// The column at which an instance begins.
const INSTANCE: usize = 8;

pub(super) async fn of(
    session: &Session,
    kill: KillId,
    heard_since: Timestamp,
) -> Result<Frozen, Failure> {
    let (heard_since, rows_max) = (heard_since.as_micros(), limit(INSTANCES_LISTED_MAX));
    let rows = session.read(FROZEN, &[kill.as_uuid(), &heard_since, &rows_max]).await?;
    let totals = rows.first().map(totals).transpose()?.unwrap_or_default();
    let listed = if totals.instances == 0 { &[] } else { &*rows };
    Ok(Frozen { instances: listed.iter().map(read).collect::<Result<_, _>>()?, totals })
}

/// How many instances of each kill have not said that they stopped.
pub(super) async fn unstopped(
    session: &Session,
    kills: &[KillId],
) -> Result<Vec<(KillId, u64)>, Failure> {
    let kills: Vec<Uuid> = kills.iter().map(|kill| *kill.as_uuid()).collect();
    let sql = "SELECT kill_id, count(*) FROM kill_instance
        WHERE kill_id = ANY ($1) AND via IS NULL GROUP BY kill_id";
    let rows = session.read(sql, &[&kills]).await?;
    rows.iter().map(|row| Ok((KillId::from_bytes(row.id(0)?), row.number(1)?))).collect()
}

fn totals(row: &Row) -> Result<FrozenTotals, Failure> {
    Ok(FrozenTotals {
        instances: row.number(0)?,
        stopped: row.number(1)?,
        unreachable: row.number(2)?,
        awaited: row.number(3)?,
        done: row.optional_number(4)?,
        not_done: row.optional_number(5)?,
        unit: if row.number(6)? == 1 { row.optional_text(7)? } else { None },
    })
}

fn read(row: &Row) -> Result<FrozenInstance, Failure> {
    let via = row.optional_text(INSTANCE + 6)?;
    let after_ms: Option<f64> = row.plain(INSTANCE + 7)?;
    Ok(FrozenInstance {
        instance_id: row.text(INSTANCE)?,
        inferred: row.plain(INSTANCE + 1)?,
        version: row.optional_text(INSTANCE + 2)?,
        region: row.optional_text(INSTANCE + 3)?,
        last_seen_at: row.time(INSTANCE + 4)?,
        streams: row.number(INSTANCE + 5)?,
        stopped: via.and_then(|via| Via::parse(&via)).zip(after_ms),
        progress: progress(row, INSTANCE + 8)?,
        metadata: row.optional_text(INSTANCE + 11)?,
        late: row.plain(INSTANCE + 12)?,
        reported_after: row.number(INSTANCE + 13)?,
    })
}
