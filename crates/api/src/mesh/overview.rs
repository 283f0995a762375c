//! How a workspace stands at this moment, in a few figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CountSource;

/// Answer of `GET /v1/mesh/summary`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OverviewAnswer {
    pub ok: bool,
    pub workspace_id: String,
    pub at: String,
    /// Such as `3 agents stopped, 2 need you, 194 running; admitted 41/s; replicas 3 of 3 fresh`.
    pub sentence: String,
    /// Agents of the workspace.
    pub agents: u64,
    pub stopped: StoppedAgents,
    /// Agents that nothing stops and that were heard in the last five minutes.
    pub running: u64,
    /// Agents that nothing stops and that were never heard.
    pub unknown: u64,
    pub needs: NeedsPerson,
    /// Intents that this replica admitted, in the mean over the last ten whole seconds.
    pub admitted_per_second: f64,
    /// `null` while the store does not say.
    pub replicas: Option<ReplicaCounts>,
    /// Where each count comes from.
    pub sources: BTreeMap<String, CountSource>,
}

/// Agents that are stopped, by their run state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedAgents {
    pub total: u64,
    pub killed: u64,
    pub paused: u64,
    pub quarantined: u64,
}

/// What somebody has to look after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NeedsPerson {
    /// Agents that need somebody, for whichever reason; each once.
    pub agents: u64,
    /// Agents that nothing stops and that have not been heard for five minutes.
    pub unreachable: u64,
    /// Stopped agents with instances that have not said that they stopped, ten seconds after the
    /// newest kill: blocked by the gateway, or not heard of.
    pub not_stopped: u64,
    /// Whether there are more stopped agents than were looked at.
    pub at_least: bool,
}

/// The gateway's replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaCounts {
    /// Those that renew their lease.
    pub fresh: u64,
    /// All that have not left.
    pub total: u64,
}
