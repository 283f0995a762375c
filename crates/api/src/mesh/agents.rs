//! Agents as the mesh sees them: health, run state, counts.

use super::MeshEvent;
use crate::JsonObject;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Query of `GET /v1/mesh/agents` (and, `window` alone, of one agent).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentListQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// A health word; unknown words match nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// `active`, `killed`, `paused` or `quarantined`; unknown words match nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_state: Option<String>,
    /// A part of the display name or the address, in upper or lower case; at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// `address` (default), `trouble` (what needs somebody first), `name`, `health`,
    /// `last_heartbeat`, `instances`, `intents` or `cost`; turned round by a `-` before it. Rows
    /// that are equal in this stand by address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// How many rows to leave out at the beginning; the other way to go on is `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u32>,
    /// `day` (default), `week` or `month`: the period of `intents_period` and `cost_period`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// Answer of `GET /v1/mesh/agents`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentListAnswer {
    pub ok: bool,
    pub agents: Vec<MeshAgent>,
    pub summary: MeshSummary,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// How many agents the search matches, by health and by run state; all of the workspace without
/// one. The other filters do not change it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeshSummary {
    pub total: u64,
    pub healthy: u64,
    pub degraded: u64,
    pub unreachable: u64,
    pub killed: u64,
    #[serde(default)]
    pub unknown: u64,
    /// Agents that nothing stops.
    #[serde(default)]
    pub active: u64,
    #[serde(default)]
    pub paused: u64,
    #[serde(default)]
    pub quarantined: u64,
    /// Agents killed or unreachable now.
    #[serde(default)]
    pub incidents: u64,
    /// Intents that agents reported in the period.
    #[serde(default)]
    pub intents_period: u64,
    /// US dollars that agents reported in the period.
    #[serde(default)]
    pub cost_period: f64,
}

/// One agent in the mesh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeshAgent {
    /// `addr_<32 hex>`.
    pub address_id: String,
    /// `agent://organization/workspace/name`.
    pub address: String,
    pub display_name: String,
    /// `healthy`, `degraded`, `unreachable`, `unknown`; a stopped agent shows its run state.
    pub health_status: String,
    /// The same as `health_status`, under the name that other clients read.
    #[serde(default)]
    pub health: String,
    /// `active`, `killed`, `paused` or `quarantined`.
    #[serde(default)]
    pub run_state: String,
    /// The strictest hold in force, the oldest of them; `null` for an active agent.
    #[serde(default)]
    pub kill: Option<KillSummary>,
    pub last_heartbeat_at: Option<String>,
    pub created_at: String,
    /// Intents that the agent reported in the period.
    pub intents_period: u64,
    /// US dollars that the agent reported in the period.
    pub cost_period: f64,
    /// When the agent reported last what it counts, its cost among it: to the moment by what came
    /// to this replica since it started, else to the hour. `null` when it never did.
    #[serde(default)]
    pub cost_reported_at: Option<String>,
    /// Its running copies.
    #[serde(default)]
    pub instances: AgentInstances,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    /// What the agent reported in the period: sums.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metrics: Option<JsonObject>,
    #[serde(default)]
    pub counts: Counts,
    /// Event streams that this agent has open now.
    #[serde(default)]
    pub open_streams: u64,
    /// The revision of the control log that this answer shows; a resume names it.
    #[serde(default)]
    pub revision: u64,
}

/// How many running copies an agent has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentInstances {
    /// Those that were heard in the last five minutes.
    pub live: u64,
    /// All that have not said that they end.
    pub total: u64,
}

/// What the gateway itself counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    pub admitted: u64,
    pub denied: u64,
    /// Requests of which neither is known, because the store failed in the middle.
    #[serde(default)]
    pub unknown: u64,
    /// Where the figures come from: `gateway`.
    pub source: String,
}

/// The hold in force, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KillSummary {
    pub kill_id: String,
    pub reason: Option<String>,
    /// Name of the key that gave the order.
    pub by: String,
    pub at: String,
    pub revision: u64,
}

/// Answer of `GET /v1/mesh/agents/{agent}`.
///
/// The agent's fields stand at the top too, where some published clients read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentDetailAnswer {
    pub ok: bool,
    pub agent: AgentDetail,
    pub metrics: AgentMetrics,
    /// Policies in force; empty while none are set.
    #[schema(value_type = Object)]
    pub policies: JsonObject,
    pub events: Vec<MeshEvent>,
    #[serde(flatten)]
    pub mirrored: MirroredAgent,
}

/// One agent with the facts that only its own page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentDetail {
    #[serde(flatten)]
    pub agent: MeshAgent,
    pub service_account_id: Option<String>,
    /// Status of the account: `active`, `suspended` or `deleted`.
    pub status: String,
    pub killed_at: Option<String>,
    pub killed_by: Option<String>,
    pub kill_reason: Option<String>,
}

/// The fields of the agent that are repeated at the top of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MirroredAgent {
    pub address_id: String,
    pub address: String,
    pub display_name: String,
    pub health_status: String,
    pub health: String,
    pub run_state: String,
    pub last_heartbeat_at: Option<String>,
    pub created_at: String,
    pub intents_period: u64,
    pub cost_period: f64,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    pub revision: u64,
}

/// Figures of one agent. Those named after heartbeats are what the agent says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentMetrics {
    pub intents_today: u64,
    pub intents_this_hour: u64,
    pub cost_today: f64,
    pub intents_total: u64,
    pub intents_succeeded: u64,
    pub intents_failed: u64,
    pub avg_latency_ms: Option<f64>,
    pub cost_usd: f64,
}

impl From<&MeshAgent> for MirroredAgent {
    fn from(agent: &MeshAgent) -> Self {
        Self {
            address_id: agent.address_id.clone(),
            address: agent.address.clone(),
            display_name: agent.display_name.clone(),
            health_status: agent.health_status.clone(),
            health: agent.health.clone(),
            run_state: agent.run_state.clone(),
            last_heartbeat_at: agent.last_heartbeat_at.clone(),
            created_at: agent.created_at.clone(),
            intents_period: agent.intents_period,
            cost_period: agent.cost_period,
            metadata: agent.metadata.clone(),
            revision: agent.revision,
        }
    }
}
