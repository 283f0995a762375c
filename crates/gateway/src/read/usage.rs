//! What a workspace and its agents used: as agents report it, by day.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use axme_api::mesh::CountSource;
use axme_api::usage::{
    AgentUsage, AgentUsageAnswer, AgentUsageDay, AgentUsageQuery, DimensionUsage, TimeseriesAnswer,
    TimeseriesQuery, UsagePoint, UsageQuery, UsageSeries, UsageSummary, UsageSummaryAnswer,
};
use axme_core::id::{AddressId, WorkspaceId};
use axme_core::period::Period;
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::ledger::Usage;

use super::agents::asked_period;
use super::instances::sources;
use super::{Page, Place, ReadError, asked_workspace, list_limit, scope_of, unless_stale};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Days that a series tells of at most, and when the caller names none.
const DAYS_MAX: u32 = 90;
const SERIES_DAYS_DEFAULT: u32 = 30;
const AGENTS_DAYS_DEFAULT: u32 = 7;

const REQUESTS: &str = "requests_per_minute";
const INTENTS: &str = "intents_per_day";
/// What published clients ask for and this gateway does not have.
const ABSENT: [&str; 5] = [
    "inbox_writes_per_day",
    "media_upload_bytes_per_day",
    "media_storage_bytes",
    "webhook_deliveries_per_day",
    "schema_writes_per_day",
];

/// What a workspace used in a period.
pub(crate) async fn summary(
    engine: &Engine,
    caller: &Caller,
    query: &UsageQuery,
) -> Result<UsageSummaryAnswer, ReadError> {
    let place =
        Place { org_id: query.org_id.as_deref(), workspace_id: query.workspace_id.as_deref() };
    let workspace = asked_workspace(engine, caller, place)?;
    let now = engine.clock.wall();
    let start = asked_period(query.window.as_deref())?.start(now);
    let days = unless_stale(engine, engine.ledger.usage_by_day(workspace, start)).await?;
    let intents = days.iter().fold(0_u64, |sum, (_, day)| sum.saturating_add(day.intents_total));
    let requests = engine.rates.in_last_minute(workspace, engine.clock.mono());
    let used = |used| DimensionUsage { used, ..DimensionUsage::default() };
    Ok(UsageSummaryAnswer {
        ok: true,
        summary: UsageSummary {
            org_id: organization_of(engine, workspace),
            workspace_id: workspace.to_string(),
            window_start: start.to_string(),
            window_end: now.to_string(),
            dimensions: dimensions(requests, intents)
                .into_iter()
                .map(|(name, figure)| (name, used(figure)))
                .collect(),
            cost_usd: days.iter().map(|(_, day)| day.cost_usd).sum(),
            sources: usage_sources(),
        },
    })
}

/// What a workspace used, day by day.
pub(crate) async fn timeseries(
    engine: &Engine,
    caller: &Caller,
    query: &TimeseriesQuery,
) -> Result<TimeseriesAnswer, ReadError> {
    let place =
        Place { org_id: query.org_id.as_deref(), workspace_id: query.workspace_id.as_deref() };
    let workspace = asked_workspace(engine, caller, place)?;
    let asked = asked_days("window_days", query.window_days, SERIES_DAYS_DEFAULT)?;
    let midnights = midnights(engine.clock.wall(), asked);
    let since = midnights.first().copied().unwrap_or_default();
    let used = unless_stale(engine, engine.ledger.usage_by_day(workspace, since)).await?;
    let used: HashMap<Timestamp, Usage> = used.into_iter().collect();
    let point = |at: &Timestamp| {
        let usage = used.get(at).copied().unwrap_or_default();
        UsagePoint {
            at: at.to_string(),
            // Nothing is kept of single minutes.
            dimensions: dimensions(0, usage.intents_total),
            cost_usd: usage.cost_usd,
        }
    };
    Ok(TimeseriesAnswer {
        ok: true,
        series: UsageSeries {
            org_id: organization_of(engine, workspace),
            workspace_id: workspace.to_string(),
            granularity: "day".to_owned(),
            points: midnights.iter().map(point).collect(),
            sources: usage_sources(),
        },
    })
}

