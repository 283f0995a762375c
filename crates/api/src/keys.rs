//! Keys of people and agents: role, scope, life time.

use crate::tenancy::{Organization, Workspace};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What a key may do, strongest first; `agent` stands apart and acts as its own agent only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Operator,
    Viewer,
    Agent,
}

/// How far a key reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    Installation,
    Organization,
    Workspace,
}

/// Whether a key is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    Revoked,
    Expired,
}

/// Body of `POST /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateKeyRequest {
    /// The actor that the audit shows.
    pub name: String,
    pub role: Role,
    /// `workspace` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<KeyScope>,
    /// The asking key's own when absent, as is the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Address, name or id of the agent; needed by the role `agent` and by no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// RFC 3339; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Query of `GET /v1/keys`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KeysQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer with one key: after making and revoking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyAnswer {
    pub ok: bool,
    pub key: Key,
}

/// Answer of `GET /v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeysAnswer {
    pub ok: bool,
    pub keys: Vec<Key>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// `sak_<32 hex>`.
    pub key_id: String,
    pub name: String,
    pub role: Role,
    pub scope: KeyScope,
    pub org_id: Option<String>,
    pub workspace_id: Option<String>,
    pub service_account_id: Option<String>,
    pub agent_address: Option<String>,
    /// The end of the key, to recognise it by.
    pub key_hint: String,
    pub status: KeyStatus,
    pub created_at: String,
    pub created_by: String,
    pub expires_at: Option<String>,
    pub last_used_at: Option<String>,
    pub revoked_at: Option<String>,
    /// The key itself; only in the answer that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Answer of `GET /v1/keys/self`: whose key this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SelfAnswer {
    pub ok: bool,
    pub key: Key,
    /// Where calls without an organization act.
    pub organization: Option<Organization>,
    /// Where calls without a workspace act.
    pub workspace: Option<Workspace>,
    /// The agent that this key acts as.
    pub agent: Option<SelfAgent>,
}

/// The agent behind an agent's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SelfAgent {
    pub address_id: String,
    pub address: String,
    pub name: String,
    #[serde(default)]
    pub service_account_id: Option<String>,
    /// `active`, `killed`, `paused` or `quarantined`.
    #[serde(default)]
    pub run_state: Option<String>,
}
