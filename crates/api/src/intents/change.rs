//! What happens to an intent after it was sent: its end, its controls, its policy.

use super::{Intent, IntentEvent};
use crate::JsonObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/intents/{id}/resolve`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResolveRequest {
    /// `COMPLETED`, `FAILED` or `CANCELED`.
    pub status: String,
    /// What came out of it. Any JSON is accepted; an object is what clients expect to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<u64>,
}

/// Answer of a resolve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResolveAnswer {
    pub ok: bool,
    pub intent: Intent,
    pub event: IntentEvent,
    pub completion_delivery: CompletionDelivery,
}

/// What became of the notice to `reply_to`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompletionDelivery {
    pub delivered: bool,
    /// Why not, for example `reply_to_not_set`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// Answer of `POST /v1/intents/{id}/resume`, whose body is any JSON object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResumeIntentAnswer {
    pub ok: bool,
    pub applied: bool,
    pub intent: Intent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_generation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Body of `POST /v1/intents/bulk-cancel`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BulkCancelRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than_hours: Option<f64>,
    /// Only say what would be cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_filter: Option<Vec<String>>,
}

/// Answer of a bulk cancel: the first two fields for a dry run, else the third.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BulkCancelAnswer {
    pub ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_cancel: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_ids: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled: Option<u64>,
}

/// Body of `POST /v1/intents/{id}/controls`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ControlsRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub controls_patch: Option<JsonObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<u64>,
}

/// Body of `POST /v1/intents/{id}/policy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub grants_patch: Option<JsonObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub envelope_patch: Option<JsonObject>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<u64>,
}

/// Answer to a patch of controls or policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PatchAnswer {
    pub ok: bool,
    pub applied: bool,
    pub policy_generation: u64,
    /// Why it was not applied: `stale_policy_generation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