/// What each agent of a workspace reported, day by day, those that cost most first.
pub(crate) async fn by_agent(
    engine: &Engine,
    caller: &Caller,
    query: &AgentUsageQuery,
) -> Result<AgentUsageAnswer, ReadError> {
    let place =
        Place { org_id: query.org_id.as_deref(), workspace_id: query.workspace_id.as_deref() };
    let workspace = asked_workspace(engine, caller, place)?;
    let limit = list_limit(query.limit)?;
    let skipped = asked_offset(query.cursor.as_deref())?;
    let midnights =
        midnights(engine.clock.wall(), asked_days("days", query.days, AGENTS_DAYS_DEFAULT)?);
    let since = midnights.first().copied().unwrap_or_default();
    let mut sums = unless_stale(engine, engine.ledger.usage(workspace, None, since)).await?;
    let total = sums.len() as u64;
    let intents = sums.iter().fold(0_u64, |sum, (_, of)| sum.saturating_add(of.intents_total));
    let cost_usd = sums.iter().map(|(_, of)| of.cost_usd).sum();
    sums.sort_by(|(one, used), (other, more)| {
        let by_cost = more.cost_usd.total_cmp(&used.cost_usd);
        by_cost.then(more.intents_total.cmp(&used.intents_total)).then(one.cmp(other))
    });
    let next = |_: &(AddressId, Usage)| skipped.saturating_add(limit).to_string();
    let page = Page::take(sums.into_iter().skip(skipped), limit, next);
    let agents = shown(engine, workspace, &page.rows, &midnights).await?;
    Ok(AgentUsageAnswer {
        ok: true,
        workspace_id: workspace.to_string(),
        days: midnights.iter().map(Timestamp::to_string).collect(),
        agents,
        total,
        intents,
        cost_usd,
        sources: sources([("intents", CountSource::Reported), ("cost_usd", CountSource::Reported)]),
        next_cursor: page.next_cursor,
    })
}

/// Agents with their days. An address stays when its account is deleted, and so does its usage.
async fn shown(
    engine: &Engine,
    workspace: WorkspaceId,
    sums: &[(AddressId, Usage)],
    midnights: &[Timestamp],
) -> Result<Vec<AgentUsage>, ReadError> {
    let ids: Vec<AddressId> = sums.iter().map(|(agent, _)| *agent).collect();
    let since = midnights.first().copied().unwrap_or_default();
    let days = unless_stale(engine, engine.ledger.usage_of_days(workspace, &ids, since)).await?;
    let days: HashMap<(AddressId, Timestamp), Usage> =
        days.into_iter().map(|(agent, day, usage)| ((agent, day), usage)).collect();
    let day = |agent: AddressId, at: &Timestamp| {
        let usage = days.get(&(agent, *at)).copied().unwrap_or_default();
        AgentUsageDay { intents: usage.intents_total, cost_usd: usage.cost_usd }
    };
    Ok(engine.control.read(|state| {
        let show = |(id, sum): &(AddressId, Usage)| {
            let agent = state.agent(*id)?;
            Some(AgentUsage {
                address_id: id.to_string(),
                address: agent.address.to_string(),
                display_name: agent.display_name().to_owned(),
                intents: sum.intents_total,
                cost_usd: sum.cost_usd,
                days: midnights.iter().map(|at| day(*id, at)).collect(),
            })
        };
        sums.iter().filter_map(show).collect()
    }))
}

/// Every dimension that published clients know.
fn dimensions(requests: u64, intents: u64) -> BTreeMap<String, u64> {
    let absent = ABSENT.into_iter().map(|name| (name.to_owned(), 0));
    let known = [(REQUESTS.to_owned(), requests), (INTENTS.to_owned(), intents)];
    known.into_iter().chain(absent).collect()
}

fn usage_sources() -> BTreeMap<String, CountSource> {
    sources([
        (REQUESTS, CountSource::Gateway),
        (INTENTS, CountSource::Reported),
        ("cost_usd", CountSource::Reported),
    ])
}

fn organization_of(engine: &Engine, workspace: WorkspaceId) -> String {
    let org = engine.control.read(|state| scope_of(state, workspace).org());
    org.map(|org| org.to_string()).unwrap_or_default()
}

fn asked_days(name: &'static str, asked: Option<u32>, default: u32) -> Result<u32, ReadError> {
    let days = asked.unwrap_or(default);
    if (1..=DAYS_MAX).contains(&days) {
        Ok(days)
    } else {
        Err(ReadError::query(name, format!("must be 1 to {DAYS_MAX}")))
    }
}

fn asked_offset(cursor: Option<&str>) -> Result<usize, ReadError> {
    match cursor {
        None | Some("") => Ok(0),
        Some(text) => text
            .parse()
            .map_err(|_no_number| ReadError::query("cursor", "not a next_cursor of this list")),
    }
}

/// The midnights of the last `days` days, today's the last.
fn midnights(now: Timestamp, days: u32) -> Vec<Timestamp> {
    let today = Period::Day.start(now);
    (0..days).rev().map(|back| today.minus(DAY * back)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_ends_today() {
        let now: Timestamp = "2026-03-01T09:17:12Z".parse().unwrap();
        let shown: Vec<_> = midnights(now, 2).iter().map(Timestamp::to_string).collect();
        assert_eq!(shown, ["2026-02-28T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z"]);
    }

    #[test]
    fn days_are_bounded() {
        assert_eq!(asked_days("days", None, 7).unwrap(), 7);
        assert!(asked_days("days", Some(90), 7).is_ok());
        assert!(asked_days("days", Some(91), 7).is_err());
        assert!(asked_days("days", Some(0), 7).is_err());
    }
}
