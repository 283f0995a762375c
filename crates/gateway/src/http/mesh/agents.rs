//! Reading the mesh: all agents of a workspace, and one of them.

use axme_api::error::ErrorBody;
use axme_api::mesh::{AgentDetailAnswer, AgentListAnswer, AgentListQuery};
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::agents::WorkspaceQuery;
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams};
use crate::http::compat::own_health_word;
use crate::http::error::ApiError;
use crate::read::{agent, agents};

/// List the agents of a workspace with their health
///
/// By address, or as `sort` says; rows of another order may change places from page to page. An
/// agent's key sees itself only.
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
    Params(mut query): Params<AgentListQuery>,
    Params(place): Params<WorkspaceQuery>,
) -> Result<Json<AgentListAnswer>, ApiError> {
    query.health = query.health.map(own_health_word);
    Ok(Json(agents::list(api.engine(), &caller, place.place(), &query).await?))
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
    let (named, window) = (path.text("agent"), query.window.as_deref());
    Ok(Json(agent::one(api.engine(), &caller, named, window).await?))
}
