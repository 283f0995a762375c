//! The running copies of an agent: what they say of themselves, and what they are told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::HeartbeatKill;
use crate::JsonObject;

/// How far an instance is with its work, as it reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    pub done: u64,
    #[serde(default)]
    pub total: Option<u64>,
    /// What is counted, such as `emails`.
    #[serde(default)]
    pub unit: Option<String>,
}

/// Where a count comes from. Only what the ledger or the gateway counts is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountSource {
    /// Durable rows.
    Ledger,
    /// What the gateway itself has seen.
    Gateway,
    /// What the agent says.
    Reported,
}

/// Query of `GET /v1/mesh/agents/{agent}/instances`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InstancesQuery {
    /// 1 to 1000; 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Answer of `GET /v1/mesh/agents/{agent}/instances`, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstancesAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    pub instances: Vec<Instance>,
    pub summary: InstancesSummary,
    /// Instances of one agent that are kept at most.
    pub instances_max: u64,
    /// Where each count of an instance comes from.
    pub sources: BTreeMap<String, CountSource>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// How many instances there are, by health.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstancesSummary {
    /// Those that have not ended.
    pub total: u64,
    pub healthy: u64,
    pub degraded: u64,
    pub unreachable: u64,
    pub ended: u64,
}

/// One running copy of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    pub instance_id: String,
    /// Whether it gave no id: its key and the address that it calls from stand for it.
    pub inferred: bool,
    pub state: InstanceState,
    /// `healthy`, `degraded` or `unreachable`, by its last sign of life.
    pub health: String,
    pub first_seen_at: String,
    pub last_heartbeat_at: String,
    pub version: Option<String>,
    pub region: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub labels: Option<JsonObject>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    pub progress: Option<Progress>,
    /// Control streams that it has open.
    pub open_streams: u64,
}

/// Whether an instance runs, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    Running,
    /// It said that it ends.
    Ended,
}

/// Answer of `GET /v1/mesh/agents/{agent}/last-state`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastStateAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    /// Whether this was kept with a kill. Otherwise it is what the instances said last.
    pub frozen: bool,
    pub kill_id: Option<String>,
    /// When the kill was ordered.
    pub at: Option<String>,
    pub instances: Vec<LastState>,
}

/// What an instance said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastState {
    pub instance_id: String,
    pub region: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    pub progress: Option<Progress>,
    pub at: String,
    /// Whether it said so after it was stopped.
    pub late: bool,
}

/// An agent's run state, as its instances are told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlState {
    /// `active`, `paused`, `quarantined` or `killed`; an unknown word means stopped.
    pub run_state: String,
    /// The revision of the control log at which this is so.
    pub revision: u64,
    /// The strictest hold in force.
    pub kill: Option<HeartbeatKill>,
}

/// Data of a `control.state` frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlStateEvent {
    #[serde(flatten)]
    pub control: ControlState,
    pub instance_id: String,
    pub server_time: String,
    pub next_heartbeat_seconds: u32,
}

/// Data of a `control.changed` frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ControlChangeEvent {
    #[serde(flatten)]
    pub control: ControlState,
    /// `killed`, `paused`, `quarantined` or `resumed`.
    pub change: String,
    /// When it was ordered.
    pub at: String,
}

/// Query of `GET /v1/mesh/control/stream`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ControlStreamQuery {
    /// Tells the copies of an agent apart that share one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The revision up to which changes are known; `Last-Event-ID` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Body of `POST /v1/mesh/control/ack`: an instance says that it has stopped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AckRequest {
    /// The kill that it stopped for.
    pub kill_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// `stream` or `heartbeat`: how it learned of the kill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
}

/// Answer of an acknowledgement: it is on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AckAnswer {
    pub ok: bool,
    pub kill_id: String,
    pub instance_id: String,
    /// `stopped`.
    pub state: String,
    /// Since the kill was ordered, in milliseconds.
    pub after_ms: f64,
    /// Whether it had said so before.
    pub already: bool,
}

/// What became of one instance of a killed agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KilledInstance {
    pub instance_id: String,
    pub inferred: bool,
    pub region: Option<String>,
    pub version: Option<String>,
    pub state: KilledInstanceState,
    /// `stream` or `heartbeat`: how it learned of the kill.
    pub via: Option<String>,
    /// From the order until it said that it had stopped, in milliseconds.
    pub after_ms: Option<f64>,
    pub progress: Option<Progress>,
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<JsonObject>,
    /// Intents that it reported after it said that it had stopped.
    pub reported_after: u64,
}

/// How an instance is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KilledInstanceState {
    /// It said so.
    Stopped,
    /// The gateway refuses what it begins.
    Blocked,
    /// As blocked; it has not been heard of lately.
    Unreachable,
}

/// All instances of a killed agent, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceTotals {
    pub total: u64,
    pub stopped: u64,
    pub blocked: u64,
    pub unreachable: u64,
    /// What they report as done, and as not done.
    pub done: Option<u64>,
    pub not_done: Option<u64>,
    pub unit: Option<String>,
    /// Such as `3 of 3 stopped; 6,074 done, 43,926 not`.
    pub sentence: String,
    /// Where each count comes from.
    #[serde(default)]
    pub sources: BTreeMap<String, CountSource>,
}
