//! What an operator is shown before a kill and before a resume.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AgentInstances, CountSource};

/// Answer of `GET /v1/mesh/agents/{agent}/blast-radius`: what a kill would hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlastRadiusAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    pub display_name: String,
    /// `active`, `killed`, `paused` or `quarantined`.
    pub run_state: String,
    /// The revision of the control log that this answer shows.
    pub revision: u64,
    /// Its running copies: those that are live are told to stop.
    pub instances: AgentInstances,
    /// Event streams that it has open at this replica; they are closed.
    pub open_streams: u64,
    /// Intents that wait for it and were never handed over; they are held.
    pub queued_to: u64,
    /// Intents of its own that were never handed over; they are held.
    pub queued_from: u64,
    /// Intents from or to it that were handed over and have not ended; they may still end.
    pub delivered_unfinished: u64,
    /// Who sent to it in the last hour, and would be answered 403.
    pub senders: Senders,
    /// Where each count comes from.
    pub sources: BTreeMap<String, CountSource>,
}

/// Other agents that sent to an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Senders {
    /// How many agents.
    pub agents: u64,
    /// Whether there may be more: of very many intents only the newest are looked at.
    pub at_least: bool,
    /// Since when.
    pub since: String,
    /// Those that sent most, 20 at most.
    pub most: Vec<Sender>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sender {
    pub address: String,
    pub intents: u64,
}

/// Answer of `GET /v1/mesh/agents/{agent}/resume-preview`: why it is stopped, and what will flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResumePreviewAnswer {
    pub ok: bool,
    pub address_id: String,
    pub address: String,
    pub display_name: String,
    /// `active`, `killed`, `paused` or `quarantined`.
    pub run_state: String,
    /// The revision to name in the resume: it lifts the agent's own holds up to here.
    pub revision: u64,
    /// Every hold in force, oldest first: the workspace's, which a resume of the agent leaves, and
    /// its own.
    pub holds: Vec<HoldInForce>,
    /// Whether it stays stopped after a resume, by a hold on its workspace.
    pub stays_stopped: bool,
    pub held: HeldIntents,
    /// Where each count comes from.
    pub sources: BTreeMap<String, CountSource>,
}

/// One reason why an agent is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldInForce {
    pub kill_id: String,
    pub on: HoldTarget,
    /// `halt`, `pause` or `quarantine`.
    pub mode: String,
    /// Name of the key that gave the order.
    pub by: String,
    /// The automatic rule that placed it; `null` for a person.
    pub rule: Option<String>,
    pub reason: Option<String>,
    pub at: String,
    pub revision: u64,
}

/// What a hold stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldTarget {
    Agent,
    Workspace,
}

/// Intents that wait until their agent is resumed, and flow then, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldIntents {
    /// All of them, each once.
    pub total: u64,
    pub to_it: u64,
    pub from_it: u64,
    /// When the first in line was admitted.
    pub oldest_at: Option<String>,
    /// How long ago, in seconds.
    pub oldest_age_seconds: Option<u64>,
}
