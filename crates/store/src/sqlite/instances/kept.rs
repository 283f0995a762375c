//! What instances say, kept under agent and id.

use axme_core::id::AddressId;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

use super::progress;
use crate::instances::{HeardSince, Instance, InstanceCounts, Said};
use crate::sqlite::batch::Batch;
use crate::sqlite::columns::{Columns as _, int, limit};

/// What a word leaves out stays. Progress is one thing: a new count takes its total with it.
const SAVE: &str = "
    INSERT INTO instance (address_id, instance_id, inferred, first_seen_at, last_seen_at, ended_at,
        streams, version, region, labels, metadata, done, total, unit)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
    ON CONFLICT (address_id, instance_id) DO UPDATE SET
        first_seen_at = min(first_seen_at, excluded.first_seen_at),
        last_seen_at = excluded.last_seen_at,
        ended_at = excluded.ended_at,
        streams = excluded.streams,
        version = coalesce(excluded.version, version),
        region = coalesce(excluded.region, region),
        labels = coalesce(excluded.labels, labels),
        metadata = coalesce(excluded.metadata, metadata),
        total = iif(excluded.done IS NULL, total, excluded.total),
        unit = iif(excluded.done IS NULL, unit, excluded.unit),
        done = coalesce(excluded.done, done)
    WHERE last_seen_at <= excluded.last_seen_at";

pub(super) fn save(batch: &Batch<'_>, instances: &[Instance]) -> Result<()> {
    let mut put = batch.statement(SAVE)?;
    for instance in instances {
        let Said { version, region, labels, metadata, progress } = &instance.said;
        let progress = progress.as_ref();
        put.execute(params![
            instance.address_id.as_bytes(),
            instance.instance_id,
            instance.inferred,
            instance.first_seen_at.as_micros(),
            instance.last_seen_at.as_micros(),
            instance.ended_at.map(axme_core::time::Timestamp::as_micros),
            int(instance.streams),
            version,
            region,
            labels,
            metadata,
            progress.map(|progress| int(progress.done)),
            progress.and_then(|progress| progress.total).map(int),
            progress.and_then(|progress| progress.unit.as_ref()),
        ])?;
    }
    Ok(())
}

pub(super) fn forget(batch: &Batch<'_>, forgotten: &[(AddressId, Box<str>)]) -> Result<()> {
    let mut delete =
        batch.statement("DELETE FROM instance WHERE address_id = ?1 AND instance_id = ?2")?;
    for (address, instance) in forgotten {
        delete.execute(params![address.as_bytes(), instance])?;
    }
    Ok(())
}

pub(super) fn of(
    connection: &Connection,
    address: AddressId,
    after: &str,
    rows_max: usize,
) -> Result<Vec<Instance>> {
    let mut get = connection.prepare_cached(
        "SELECT instance_id, inferred, first_seen_at, last_seen_at, ended_at, streams, version,
             region, labels, metadata, done, total, unit
         FROM instance WHERE address_id = ?1 AND instance_id > ?2 ORDER BY instance_id LIMIT ?3",
    )?;
    let rows = get
        .query_map(params![address.as_bytes(), after, limit(rows_max)], |row| read(row, address))?;
    rows.collect()
}

pub(super) fn count(
    connection: &Connection,
    address: AddressId,
    since: HeardSince,
) -> Result<InstanceCounts> {
    let mut get = connection.prepare_cached(
        "SELECT count(*) FILTER (WHERE ended_at IS NULL AND last_seen_at > ?2),
             count(*) FILTER (WHERE ended_at IS NULL AND last_seen_at <= ?2 AND last_seen_at > ?3),
             count(*) FILTER (WHERE ended_at IS NULL AND last_seen_at <= ?3),
             count(*) FILTER (WHERE ended_at IS NOT NULL)
         FROM instance WHERE address_id = ?1",
    )?;
    let of = params![address.as_bytes(), since.healthy.as_micros(), since.degraded.as_micros()];
    get.query_row(of, |row| {
        Ok(InstanceCounts {
            healthy: row.number(0)?,
            degraded: row.number(1)?,
            unreachable: row.number(2)?,
            ended: row.number(3)?,
        })
    })
}

/// As [`count`], of several agents; those that have none are left out.
pub(super) fn count_each(
    connection: &Connection,
    addresses: &[AddressId],
    since: HeardSince,
) -> Result<Vec<(AddressId, InstanceCounts)>> {
    let mut counted = Vec::new();
    for address in addresses {
        let counts = count(connection, *address, since)?;
        if counts != InstanceCounts::default() {
            counted.push((*address, counts));
        }
    }
    Ok(counted)
}

pub(super) fn latest_metadata(
    connection: &Connection,
    addresses: &[AddressId],
) -> Result<Vec<(AddressId, Box<str>)>> {
    let mut get = connection.prepare_cached(
        "SELECT metadata FROM instance WHERE address_id = ?1 AND metadata IS NOT NULL
         ORDER BY last_seen_at DESC LIMIT 1",
    )?;
    let mut latest = Vec::new();
    for address in addresses {
        let found = get.query_row([address.as_bytes()], |row| row.text(0)).optional()?;
        latest.extend(found.map(|metadata| (*address, metadata)));
    }
    Ok(latest)
}

fn read(row: &Row<'_>, address_id: AddressId) -> Result<Instance> {
    Ok(Instance {
        address_id,
        instance_id: row.text(0)?,
        inferred: row.get(1)?,
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
