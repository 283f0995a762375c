//! What instances say, kept under agent and id.

use axme_core::id::AddressId;
use axme_core::time::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::progress;
use crate::control::ReplicaEpoch;
use crate::instances::{HeardSince, Instance, InstanceCounts, Progress, Said};
use crate::postgres::columns::{Columns as _, int, limit, storable};
use crate::postgres::failure::Failure;
use crate::postgres::rows::{self, as_me};
use crate::postgres::session::{Parameters, Session};

/// What a word leaves out stays. Progress is one thing: a new count takes its total with it. Of
/// two words of one instance the last is given.
const SAVE: &str = as_me!(
    "kept AS (
        INSERT INTO instance AS held (address_id, instance_id, inferred, first_seen_at,
            last_seen_at, ended_at, streams, version, region, labels, metadata, done, total, unit)
        SELECT word.* FROM me CROSS JOIN unnest(
            $3::uuid[], $4::text[], $5::bool[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[],
            $15::bigint[], $16::text[]
        ) AS word (address_id, instance_id, inferred, first_seen_at, last_seen_at, ended_at,
            streams, version, region, labels, metadata, done, total, unit)
        ORDER BY address_id, instance_id
        ON CONFLICT (address_id, instance_id) DO UPDATE SET
            first_seen_at = least(held.first_seen_at, EXCLUDED.first_seen_at),
            last_seen_at = EXCLUDED.last_seen_at,
            ended_at = EXCLUDED.ended_at,
            streams = EXCLUDED.streams,
            version = coalesce(EXCLUDED.version, held.version),
            region = coalesce(EXCLUDED.region, held.region),
            labels = coalesce(EXCLUDED.labels, held.labels),
            metadata = coalesce(EXCLUDED.metadata, held.metadata),
            done = coalesce(EXCLUDED.done, held.done),
            total = CASE WHEN EXCLUDED.done IS NULL THEN held.total ELSE EXCLUDED.total END,
            unit = CASE WHEN EXCLUDED.done IS NULL THEN held.unit ELSE EXCLUDED.unit END
        WHERE held.last_seen_at <= EXCLUDED.last_seen_at
    )
    SELECT EXISTS (SELECT FROM me)"
);

/// Keeps words of different instances.
pub(super) async fn save(
    session: &Session,
    me: &ReplicaEpoch,
    instances: &[Instance],
) -> Result<(), Failure> {
    fn each<'a, T>(instances: &'a [Instance], of: impl Fn(&'a Instance) -> T) -> Vec<T> {
        instances.iter().map(of).collect()
    }
    type Said0 = fn(&Said) -> Option<&str>;
    let said = |of: Said0| -> Vec<Option<&str>> { each(instances, |one| of(&one.said)) };
    let number = |of: fn(&Progress) -> Option<u64>| -> Vec<Option<i64>> {
        each(instances, |one| one.said.progress.as_ref().and_then(of).map(int))
    };
    let parameters: Parameters<'_> = &[
        &me.replica_id,
        &int(me.epoch.0),
        &each(instances, |one| *one.address_id.as_uuid()),
        &each(instances, |one| &*one.instance_id),
        &each(instances, |one| one.inferred),
        &each(instances, |one| one.first_seen_at.as_micros()),
        &each(instances, |one| one.last_seen_at.as_micros()),
        &each(instances, |one| one.ended_at.map(Timestamp::as_micros)),
        &each(instances, |one| int(one.streams)),
        &said(|said| said.version.as_deref()),
        &said(|said| said.region.as_deref()),
        &said(|said| said.labels.as_deref()),
        &said(|said| said.metadata.as_deref()),
        &number(|progress| Some(progress.done)),
        &number(|progress| progress.total),
        &said(|said| said.progress.as_ref()?.unit.as_deref()),
    ];
    rows::write(session, SAVE, parameters).await.map(drop)
}

/// The refusal of what the store cannot keep.
pub(super) fn require_storable(instance: &Instance) -> Result<(), Failure> {
    storable(&instance.instance_id)?;
    storable_said(&instance.said)
}

pub(super) fn storable_said(said: &Said) -> Result<(), Failure> {
    let unit = said.progress.as_ref().and_then(|progress| progress.unit.as_ref());
    let texts = [&said.version, &said.region, &said.labels, &said.metadata];
    texts.into_iter().flatten().chain(unit).try_for_each(|text| storable(text))
}

