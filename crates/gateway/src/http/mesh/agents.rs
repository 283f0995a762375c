//! Reading the mesh: all agents of a workspace, and one of them.

mod page;

use std::collections::HashMap;

use axme_api::JsonObject;
use axme_api::error::ErrorBody;
use axme_api::mesh::{
    AgentDetail, AgentDetailAnswer, AgentListAnswer, AgentListQuery, AgentMetrics, MirroredAgent,
};
use axme_core::id::AddressId;
use axme_core::period::{Period, hour_start};
use axme_core::state::Agent;
use axme_core::time::Timestamp;
use axme_store::ledger::Usage;
use axum::Json;
use axum::extract::State;

use super::instances::shown_object;
use super::shown::{self, Found};
use super::{events, policies};
use crate::http::Api;
use crate::http::agents::WorkspaceQuery;
use crate::http::answers::{asked_workspace, unless_stale, with_agent};
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams};
use crate::http::error::ApiError;

/// Events that the page of one agent shows.
const EVENTS_SHOWN: usize = 20;

/// List the agents of a workspace with their health
///
/// Sorted by address. An agent's key sees itself only.
#[utoipa::path(
    get,
    path = "/v1/mesh/agents",
    tag = "mesh",
    params(AgentListQuery, WorkspaceQuery),
    responses(
        (status = 200, body = AgentListAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "workspace_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn list_mesh_agents(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AgentListQuery>,
    Params(place): Params<WorkspaceQuery>,
) -> Result<Json<AgentListAnswer>, ApiError> {
    let (org, workspace) = (place.org_id.as_deref(), place.workspace_id.as_deref());
    let workspace = asked_workspace(&api, &caller, org, workspace)?;
    let asked = page::Asked::read(&query, workspace, &caller)?;
    let since = asked_period(query.window.as_deref())?.start(api.engine().clock.wall());
    let only = shown::only(&caller)?;
    let usage = unless_stale(&api, api.engine().ledger.usage(workspace, only, since).await)?;
    let summary = page::summary(&api, &asked, &usage);
    let page = page::read(&api, &asked).await;
    let usage: HashMap<AddressId, Usage> = usage.into_iter().collect();
    let shown_ids: Vec<AddressId> = page.found.iter().map(|found| found.agent.address_id).collect();
    let metadata = metadata_of(&api, &shown_ids).await?;
    let show = |found: &Found| {
        let address_id = &found.agent.address_id;
        let usage = usage.get(address_id).copied();
        let metadata = metadata.get(address_id).cloned();
        shown::mesh_agent(&api, found, usage, metadata)
    };
    let agents = page.found.iter().map(show).collect();
    Ok(Json(AgentListAnswer { ok: true, agents, summary, next_cursor: page.next_cursor }))
}

/// Get one agent with its figures and its last events
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}",
    tag = "mesh",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("window" = Option<String>, Query, description = "`day` (default), `week` or `month`"),
    ),
    responses(
        (status = 200, body = AgentDetailAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_mesh_agent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    Params(query): Params<AgentListQuery>,
) -> Result<Json<AgentDetailAnswer>, ApiError> {
    let period = asked_period(query.window.as_deref())?;
    let found = with_agent(&api, &caller, path.text("agent"), Found::of)?;
    let now = api.engine().clock.wall();
    let usage = usage_of(&api, &found.agent, period.start(now)).await?;
    let today = match period {
        Period::Day => usage,
        Period::Week | Period::Month => {
            usage_of(&api, &found.agent, Period::Day.start(now)).await?
        }
    };
    let address_id = found.agent.address_id;
    let hour = api.engine().ledger.usage_of_hour(address_id, hour_start(now)).await;
    let hour = unless_stale(&api, hour)?;
    let asked = events::Asked {
        address_id: Some(address_id),
        ..events::Asked::everything(caller.key.scope, EVENTS_SHOWN)
    };
    let events = unless_stale(&api, events::read(&api, asked).await.map(|page| page.events))?;
    let metadata = metadata_of(&api, &[address_id]).await?.remove(&address_id);
    let agent = shown::mesh_agent(&api, &found, Some(usage), metadata);
    let mirrored = MirroredAgent::from(&agent);
    let metrics = AgentMetrics {
        intents_today: today.intents_total,
        intents_this_hour: hour.intents_total,
        cost_today: today.cost_usd,
        intents_total: usage.intents_total,
        intents_succeeded: usage.intents_succeeded,
        intents_failed: usage.intents_failed,
        avg_latency_ms: shown::mean_latency_ms(usage),
        cost_usd: usage.cost_usd,
    };
    let policies = policies::shown::object(&found.agent.policies);
    let agent = detail(&found, agent);
    Ok(Json(AgentDetailAnswer { ok: true, agent, metrics, policies, events, mirrored }))
}

fn detail(found: &Found, agent: axme_api::mesh::MeshAgent) -> AgentDetail {
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

/// What the instance of each agent said of itself that was heard last.
async fn metadata_of(
    api: &Api,
    agents: &[AddressId],
) -> Result<HashMap<AddressId, JsonObject>, ApiError> {
    let latest = unless_stale(api, api.engine().ledger.latest_metadata(agents).await)?;
    let read = |(agent, text): (AddressId, Box<str>)| Some((agent, shown_object(&text)?));
    Ok(latest.into_iter().filter_map(read).collect())
}

async fn usage_of(api: &Api, agent: &Agent, since: Timestamp) -> Result<Usage, ApiError> {
    let (workspace, address_id) = (agent.workspace_id, agent.address_id);
    let usage = api.engine().ledger.usage(workspace, Some(address_id), since).await;
    let usage = unless_stale(api, usage)?;
    Ok(usage
        .into_iter()
        .find(|(of, _)| *of == address_id)
        .map(|(_, usage)| usage)
        .unwrap_or_default())
}

fn asked_period(window: Option<&str>) -> Result<Period, ApiError> {
    match window {
        None | Some("") => Ok(Period::Day),
        Some(word) => Period::parse(word)
            .ok_or_else(|| ApiError::query("window", "must be day, week or month")),
    }
}
