//! Sending an intent and reading it back.

use crate::JsonObject;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Body of `POST /v1/intents`.
///
/// Published clients send more members than these; unknown ones are tolerated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateRequest {
    /// For example `intent.email.send.v1`.
    pub intent_type: String,
    /// UUID that groups a workflow; made by the gateway when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Address or bare name of the receiver.
    pub to_agent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<JsonObject>,
    /// Only with an operator's or owner's key; an agent's key decides its sender itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// RFC 3339; the intent times out then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub human_task: Option<JsonObject>,
    /// `stream` or `poll`; `http` is not offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

/// Answer of `POST /v1/intents`, after the intent is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateAnswer {
    pub ok: bool,
    /// UUID (version 7).
    pub intent_id: String,
    pub status: String,
    pub created_at: String,
}

/// Answer of `GET /v1/intents/{id}`.
///
/// Id, status and payload stand at the top too, where published examples read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntentAnswer {
    pub ok: bool,
    pub intent: Intent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<JsonObject>,
}

/// One intent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Intent {
    pub intent_id: String,
    /// `CREATED`, `SUBMITTED`, `DELIVERED`, `ACKNOWLEDGED`, `IN_PROGRESS`, `WAITING`, or an end:
    /// `COMPLETED`, `FAILED`, `CANCELED`, `TIMED_OUT`.
    pub status: String,
    /// The same as `status`, under the name that published examples read.
    #[serde(default)]
    pub lifecycle_status: String,
    /// `accepted`, `running`, `blocked`, `done` or `failed`.
    #[serde(default)]
    pub legacy_status: String,
    pub waiting_reason: Option<String>,
    pub intent_type: String,
    pub correlation_id: String,
    pub from_agent: String,
    pub to_agent: String,
    /// `null` for keys that may not see payloads.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<JsonObject>,
    pub created_at: String,
    pub updated_at: Option<String>,
    pub reply_to: Option<String>,
    pub deadline_at: Option<String>,
    pub remind_after_seconds: Option<u64>,
    pub remind_interval_seconds: Option<u64>,
    pub max_reminders: Option<u32>,
    pub remind_count: Option<u32>,
    pub escalate_to: Option<String>,
    pub max_delivery_attempts: Option<u32>,
    pub delivery_attempt: Option<u32>,
    #[schema(value_type = Option<Object>)]
    pub human_task: Option<JsonObject>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    /// `{type, ref, name}` of whom the intent waits for.
    #[schema(value_type = Option<Object>)]
    pub pending_with: Option<JsonObject>,
    #[schema(value_type = Option<Object>)]
    pub result: Option<JsonObject>,
    #[schema(value_type = Option<Object>)]
    pub error: Option<JsonObject>,
    pub reason: Option<String>,
    pub policy_generation: Option<u64>,
    /// The revision of the control log at which both ends were found running.
    #[serde(default)]
    pub admitted_at_revision: u64,
    /// Whether the end was reported while the receiver was stopped.
    #[serde(default)]
    pub late: bool,
}

/// Query of `GET /v1/intents`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IntentListQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Statuses, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
}

/// Answer of `GET /v1/intents`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntentListAnswer {
    pub ok: bool,
    pub intents: Vec<IntentSummary>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// One intent in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntentSummary {
    pub intent_id: String,
    pub status: String,
    pub to_agent: String,
    pub from_agent: String,
    pub intent_type: String,
    pub created_at: String,
    pub updated_at: String,
}

/// Query of the event streams, and (`since` alone) of the list of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Only what comes after this number; exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// 1 to 60, default 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
    /// Statuses, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Answer of `GET /v1/intents/{id}/events`, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntentEventsAnswer {
    pub ok: bool,
    pub events: Vec<IntentEvent>,
}

/// One step in the life of an intent; also the `data` of a stream's frame.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntentEvent {
    pub intent_id: String,
    /// Per intent from 1 without gaps; on an agent's stream the delivery cursor.
    pub seq: u64,
    /// `intent.created`, `intent.delivered`, `intent.completed`, ...
    pub event_type: String,
    pub status: String,
    pub at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub pending_with: Option<JsonObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<JsonObject>,
    /// Only on an agent's stream, as are the next four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_attempt: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_published_clients_send_parses() {
        let body = r#"{"intent_type":"intent.test.v1","correlation_id":"b5","to_agent":"agent://bob",
            "payload":{"n":1},"from_agent":"agent://x","deadline_at":null,"human_task":null,
            "priority":"high","ttl_seconds":4}"#;
        let request = serde_json::from_str::<CreateRequest>(body).unwrap();
        assert_eq!(request.to_agent, "agent://bob");
        assert_eq!(request.deadline_at, None);
    }
}