const FORGET: &str = as_me!(
    "gone AS (
        DELETE FROM instance USING me, unnest($3::uuid[], $4::text[]) AS old (address, id)
        WHERE address_id = old.address AND instance_id = old.id
    )
    SELECT EXISTS (SELECT FROM me)"
);

pub(super) async fn forget(
    session: &Session,
    me: &ReplicaEpoch,
    forgotten: &[(AddressId, Box<str>)],
) -> Result<(), Failure> {
    let addresses: Vec<Uuid> = forgotten.iter().map(|(address, _)| *address.as_uuid()).collect();
    let ids: Vec<&str> = forgotten.iter().map(|(_, id)| &**id).collect();
    let parameters: Parameters<'_> = &[&me.replica_id, &int(me.epoch.0), &addresses, &ids];
    rows::write(session, FORGET, parameters).await.map(drop)
}

pub(super) async fn of(
    session: &Session,
    address: AddressId,
    after: &str,
    rows_max: usize,
) -> Result<Vec<Instance>, Failure> {
    let sql = "SELECT instance_id, inferred, first_seen_at, last_seen_at, ended_at, streams,
            version, region, labels, metadata, done, total, unit
        FROM instance WHERE address_id = $1 AND instance_id > $2 ORDER BY instance_id LIMIT $3";
    let rows = session.read(sql, &[address.as_uuid(), &after, &limit(rows_max)]).await?;
    rows.iter().map(|row| read(row, address)).collect()
}

pub(super) async fn count(
    session: &Session,
    address: AddressId,
    since: HeardSince,
) -> Result<InstanceCounts, Failure> {
    let counted = count_each(session, &[address], since).await?;
    Ok(counted.first().map(|(_, counts)| *counts).unwrap_or_default())
}

/// As [`count`], of several agents; those that have none are left out.
pub(super) async fn count_each(
    session: &Session,
    addresses: &[AddressId],
    since: HeardSince,
) -> Result<Vec<(AddressId, InstanceCounts)>, Failure> {
    let addresses: Vec<Uuid> = addresses.iter().map(|address| *address.as_uuid()).collect();
    let sql = "SELECT address_id,
            count(*) FILTER (WHERE ended_at IS NULL AND last_seen_at > $2),
            count(*) FILTER (WHERE ended_at IS NULL AND last_seen_at <= $2 AND last_seen_at > $3),
            count(*) FILTER (WHERE ended_at IS NULL AND last_seen_at <= $3),
            count(*) FILTER (WHERE ended_at IS NOT NULL)
        FROM instance WHERE address_id = ANY ($1) GROUP BY address_id";
    let (healthy, degraded) = (since.healthy.as_micros(), since.degraded.as_micros());
    let rows = session.read(sql, &[&addresses, &healthy, &degraded]).await?;
    let read = |row: &Row| {
        let counts = InstanceCounts {
            healthy: row.number(1)?,
            degraded: row.number(2)?,
            unreachable: row.number(3)?,
            ended: row.number(4)?,
        };
        Ok((AddressId::from_bytes(row.id(0)?), counts))
    };
    rows.iter().map(read).collect()
}

pub(super) async fn latest_metadata(
    session: &Session,
    addresses: &[AddressId],
) -> Result<Vec<(AddressId, Box<str>)>, Failure> {
    let addresses: Vec<Uuid> = addresses.iter().map(|address| *address.as_uuid()).collect();
    let sql = "SELECT DISTINCT ON (address_id) address_id, metadata
        FROM instance WHERE address_id = ANY ($1) AND metadata IS NOT NULL
        ORDER BY address_id, last_seen_at DESC";
    let rows = session.read(sql, &[&addresses]).await?;
    rows.iter().map(|row| Ok((AddressId::from_bytes(row.id(0)?), row.text(1)?))).collect()
}

fn read(row: &Row, address_id: AddressId) -> Result<Instance, Failure> {
    Ok(Instance {
        address_id,
        instance_id: row.text(0)?,
        inferred: row.plain(1)?,
        first_seen_at: row.time(2)?,
        last_seen_at: row.time(3)?,
        ended_at: row.optional_time(4)?,
        streams: row.number(5)?,
        said: Said {
            version: row.optional_text(6)?,
            region: row.optional_text(7)?,
            labels: row.optional_text(8)?,
            metadata: row.optional_text(9)?,
            progress: progress(row, 10)?,
        },
    })
}
