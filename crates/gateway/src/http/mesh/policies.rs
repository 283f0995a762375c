//! Policies of an agent: read by itself and by people, set by operators.

mod action;
mod cost;

use axme_api::error::ErrorBody;
use axme_api::mesh::PoliciesAnswer;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;
use crate::read::policies;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_policies))
        .routes(routes!(action::put_action_policy, action::delete_action_policy))
        .routes(routes!(action::delete_action_policy_by_id))
        .routes(routes!(cost::get_cost_policy, cost::put_cost_policy, cost::delete_cost_policy))
}

/// Get the policies of an agent, with what it has used of its limits
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/policies",
    tag = "policies",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = PoliciesAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_policies(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<PoliciesAnswer>, ApiError> {
    Ok(Json(policies::of(api.engine(), &caller, path.text("agent")).await?))
}
