//! The mesh: which agents live, what they report, and stopping and resuming them.

use crate::JsonObject;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

mod agents;
mod heartbeat;
mod incident;
mod instances;
mod kill;
mod overview;
mod policies;
mod sheets;

pub use agents::{
    AgentDetail, AgentDetailAnswer, AgentInstances, AgentListAnswer, AgentListQuery, AgentMetrics,
    Counts, KillSummary, MeshAgent, MeshSummary, MirroredAgent,
};
pub use heartbeat::{HeartbeatAnswer, HeartbeatKill, HeartbeatMetrics, HeartbeatRequest};
pub use incident::{
    DenialCount, DenialMinute, IncidentAnswer, IncidentDenials, IncidentEntry, IncidentPhase,
};
pub use instances::{
    AckAnswer, AckRequest, ControlChangeEvent, ControlState, ControlStateEvent, ControlStreamQuery,
    CountSource, Instance, InstanceState, InstanceTotals, InstancesAnswer, InstancesQuery,
    InstancesSummary, KilledInstance, KilledInstanceState, LastState, LastStateAnswer, Progress,
};
pub use kill::{
    Durability, Kill, KillAnswer, KillMode, KillRecord, KillRecordAnswer, KillRequest, Receipt,
    ReplicaReceipt, ReplicaState, ResumeAnswer, ResumeRequest,
};
pub use overview::{NeedsPerson, OverviewAnswer, ReplicaCounts, StoppedAgents};
pub use policies::{
    ActionPolicy, ActionPolicyAnswer, ActionPolicyRequest, CostPolicy, CostPolicyAnswer,
    CostPolicyRequest, Policies, PoliciesAnswer, PolicyRemovedAnswer, PolicyUsage,
};
pub use sheets::{
    BlastRadiusAnswer, HeldIntents, HoldInForce, HoldTarget, ResumePreviewAnswer, Sender, Senders,
};

/// Query of `GET /v1/mesh/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// A type such as `agent.killed`, or its last word alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `GET /v1/mesh/events`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventsAnswer {
    pub ok: bool,
    pub events: Vec<MeshEvent>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// Something that happened to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeshEvent {
    /// `evt_c<revision>` for control changes.
    pub event_id: String,
    pub address: Option<String>,
    pub address_id: Option<String>,
    /// `agent.killed`, `agent.resumed`, `agent.registered`, `key.created`, ...
    pub event_type: String,
    #[schema(value_type = Option<Object>)]
    pub details: Option<JsonObject>,
    pub actor_id: Option<String>,
    pub created_at: String,
}
