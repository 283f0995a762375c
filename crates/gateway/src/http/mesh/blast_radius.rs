//! What a kill would hit.

use axme_api::error::ErrorBody;
use axme_api::mesh::BlastRadiusAnswer;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;
use crate::read::blast_radius;

/// Tell what a kill of an agent would hit
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/blast-radius",
    tag = "mesh",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = BlastRadiusAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_blast_radius(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<BlastRadiusAnswer>, ApiError> {
    Ok(Json(blast_radius::of(api.engine(), &caller, path.text("agent")).await?))
}
