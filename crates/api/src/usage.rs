//! Usage: what was used of what is counted, over time and by agent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::mesh::CountSource;

/// Query of `GET /v1/usage/summary`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    /// The key's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// `day` (default), `week` or `month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// Answer of `GET /v1/usage/summary`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageSummaryAnswer {
    pub ok: bool,
    pub summary: UsageSummary,
}

/// What a workspace used in a period that began at a midnight in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageSummary {
    pub org_id: String,
    pub workspace_id: String,
    pub window_start: String,
    pub window_end: String,
    /// By dimension. Those that this gateway does not have stand at zero.
    pub dimensions: BTreeMap<String, DimensionUsage>,
    /// US dollars that agents reported.
    pub cost_usd: f64,
    /// Where each figure comes from.
    pub sources: BTreeMap<String, CountSource>,
}

/// What was used of one dimension.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DimensionUsage {
    pub used: u64,
    /// `null` where there is none.
    pub limit: Option<u64>,
    pub remaining: Option<u64>,
}

/// Query of `GET /v1/usage/timeseries`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimeseriesQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// 1 to 90, today among them; 30 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_days: Option<u32>,
}

/// Answer of `GET /v1/usage/timeseries`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TimeseriesAnswer {
    pub ok: bool,
    pub series: UsageSeries,
}

/// Usage of a workspace over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageSeries {
    pub org_id: String,
    pub workspace_id: String,
    /// `day`.
    pub granularity: String,
    /// Oldest first, one for each day.
    pub points: Vec<UsagePoint>,
    /// Where each figure comes from.
    pub sources: BTreeMap<String, CountSource>,
}

/// One point of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsagePoint {
    /// The midnight in UTC at which it begins.
    pub at: String,
    pub dimensions: BTreeMap<String, u64>,
    /// US dollars that agents reported.
    pub cost_usd: f64,
}

/// Query of `GET /v1/usage/agents`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentUsageQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// 1 to 90, today among them; 7 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// At most 500, default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `GET /v1/usage/agents`: what agents reported, day by day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentUsageAnswer {
    pub ok: bool,
    pub workspace_id: String,
    /// The midnights in UTC at which the days begin, oldest first.
    pub days: Vec<String>,
    /// Those that cost most first.
    pub agents: Vec<AgentUsage>,
    /// Agents that reported anything.
    pub total: u64,
    /// Sums over all of them, not only over this page.
    pub intents: u64,
    pub cost_usd: f64,
    /// Where each figure comes from.
    pub sources: BTreeMap<String, CountSource>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// What one agent reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentUsage {
    pub address_id: String,
    pub address: String,
    pub display_name: String,
    pub intents: u64,
    pub cost_usd: f64,
    /// One for each day of the answer, in their order.
    pub days: Vec<AgentUsageDay>,
}

/// What one agent reported on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentUsageDay {
    pub intents: u64,
    pub cost_usd: f64,
}
