//! Policies of an agent: which intents it may send and receive, and how much.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/mesh/agents/{agent}/policies`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoliciesAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    pub policies: Policies,
    pub usage: PolicyUsage,
}

/// What is set for one agent. Nothing set means that everything is allowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Policies {
    /// At most one for each direction.
    pub action: Vec<ActionPolicy>,
    pub cost: Option<CostPolicy>,
}

/// Which types of intents may go in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionPolicy {
    /// `send` or `receive`, like the direction.
    pub policy_id: String,
    /// `send` or `receive`, seen from the agent.
    pub direction: String,
    /// `open`, `allowlist` or `denylist`.
    pub mode: String,
    /// The same as `mode`, under the name that other clients read.
    pub policy_type: String,
    /// Intent types, in which `*` stands for anything.
    pub patterns: Vec<String>,
    pub updated_at: String,
    /// Name of the key that set it.
    pub updated_by: String,
}

/// How much an agent may send and cost. A limit that is `null` does not limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CostPolicy {
    /// Intents that the gateway admits from it in a calendar day, UTC.
    pub max_intents_per_day: Option<u64>,
    /// Intents that the gateway admits from it in a full hour.
    pub max_intents_per_hour: Option<u64>,
    /// US dollars that it reports with its heartbeats in a calendar day, UTC. Known after the fact:
    /// it stops what comes after it was reached.
    pub max_cost_per_day_usd: Option<f64>,
    /// `block`, `alert` or `require_approval`.
    pub action_on_breach: String,
    pub updated_at: String,
    /// Name of the key that set it.
    pub updated_by: String,
}

/// What an agent has used of its limits, in the current hour and day, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyUsage {
    /// Counted by the gateway.
    pub intents_today: u64,
    /// Counted by the gateway.
    pub intents_this_hour: u64,
    /// US dollars, as the agent reports them.
    pub cost_today: f64,
}

/// Body of `PUT /v1/mesh/agents/{agent}/policies/action`: replaces the policy of one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionPolicyRequest {
    /// `send` or `receive`.
    pub direction: String,
    /// `open`, `allowlist` or `denylist`.
    #[serde(default, alias = "policy_type")]
    pub mode: String,
    /// Intent types, in which `*` stands for anything; at most 256.
    #[serde(default, alias = "intent_types")]
    pub patterns: Vec<String>,
}

/// Answer of `PUT /v1/mesh/agents/{agent}/policies/action`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionPolicyAnswer {
    pub ok: bool,
    pub policy: ActionPolicy,
}

/// Body of `PUT /v1/mesh/agents/{agent}/policies/cost`: replaces the whole policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CostPolicyRequest {
    pub max_intents_per_day: Option<u64>,
    pub max_intents_per_hour: Option<u64>,
    pub max_cost_per_day_usd: Option<f64>,
    /// `block` (default), `alert` or `require_approval`.
    pub action_on_breach: Option<String>,
}

/// Answer of `GET` and `PUT /v1/mesh/agents/{agent}/policies/cost`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CostPolicyAnswer {
    pub ok: bool,
    /// `null` when none is set.
    pub policy: Option<CostPolicy>,
    pub usage: PolicyUsage,
}

/// Answer of a `DELETE` of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRemovedAnswer {
    pub ok: bool,
    /// Whether there was one.
    pub removed: bool,
}
