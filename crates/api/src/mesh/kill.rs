//! Stopping and resuming an agent, and the record of a kill.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InstanceTotals, KilledInstance, LastState};

/// Body of `POST /v1/mesh/agents/{agent}/kill`; an empty body means the same as `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KillRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `halt`, also when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// A note; the audit's actor is the key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// How long the answer waits for instances that can be told at once, when every replica
    /// enforces the kill: 0 to 10000 milliseconds, 250 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_instances_ms: Option<u64>,
}

/// Answer of a kill: it has been enforced by every replica, or fenced where a replica was silent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KillAnswer {
    pub ok: bool,
    #[serde(flatten)]
    pub kill: Kill,
    /// The same as `receipt.streams_closed`, under the name that published documents use.
    pub open_streams_closed: u64,
    /// The agent's instances, those that have not stopped first; 1000 at most.
    #[serde(default)]
    pub instances: Vec<KilledInstance>,
    /// `null` when they were not counted in time: the record of the kill has them.
    #[serde(default)]
    pub instance_totals: Option<InstanceTotals>,
}

/// One order to stop one agent, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Kill {
    /// `kill_<32 hex>`.
    pub kill_id: String,
    /// `killed`.
    pub status: String,
    /// `killed`.
    pub health_status: String,
    pub address_id: String,
    pub address: String,
    pub mode: KillMode,
    /// Position of the order in the control log; a resume names it or a later one.
    pub revision: u64,
    pub event_id: String,
    pub killed_at: String,
    /// Name of the key that gave the order.
    pub killed_by: String,
    pub reason: Option<String>,
    /// Whether another hold was in force before.
    pub already: bool,
    pub receipt: Receipt,
}

/// How an agent is stopped. Closed: `halt` is what this gateway offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KillMode {
    Halt,
}

/// Proof of a kill: every replica, and when it enforced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Within how many milliseconds of its commit this kill had to return: the longest lease of all
    /// replicas, and 100 ms to close the epochs of silent ones.
    pub bound_ms: u64,
    /// What it took from the order to the last replica, in milliseconds.
    pub enforced_in_ms: f64,
    pub durability: Durability,
    pub replicas: Vec<ReplicaReceipt>,
    /// Intents that the agent had received and not finished; they may still end.
    pub delivered_unfinished: u64,
    pub streams_closed: u64,
    pub connections_cut: u64,
    /// Bytes that left for or from the agent after the order was given.
    pub bytes_after_order: u64,
}

/// What one replica did about a kill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaReceipt {
    pub replica_id: String,
    /// Which life of it: a replica that was fenced comes back with another one.
    #[serde(default)]
    pub epoch: u64,
    pub region: Option<String>,
    pub state: ReplicaState,
    /// Since the order, in milliseconds.
    pub after_ms: f64,
}

/// How a replica came to admit nothing more of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// It reported that it enforces the kill.
    Enforced,
    /// It was silent, so its lease ran out and the store refuses its writes.
    Fenced,
    /// It had left.
    Left,
}

/// What a kill that is acknowledged can survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// On the disk of one server.
    Single,
    /// On a second server too.
    Replicated,
}

/// Body of `POST /v1/mesh/agents/{agent}/resume`; an empty body means the same as `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResumeRequest {
    /// The revision that the operator saw; holds newer than it refuse the resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Answer of a resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResumeAnswer {
    pub ok: bool,
    /// The run state now: `active`, or `killed` while another hold stands.
    pub status: String,
    pub health_status: String,
    pub address_id: String,
    pub address: String,
    pub revision: u64,
    pub event_id: String,
    pub resumed_at: String,
    pub resumed_by: String,
    /// The kills that this resume ended.
    pub lifted: Vec<String>,
    /// Whether the agent was active before.
    pub already: bool,
    /// What was kept of its instances with the last kill: where they can go on.
    #[serde(default)]
    pub instances: Vec<LastState>,
}

/// Answer of `GET /v1/mesh/kills/{kill_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KillRecordAnswer {
    pub ok: bool,
    pub kill: KillRecord,
}

/// The record of a kill, which goes on filling until the agent is resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KillRecord {
    #[serde(flatten)]
    pub kill: Kill,
    pub open_streams_closed: u64,
    /// The agent's instances, those that have not stopped first; 1000 at most.
    #[serde(default)]
    pub instances: Vec<KilledInstance>,
    #[serde(default)]
    pub instance_totals: InstanceTotals,
    pub resumed_at: Option<String>,
    pub resumed_by: Option<String>,
}
