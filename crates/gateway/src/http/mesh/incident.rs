//! A kill told from before it until after it.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::IncidentAnswer;
use axme_core::id::KillId;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;
use crate::read::incident;

/// Tell a kill from before it until after it
///
/// Its record, what happened to the agent since fifteen minutes before, and what was refused.
#[utoipa::path(
    get,
    path = "/v1/mesh/incidents/{kill_id}",
    tag = "mesh",
    params(("kill_id" = String, Path, description = "As the kill answered it")),
    responses(
        (status = 200, body = IncidentAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "kill_not_found", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_incident(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<IncidentAnswer>, ApiError> {
    let id: KillId = path.id("kill_id", ErrorCode::KillNotFound)?;
    Ok(Json(incident::of(api.engine(), &caller, id).await?))
}
