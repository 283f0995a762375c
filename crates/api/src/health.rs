//! Whether the gateway lives, serves, and what it offers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /health`: the process lives. Never depends on the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthAnswer {
    pub ok: bool,
    /// `axme-gateway`.
    pub service: String,
    pub version: String,
    /// `self_hosted`.
    pub deployment_profile: String,
    /// `sqlite`.
    pub storage: String,
    /// Number of registered agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_users: Option<u64>,
}

/// Answer of `GET /ready` when it serves; otherwise the error `not_ready` whose
/// `details.reason` says why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadyAnswer {
    pub ok: bool,
    pub replica_id: String,
    pub epoch: u64,
    /// The control log's revision that this replica has applied.
    pub revision: u64,
    /// `single` or `replicated`.
    pub durability: crate::mesh::Durability,
}

/// Answer of `GET /v1/capabilities`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapabilitiesAnswer {
    pub ok: bool,
    pub capabilities: Vec<String>,
    pub supported_intent_types: Vec<String>,
}
