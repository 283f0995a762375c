//! Where an agent's instances can go on.

use axme_api::error::ErrorBody;
use axme_api::mesh::LastStateAnswer;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;
use crate::read::last_state;

/// Get what an agent's instances said last before it was stopped
///
/// What was kept with its last kill, and what was said late about it; for an agent that was never
/// killed, what its instances said last.
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/last-state",
    tag = "mesh",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = LastStateAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_last_state(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<LastStateAnswer>, ApiError> {
    Ok(Json(last_state::of(api.engine(), &caller, path.text("agent")).await?))
}
