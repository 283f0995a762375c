//! The sign of life that an agent sends about every 30 seconds.

use super::Progress;
use crate::JsonObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/mesh/heartbeat`; an empty body means the same as `{}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<HeartbeatMetrics>,
    /// Tells the copies of an agent apart that share one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub labels: Option<JsonObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Number or name of this beat; a repetition with the same one counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_id: Option<serde_json::Value>,
    /// Whether this instance ends now, in good order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<bool>,
}

/// What the agent counted since its last beat (differences, not totals).
///
/// Counts are signed so that a negative one can be refused by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatMetrics {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents_total: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents_succeeded: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents_failed: Option<i64>,
    /// Mean over the intents of this beat, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avg_latency_ms: Option<f64>,
    /// Spent since the last beat, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// Answer to a heartbeat; 200 for a killed agent too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    /// `healthy`, or the run state when the agent is stopped: `killed`, `paused`, `quarantined`.
    pub health_status: String,
    /// The same as `health_status`, under the name that other clients read.
    pub status: String,
    pub killed: bool,
    /// `active`, `paused`, `quarantined` or `killed`.
    #[serde(default)]
    pub run_state: String,
    /// The revision of the control log at which this is so.
    #[serde(default)]
    pub revision: u64,
    pub kill: Option<HeartbeatKill>,
    /// As it was given, or as the gateway tells the caller apart; `null` when there are too many.
    #[serde(default)]
    pub instance_id: Option<String>,
    pub last_heartbeat_at: String,
    pub server_time: String,
    pub next_heartbeat_seconds: u32,
}

/// Why the agent that beats is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatKill {
    pub kill_id: String,
    /// `halt`, `quarantine` or `pause`.
    #[serde(default)]
    pub mode: String,
    pub reason: Option<String>,
    pub by: String,
    pub at: String,
    /// Position of the order in the control log.
    #[serde(default)]
    pub revision: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_published_clients_parse() {
        for body in [
            r"{}",
            r#"{"metrics":null}"#,
            r#"{"metrics":{"intents_total":3}}"#,
            // The TypeScript client sends null for a latency that nobody reported.
            r#"{"metrics":{"intents_total":1,"intents_succeeded":1,"intents_failed":0,"avg_latency_ms":null,"cost_usd":0}}"#,
            // The cost guide shows members that no client sends.
            r#"{"agent":"x","intent_id":"y","status":"ok","metrics":{"llm_calls":4,"tokens_in":9,"cost_usd":0.25}}"#,
        ] {
            serde_json::from_str::<HeartbeatRequest>(body).unwrap();
        }
    }
}
