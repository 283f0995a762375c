//! An agent as the mesh shows it, with what is kept of it beside the control state.

use std::collections::HashMap;

use axme_api::JsonObject;
use axme_api::mesh::{AgentInstances, Counts, MeshAgent};
use axme_core::id::{AddressId, WorkspaceId};
use axme_core::state::Agent;
use axme_core::time::Timestamp;
use axme_engine::Engine;
use axme_engine::enforcer::Cell;
use axme_store::instances::InstanceCounts;
use axme_store::ledger::Usage;
use serde_json::{Value, json};

use super::found::kill_summary;
use super::instances::{heard_since, shown_object};
use super::{Found, ReadError, unless_stale};

/// What the store keeps of some agents beside the control state.
#[derive(Debug, Default)]
pub(super) struct Kept {
    metadata: HashMap<AddressId, JsonObject>,
    instances: HashMap<AddressId, InstanceCounts>,
    /// The hours in which they reported last.
    reported: HashMap<AddressId, Timestamp>,
}

impl Kept {
    /// Reads what is kept of these agents: once for a page.
    pub(super) async fn of(
        engine: &Engine,
        workspace: WorkspaceId,
        agents: &[AddressId],
    ) -> Result<Self, ReadError> {
        let ledger = &engine.ledger;
        let metadata = unless_stale(engine, ledger.latest_metadata(agents)).await?;
        let read = |(agent, text): (AddressId, Box<str>)| Some((agent, shown_object(&text)?));
        let reported = unless_stale(engine, ledger.last_reports(workspace, agents)).await?;
        Ok(Self {
            metadata: metadata.into_iter().filter_map(read).collect(),
            instances: instances_of(engine, agents).await?,
            reported: reported.into_iter().collect(),
        })
    }
}

/// How many instances each of these agents has; none where that is not known.
pub(super) async fn instances_of(
    engine: &Engine,
    agents: &[AddressId],
) -> Result<HashMap<AddressId, InstanceCounts>, ReadError> {
    let since = heard_since(engine.clock.wall());
    let counted = engine.ledger.count_instances_of(agents, since);
    Ok(unless_stale(engine, counted).await?.into_iter().collect())
}

/// How many of an agent's instances were heard lately, and how many have not ended.
pub(super) fn shown_instances(counts: InstanceCounts) -> AgentInstances {
    let live = counts.healthy + counts.degraded;
    AgentInstances { live, total: live + counts.unreachable }
}

/// An agent with what it reported in a period.
pub(super) fn mesh_agent(
    engine: &Engine,
    found: &Found,
    usage: Option<Usage>,
    kept: &Kept,
) -> MeshAgent {
    let agent = &found.agent;
    let address_id = &agent.address_id;
    let cell = engine.enforcer.cell(agent.workspace_id, &agent.address);
    let (health, run_state) = found.standing(engine);
    let seen = cell.as_ref().and_then(|cell| cell.last_seen());
    let counts = cell.as_ref().map(|cell| cell.counts()).unwrap_or_default();
    let open_streams = engine.enforcer.open_streams(agent.workspace_id, &agent.address);
    let reported_at = reported_at(cell.as_deref(), kept.reported.get(address_id).copied());
    let instances = kept.instances.get(address_id).copied().unwrap_or_default();
    MeshAgent {
        address_id: address_id.to_string(),
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
        cost_reported_at: reported_at.map(|at| at.to_string()),
        instances: shown_instances(instances),
        metadata: kept.metadata.get(address_id).cloned(),
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

/// When an agent reported last: as it was heard here, or in the hour that the store knows of.
fn reported_at(cell: Option<&Cell>, hour: Option<Timestamp>) -> Option<Timestamp> {
    cell.and_then(Cell::last_report).max(hour)
}

/// When an address became known. One that nobody registered has no date of its own.
fn known_since(agent: &Agent, seen: Option<Timestamp>) -> Timestamp {
    let registered = agent.account.as_ref().map(|account| account.created_at);
    let stopped = || agent.holds.iter().next().map(|hold| hold.at);
    registered.or_else(stopped).or(seen).unwrap_or_default()
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
