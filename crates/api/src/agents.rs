//! The registry of addresses.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Query of `GET /v1/agents`; organization and workspace are the key's own when absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgentsQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `GET /v1/agents`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentsAnswer {
    pub ok: bool,
    pub agents: Vec<RegisteredAgent>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// Answer of `GET /v1/agents/{address}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentAnswer {
    pub ok: bool,
    pub agent: RegisteredAgent,
}

/// An address and the service account behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredAgent {
    pub address: String,
    #[serde(default)]
    pub address_id: String,
    pub service_account_id: String,
    pub service_account_name: String,
    pub display_name: Option<String>,
    /// `active`, `suspended` or `deleted`.
    pub status: String,
    /// As in the mesh; `null` where it was not asked for.
    #[serde(default)]
    pub health_status: Option<String>,
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
}
