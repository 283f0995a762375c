//! Reading the registry.

use axme_api::agents::{AgentAnswer, AgentsAnswer, AgentsQuery, RegisteredAgent};
use axme_api::error::{ErrorBody, ErrorCode};
use axme_core::address::Address;
use axme_core::id::WorkspaceId;
use axme_core::state::Agent;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams, not_found};
use crate::http::error::ApiError;
use crate::read::{Place, asked_workspace, list_limit, with_agent};

/// Agents that are looked at before the control state is let go.
const CHUNK_AGENTS: usize = 1_024;

/// List the registered agents of a workspace
///
/// Sorted by address. An agent's key sees itself only.
#[utoipa::path(
    get,
    path = "/v1/agents",
    tag = "agents",
    params(AgentsQuery),
    responses(
        (status = 200, body = AgentsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "workspace_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn list_agents(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AgentsQuery>,
) -> Result<Json<AgentsAnswer>, ApiError> {
    let limit = list_limit(query.limit)?;
    let place =
        Place { org_id: query.org_id.as_deref(), workspace_id: query.workspace_id.as_deref() };
    let workspace = asked_workspace(api.engine(), &caller, place)?;
    let after = read_cursor(query.cursor.as_deref())?;
    let mut found = match caller.agent() {
        Some(own) => {
            let own = own.address_id();
            let own = api.engine().control.read(|state| state.agent(own?).cloned());
            own.into_iter()
                .filter(|own| after.as_ref().is_none_or(|at| own.address > *at))
                .collect()
        }
        None => registered(&api, workspace, after, limit + 1).await,
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|last| last.address.to_string());
    let agents = found.iter().filter_map(|agent| shown(&api, agent)).collect();
    Ok(Json(AgentsAnswer { ok: true, agents, next_cursor }))
}

/// The registered agents of a workspace after an address, at most `agents_max`.
async fn registered(
    api: &Api,
    workspace: WorkspaceId,
    mut after: Option<Address>,
    agents_max: usize,
) -> Vec<Agent> {
    let mut found: Vec<Agent> = Vec::new();
    loop {
        let (last, read) = api.engine().control.read(|state| {
            let (mut last, mut read) = (None, 0);
            for agent in state.agents_of(workspace, after.as_ref()).take(CHUNK_AGENTS) {
                if found.len() == agents_max {
                    break;
                }
                (last, read) = (Some(agent.address.clone()), read + 1);
                if agent.live_account().is_some() {
                    found.push(agent.clone());
                }
            }
            (last, read)
        });
        if found.len() == agents_max || read < CHUNK_AGENTS {
            return found;
        }
        after = last;
        tokio::task::yield_now().await;
    }
}

fn read_cursor(cursor: Option<&str>) -> Result<Option<Address>, ApiError> {
    match cursor {
        None | Some("") => Ok(None),
        Some(cursor) => match Address::parse_lenient(cursor) {
            Ok(address) => Ok(Some(address)),
            Err(problem) => {
                Err(ApiError::query("cursor", format!("take it from next_cursor: {problem}")))
            }
        },
    }
}

/// Get a registered agent
#[utoipa::path(
    get,
    path = "/v1/agents/{agent}",
    tag = "agents",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = AgentAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
pub(super) async fn get_agent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<AgentAnswer>, ApiError> {
    let named = path.text("agent");
    let found = with_agent(api.engine(), &caller, named, |_, agent| agent.clone())?;
    let agent = shown(&api, &found);
    let missing = || not_found(ErrorCode::AgentNotFound, named).detail("address", named);
    let agent = agent.ok_or_else(missing)?;
    Ok(Json(AgentAnswer { ok: true, agent }))
}

/// None for an address that was stopped without having been registered.
fn shown(api: &Api, agent: &Agent) -> Option<RegisteredAgent> {
    let account = agent.account.as_deref()?;
    let engine = api.engine();
    let cell = engine.enforcer.cell(agent.workspace_id, &agent.address);
    let health = cell.map(|cell| engine.heartbeats.health(&cell).as_str().to_owned());
    let status = if account.deleted_at.is_none() { "active" } else { "deleted" };
    Some(RegisteredAgent {
        address: agent.address.to_string(),
        address_id: agent.address_id.to_string(),
        service_account_id: account.account_id.to_string(),
        service_account_name: agent.address.name().to_owned(),
        display_name: account.display_name.as_deref().map(str::to_owned),
        status: status.to_owned(),
        health_status: health,
        created_at: account.created_at.to_string(),
        updated_at: Some(account.deleted_at.unwrap_or(account.created_at).to_string()),
    })
}
