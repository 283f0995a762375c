//! A kill told from before it until after it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CountSource, KillRecord, MeshEvent};

/// Answer of `GET /v1/mesh/incidents/{kill_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentAnswer {
    pub ok: bool,
    pub kill: KillRecord,
    /// From when it is told: fifteen minutes before the kill.
    pub since: String,
    /// Until when: the resume, or now.
    pub until: String,
    /// What happened to the agent, oldest first, without what was refused.
    pub timeline: Vec<IncidentEntry>,
    /// Whether more happened than is told here.
    pub more: bool,
    /// What was refused after the kill.
    pub denials: IncidentDenials,
    /// Where each count comes from.
    pub sources: BTreeMap<String, CountSource>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentEntry {
    pub phase: IncidentPhase,
    pub event: MeshEvent,
}

/// Where something stands in an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentPhase {
    Before,
    /// The kill itself.
    Kill,
    /// While the agent was stopped.
    During,
    /// The resume that ended it.
    Resume,
}

/// What was refused because of the agent, from the minute of the kill on. It is counted in memory
/// and written every few seconds: the last of them are missing, and those of a replica that died.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDenials {
    pub total: u64,
    /// By reason, most first.
    pub reasons: Vec<DenialCount>,
    /// By minute and reason, oldest first.
    pub minutes: Vec<DenialMinute>,
    /// Whether there are more than are counted here.
    pub at_least: bool,
}

/// Refusals for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DenialCount {
    /// Such as `agent_killed`.
    pub reason: String,
    pub count: u64,
}

/// Refusals for one reason in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DenialMinute {
    /// When the minute began.
    pub at: String,
    pub reason: String,
    pub count: u64,
}
