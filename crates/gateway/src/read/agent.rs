//! One agent with its figures and its last events.

use axme_api::mesh::{AgentDetail, AgentDetailAnswer, AgentMetrics, MeshAgent, MirroredAgent};
use axme_core::id::AddressId;
use axme_core::period::{Period, hour_start};
use axme_core::state::Agent;
use axme_core::time::Timestamp;
use axme_engine::{Caller, Engine};
use axme_store::ledger::Usage;

use super::agents::asked_period;
use super::mesh_agent::{self, Kept, mesh_agent};
use super::{Found, ReadError, events, policies, unless_stale, with_agent};

/// Events that the page of one agent shows.
const EVENTS_SHOWN: usize = 20;

/// See the module. `window` is the period of its sums.
pub(crate) async fn one(
    engine: &Engine,
    caller: &Caller,
    named: &str,
    window: Option<&str>,
) -> Result<AgentDetailAnswer, ReadError> {
    let period = asked_period(window)?;
    let found = with_agent(engine, caller, named, Found::of)?;
    let now = engine.clock.wall();
    let usage = usage_of(engine, &found.agent, period.start(now)).await?;
    let today = match period {
        Period::Day => usage,
        Period::Week | Period::Month => {
            usage_of(engine, &found.agent, Period::Day.start(now)).await?
        }
    };
    let address_id = found.agent.address_id;
    let hour = engine.ledger.usage_of_hour(address_id, hour_start(now));
    let hour = unless_stale(engine, hour).await?;
    let events = last_events(engine, caller, address_id).await?;
    let kept = Kept::of(engine, found.agent.workspace_id, &[address_id]).await?;
    let agent = mesh_agent(engine, &found, Some(usage), &kept);
    let mirrored = MirroredAgent::from(&agent);
    let metrics = AgentMetrics {
        intents_today: today.intents_total,
        intents_this_hour: hour.intents_total,
        cost_today: today.cost_usd,
        intents_total: usage.intents_total,
        intents_succeeded: usage.intents_succeeded,
        intents_failed: usage.intents_failed,
        avg_latency_ms: mesh_agent::mean_latency_ms(usage),
        cost_usd: usage.cost_usd,
    };
    let policies = policies::object(&found.agent.policies);
    let agent = detail(&found, agent);
    Ok(AgentDetailAnswer { ok: true, agent, metrics, policies, events, mirrored })
}

async fn last_events(
    engine: &Engine,
    caller: &Caller,
    address_id: AddressId,
) -> Result<Vec<axme_api::mesh::MeshEvent>, ReadError> {
    let asked = events::Asked {
        address_id: Some(address_id),
        ..events::Asked::everything(caller.key.scope, EVENTS_SHOWN)
    };
    let events = async { events::read(engine, asked).await.map(|page| page.events) };
    unless_stale(engine, events).await
}

fn detail(found: &Found, agent: MeshAgent) -> AgentDetail {
    let account = found.agent.account.as_deref();
    let killed = agent.kill.clone();
    AgentDetail {
        service_account_id: account.map(|account| account.account_id.to_string()),
        status: if found.agent.live_account().is_some() { "active" } else { "deleted" }.to_owned(),
        killed_at: killed.as_ref().map(|kill| kill.at.clone()),
        killed_by: killed.as_ref().map(|kill| kill.by.clone()),
        kill_reason: killed.and_then(|kill| kill.reason),
        agent,
    }
}

async fn usage_of(engine: &Engine, agent: &Agent, since: Timestamp) -> Result<Usage, ReadError> {
    let (workspace, address_id) = (agent.workspace_id, agent.address_id);
    let usage = engine.ledger.usage(workspace, Some(address_id), since);
    let usage = unless_stale(engine, usage).await?;
    Ok(usage
        .into_iter()
        .find(|(of, _)| *of == address_id)
        .map(|(_, usage)| usage)
        .unwrap_or_default())
}
