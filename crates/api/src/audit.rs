//! The audit: who did what to what, and the hash chains that prove it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Query of `GET /v1/audit/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// For example `agent.` or `key.revoked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_prefix: Option<String>,
    /// Name of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Address, name or id of an agent.
    #[serde(alias = "owner_agent", skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// RFC 3339, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// RFC 3339, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// At most 500, default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `GET /v1/audit/events`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEventsAnswer {
    pub ok: bool,
    pub events: Vec<AuditEvent>,
    pub next_cursor: Option<String>,
}

/// One entry of the audit. Never contains payloads, keys or metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// `evt_c<revision>` or `evt_e<epoch>_<seq>`.
    pub event_id: String,
    pub at: String,
    pub action: String,
    pub result: AuditResult,
    /// Name of the key, `local` for offline commands, or the gateway itself.
    pub actor_id: String,
    pub actor_kind: ActorKind,
    pub key_id: Option<String>,
    pub client_address: Option<String>,
    pub target: Option<String>,
    pub request_id: Option<String>,
    pub reason: Option<String>,
    pub before: Option<serde_json::Value>,
    pub after: Option<serde_json::Value>,
    pub details: Option<serde_json::Value>,
    /// `control` or `e<epoch>`.
    pub chain: String,
    pub position: u64,
    /// Hash of the chain at this position, hex.
    pub hash: String,
}

/// Whether what was asked for was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    Ok,
    Refused,
}

/// What kind of actor it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    Key,
    Local,
    Gateway,
}

/// Query of `GET /v1/audit/chain`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChainQuery {
    /// `control` (default) or `e<epoch>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Only positions after this one; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Answer of `GET /v1/audit/chain`: a piece of one chain, oldest first.
///
/// `hash = SHA-256(previous hash ‖ body_hash)` over the raw bytes, `body_hash = SHA-256(body)`,
/// and 32 zero bytes stand before the first entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainAnswer {
    pub ok: bool,
    pub chain: String,
    pub entries: Vec<ChainEntry>,
    pub head: ChainHead,
    /// The ids of all chains that this key may verify.
    pub chains: Vec<String>,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainEntry {
    pub position: u64,
    /// Hex, 64 characters, as is the next.
    pub hash: String,
    pub body_hash: String,
    /// The exact bytes, or `null` when the entry belongs to a scope that the key does not cover.
    pub body: Option<String>,
}

/// The newest position of a chain and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainHead {
    pub position: u64,
    pub hash: String,
}

/// Answer of `GET /v1/audit/verified`: how far the gateway itself has checked the chains.
///
/// It checks its own store: against whoever can change both, compare with an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedAnswer {
    pub ok: bool,
    /// Control changes.
    pub control: VerifiedChain,
    /// What replicas saw: refusals, sign-ins, changes of health. A chain for each of their lives.
    pub observations: VerifiedObservations,
    /// Whether every chain is checked up to its end.
    pub complete: bool,
    /// What is wrong, the first of each chain; 10 at most.
    pub faults: Vec<AuditFault>,
    /// When this check began with the first entries; it begins again some minutes after it is
    /// complete.
    pub begun_at: String,
    /// When it went on last.
    pub at: String,
}

/// How far one chain is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedChain {
    /// Every entry up to this one follows from the one before it.
    pub verified_to: u64,
    /// The newest entry.
    pub head: u64,
}

/// How far the other chains are checked, all together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedObservations {
    pub chains: u64,
    /// Those that are checked up to their end.
    pub verified_chains: u64,
    pub verified_entries: u64,
    pub entries: u64,
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFault {
    /// `control` or `e<epoch>`.
    pub chain: String,
    /// The last entry before it that is in order.
    pub after: u64,
    pub problem: String,
}
