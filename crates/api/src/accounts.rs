//! Service accounts: an agent's identity, and the keys that act as it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Body of `POST /v1/service-accounts`. Making one makes an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateAccountRequest {
    /// Last part of the agent's address.
    pub name: String,
    /// The key's own when absent, as is the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A note; the audit's actor is the key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_actor_id: Option<String>,
}

/// Query of `GET /v1/service-accounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AccountsQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer with one service account: after making, reading and deleting it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountAnswer {
    pub ok: bool,
    pub service_account: ServiceAccount,
}

/// Answer of `GET /v1/service-accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountsAnswer {
    pub ok: bool,
    pub service_accounts: Vec<ServiceAccount>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A service account, that is: an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceAccount {
    /// `sa_<32 hex>`.
    pub service_account_id: String,
    /// The same as `service_account_id`, under the name that published command lines fall back to.
    #[serde(default)]
    pub id: String,
    pub org_id: String,
    pub workspace_id: String,
    pub name: String,
    pub description: Option<String>,
    pub display_name: Option<String>,
    /// `active`, `suspended` or `revoked`.
    pub status: String,
    pub created_by_actor_id: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    /// `agent://organization/workspace/name`.
    pub agent_address: String,
    /// The same as `agent_address`.
    #[serde(default)]
    pub address: String,
    /// `addr_<32 hex>`.
    #[serde(default)]
    pub address_id: String,
}

/// Body of `POST /v1/service-accounts/{id}/keys`; an empty body means the same as `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateAccountKeyRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by_actor_id: Option<String>,
    /// RFC 3339; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Answer with one key of a service account: after making and revoking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountKeyAnswer {
    pub ok: bool,
    pub key: AccountKey,
}

/// A key that acts as one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountKey {
    /// `sak_<32 hex>`.
    pub key_id: String,
    pub service_account_id: String,
    /// The end of the key, to recognise it by.
    pub key_hint: String,
    /// `active`, `revoked` or `expired`.
    pub status: String,
    pub created_at: String,
    pub expires_at: Option<String>,
    #[serde(default)]
    pub revoked_at: Option<String>,
    /// The key itself; only in the answer that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
