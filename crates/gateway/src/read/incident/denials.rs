//! What was refused because of the agent of an incident.

use std::collections::BTreeMap;
use std::time::Duration;

use axme_api::mesh::{DenialCount, DenialMinute, IncidentDenials};
use axme_core::audit::Observation;
use axme_core::time::Timestamp;
use axme_engine::Engine;

use super::Told;
use crate::read::ReadError;

const DENIED: &str = "agent.denied";
/// Refusals are counted by minutes, and stand at their beginning.
const MINUTE: Duration = Duration::from_secs(60);

/// What was refused from the minute of the kill on. While the agent is stopped there is more to
/// come.
pub(super) async fn read(
    engine: &Engine,
    told: &Told,
    killed_at: Timestamp,
    stands: bool,
) -> Result<IncidentDenials, ReadError> {
    let since = minute_of(killed_at);
    let (rows, more) = told.rows(engine, &[DENIED], since).await?;
    let seen = rows.iter().filter_map(|row| serde_json::from_slice(&row.body).ok());
    let mut denials = added_up(seen);
    denials.at_least = more || stands;
    Ok(denials)
}

fn added_up(seen: impl Iterator<Item = Observation>) -> IncidentDenials {
    let mut by_minute = BTreeMap::<(Timestamp, String), u64>::new();
    let mut by_reason = BTreeMap::<String, u64>::new();
    for denied in seen {
        let reason = reason_of(&denied);
        *by_minute.entry((minute_of(denied.at), reason.clone())).or_default() += denied.count;
        *by_reason.entry(reason).or_default() += denied.count;
    }
    let count = |(reason, count)| DenialCount { reason, count };
    let mut reasons: Vec<DenialCount> = by_reason.into_iter().map(count).collect();
    reasons.sort_by_key(|counted| std::cmp::Reverse(counted.count));
    let minute = |((at, reason), count): ((Timestamp, String), u64)| DenialMinute {
        at: at.to_string(),
        reason,
        count,
    };
    IncidentDenials {
        total: reasons.iter().map(|counted| counted.count).sum(),
        reasons,
        minutes: by_minute.into_iter().map(minute).collect(),
        at_least: false,
    }
}

fn reason_of(denied: &Observation) -> String {
    let reason = denied.details.as_ref().and_then(|details| details.get("reason"));
    reason.and_then(|reason| reason.as_str()).unwrap_or("unknown").to_owned()
}

fn minute_of(at: Timestamp) -> Timestamp {
    let minute = i64::try_from(MINUTE.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().div_euclid(minute) * minute)
}
