//! From the engine's values to the mesh's wire types.

use std::sync::Arc;

use axme_api::JsonObject;
use axme_api::error::ErrorCode;
use axme_api::mesh::{
    Counts, Durability, Kill, KillMode, KillSummary, MeshAgent, Receipt, ReplicaReceipt,
    ReplicaState,
};
use axme_core::health::Health;
use axme_core::hold::{Hold, RunState};
use axme_core::id::{AddressId, Revision};
use axme_core::state::{Agent, State};
use axme_core::time::Timestamp;
use axme_engine::Caller;
use axme_engine::control;
use axme_engine::enforcer::Cell;
use axme_store::control::LogEntry;
use axme_store::ledger::Usage;
use serde_json::{Value, json};

use crate::http::Api;
use crate::http::answers::control_event_id;
use crate::http::body::not_found;
use crate::http::error::ApiError;

/// One agent as the control state has it, taken out of it to be looked at.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) agent: Agent,
    pub(super) hold: Option<Hold>,
    pub(super) revision: Revision,
}

impl Found {
    pub(super) fn of(state: &State, agent: &Agent) -> Self {
        let hold = state.hold_on(agent).cloned();
        Self { agent: agent.clone(), hold, revision: state.revision() }
    }

    /// Its health and run state at this moment.
    pub(super) fn standing(&self, api: &Api) -> (Health, RunState) {
        let engine = api.engine();
        let cell = engine.enforcer.cell(self.agent.workspace_id, &self.agent.address);
        cell.map_or((Health::Unknown, RunState::Active), |cell| {
            (engine.heartbeats.health(&cell), cell.run_state())
        })
    }
}

/// An agent with what it reported in a period.
pub(super) fn mesh_agent(
    api: &Api,
    found: &Found,
    usage: Option<Usage>,
    metadata: Option<JsonObject>,
) -> MeshAgent {
    let enforcer = &api.engine().enforcer;
    let agent = &found.agent;
    let cell = enforcer.cell(agent.workspace_id, &agent.address);
    let (health, run_state) = found.standing(api);
    let seen = cell.as_ref().and_then(|cell| cell.last_seen());
    let counts = cell.map(|cell| cell.counts()).unwrap_or_default();
    let open_streams = enforcer.open_streams(agent.workspace_id, &agent.address);
    MeshAgent {
        address_id: agent.address_id.to_string(),
        address: agent.address.to_string(),
        display_name: agent.display_name().to_owned(),
        health_status: health.as_str().to_owned(),
        health: health.as_str().to_owned(),
        run_state: run_state.as_str().to_owned(),
        kill: found.hold.as_ref().map(kill_summary),
        last_heartbeat_at: seen.map(|seen| seen.to_string()),
        created_at: known_since(agent, seen).to_string(),
        intents_period: usage.map_or(0, |usage| usage.intents_total),
        cost_period: usage.map_or(0.0, |usage| usage.cost_usd),
        metadata,
        metrics: usage.map(reported),
        counts: Counts {
            admitted: counts.admitted,
            denied: counts.denied,
            unknown: counts.unknown,
            source: "gateway".to_owned(),
        },
        open_streams: open_streams as u64,
        revision: found.revision.0,
    }
}

/// The address that an agent's key is held to; none for keys that see more than one agent.
pub(super) fn only(caller: &Caller) -> Result<Option<AddressId>, ApiError> {
    let id = |own: &Arc<Cell>| {
        own.address_id().ok_or_else(|| not_found(ErrorCode::AgentNotFound, own.address.as_str()))
    };
    caller.agent().map(id).transpose()
}

/// When an address became known. One that nobody registered has no date of its own.
fn known_since(agent: &Agent, seen: Option<Timestamp>) -> Timestamp {
    let registered = agent.account.as_ref().map(|account| account.created_at);
    let stopped = || agent.holds.iter().next().map(|hold| hold.at);
    registered.or_else(stopped).or(seen).unwrap_or_default()
}

fn kill_summary(hold: &Hold) -> KillSummary {
    KillSummary {
        kill_id: hold.kill_id.to_string(),
        reason: hold.reason.as_deref().map(str::to_owned),
        by: hold.by.name.to_string(),
        at: hold.at.to_string(),
        revision: hold.revision.0,
    }
}

/// Reported usage under the names of the heartbeat.
fn reported(usage: Usage) -> JsonObject {
    let figures = [
        ("intents_total", json!(usage.intents_total)),
        ("intents_succeeded", json!(usage.intents_succeeded)),
        ("intents_failed", json!(usage.intents_failed)),
        ("avg_latency_ms", json!(mean_latency_ms(usage))),
        ("cost_usd", json!(usage.cost_usd)),
    ];
    figures.into_iter().map(|(name, figure): (&str, Value)| (name.to_owned(), figure)).collect()
}

/// The mean over all intents that a latency was said of; none when it was said of none.
pub(super) fn mean_latency_ms(usage: Usage) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a mean need not be exact beyond 2^53 intents")]
    let intents = usage.latency_count as f64;
    (usage.latency_count > 0).then(|| usage.latency_ms_sum / intents)
}

/// The hold that a kill added, and the agent that it stands on.
pub(super) fn ordered(logged: &LogEntry) -> Option<(&Hold, AddressId)> {
    logged.entry.changes.iter().find_map(|change| {
        let (target, hold) = change.added_hold()?;
        Some((hold, target.agent()?))
    })
}

/// The kill that an entry of the log is. None for an entry that stops no agent.
pub(super) fn kill(logged: &LogEntry, receipt: Receipt) -> Option<Kill> {
    let (hold, address_id) = ordered(logged)?;
    let entry = &logged.entry;
    let before = entry.before.as_ref().and_then(|before| before.get("run_state"));
    Some(Kill {
        kill_id: hold.kill_id.to_string(),
        status: RunState::Killed.as_str().to_owned(),
        health_status: Health::Killed.as_str().to_owned(),
        address_id: address_id.to_string(),
        address: entry.target.as_deref().unwrap_or_default().to_owned(),
        mode: KillMode::Halt,
        revision: logged.revision.0,
        event_id: control_event_id(logged.revision),
        killed_at: entry.at.to_string(),
        killed_by: entry.actor.name.to_string(),
        reason: entry.reason.as_deref().map(str::to_owned),
        already: before.is_some_and(|state| state != RunState::Active.as_str()),
        receipt,
    })
}

pub(super) fn receipt(receipt: control::Receipt, delivered_unfinished: u64) -> Receipt {
    let replica = |replica: control::ReplicaReceipt| ReplicaReceipt {
        replica_id: replica.replica_id,
        epoch: replica.epoch,
        region: replica.region,
        state: match replica.state {
            control::ReplicaState::Enforced => ReplicaState::Enforced,
            control::ReplicaState::Fenced => ReplicaState::Fenced,
            control::ReplicaState::Left => ReplicaState::Left,
        },
        after_ms: replica.after_ms,
    };
    Receipt {
        bound_ms: receipt.bound_ms,
        enforced_in_ms: receipt.enforced_in_ms,
        durability: durability(&receipt.durability),
        replicas: receipt.replicas.into_iter().map(replica).collect(),
        delivered_unfinished,
        streams_closed: receipt.streams_closed,
        connections_cut: receipt.connections_cut,
        bytes_after_order: receipt.bytes_after_order,
    }
}

pub(super) fn durability(word: &str) -> Durability {
    if word == axme_store::control::Durability::Replicated.as_str() {
        Durability::Replicated
    } else {
        Durability::Single
    }
}
