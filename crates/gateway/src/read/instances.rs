//! The running copies of an agent, and what they said last.

use std::collections::BTreeMap;

use axme_api::JsonObject;
use axme_api::mesh::{
    CountSource, Instance, InstanceState, InstancesAnswer, InstancesQuery, InstancesSummary,
    Progress,
};
use axme_core::health::{Health, HealthThresholds};
use axme_core::hold::RunState;
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::instances::{self, HeardSince, INSTANCES_LISTED_MAX, INSTANCES_MAX};

use super::{Found, ReadError, with_agent};

const LIMIT_DEFAULT: u32 = 100;

/// A page of the instances of an agent.
pub(crate) async fn list(
    engine: &Engine,
    caller: &Caller,
    named: &str,
    query: &InstancesQuery,
) -> Result<InstancesAnswer, ReadError> {
    let found = with_agent(engine, caller, named, Found::of)?;
    let limit = rows_asked(query.limit)?;
    let address_id = found.agent.address_id;
    // What was heard here in the last second; without it the list is that much older.
    if let Err(error) = engine.instances.save_of(address_id).await {
        tracing::debug!(%error, "instances are listed as they are stored");
    }
    let now = engine.clock.wall();
    let counts = engine.ledger.count_instances(address_id, heard_since(now)).await?;
    let rows = engine.ledger.instances(address_id, query.cursor.as_deref(), limit).await?;
    let next_cursor = (rows.len() == limit).then(|| rows.last().map(|row| row.instance_id.clone()));
    Ok(InstancesAnswer {
        ok: true,
        address_id: address_id.to_string(),
        address: found.agent.address.to_string(),
        instances: rows.into_iter().map(|row| shown(row, now)).collect(),
        summary: InstancesSummary {
            total: counts.healthy + counts.degraded + counts.unreachable,
            healthy: counts.healthy,
            degraded: counts.degraded,
            unreachable: counts.unreachable,
            ended: counts.ended,
        },
        instances_max: INSTANCES_MAX as u64,
        sources: sources([
            ("open_streams", CountSource::Gateway),
            ("progress", CountSource::Reported),
            ("summary", CountSource::Gateway),
        ]),
        next_cursor: next_cursor.flatten().map(String::from),
    })
}

/// Since when an instance must have been heard, by the rules of health.
pub(super) fn heard_since(now: Timestamp) -> HeardSince {
    let thresholds = HealthThresholds::default();
    HeardSince {
        healthy: now.minus(thresholds.healthy_for),
        degraded: now.minus(thresholds.degraded_until),
    }
}

/// Names where counts come from.
pub(super) fn sources<const N: usize>(
    of: [(&str, CountSource); N],
) -> BTreeMap<String, CountSource> {
    of.into_iter().map(|(count, source)| (count.to_owned(), source)).collect()
}

pub(super) fn shown_progress(progress: instances::Progress) -> Progress {
    let instances::Progress { done, total, unit } = progress;
    Progress { done, total, unit: unit.map(String::from) }
}

/// A JSON object that was checked when it was kept.
pub(super) fn shown_object(text: &str) -> Option<JsonObject> {
    serde_json::from_str(text).ok()
}

fn rows_asked(limit: Option<u32>) -> Result<usize, ReadError> {
    let asked = usize::try_from(limit.unwrap_or(LIMIT_DEFAULT)).unwrap_or(usize::MAX);
    if (1..=INSTANCES_LISTED_MAX).contains(&asked) {
        Ok(asked)
    } else {
        Err(ReadError::query("limit", format!("must be 1 to {INSTANCES_LISTED_MAX}")))
    }
}

fn shown(row: instances::Instance, now: Timestamp) -> Instance {
    let seen = Some(row.last_seen_at);
    let health = Health::at(now, seen, RunState::Active, HealthThresholds::default());
    let ended = row.ended_at.is_some();
    Instance {
        instance_id: row.instance_id.into(),
        inferred: row.inferred,
        state: if ended { InstanceState::Ended } else { InstanceState::Running },
        health: health.as_str().to_owned(),
        first_seen_at: row.first_seen_at.to_string(),
        last_heartbeat_at: row.last_seen_at.to_string(),
        version: row.said.version.map(String::from),
        region: row.said.region.map(String::from),
        labels: row.said.labels.as_deref().and_then(shown_object),
        metadata: row.said.metadata.as_deref().and_then(shown_object),
        progress: row.said.progress.map(shown_progress),
        open_streams: row.streams,
    }
}
