//! How a workspace stands.

use axme_api::error::ErrorBody;
use axme_api::mesh::OverviewAnswer;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::agents::WorkspaceQuery;
use crate::http::auth::Authenticated;
use crate::http::body::Params;
use crate::http::error::ApiError;
use crate::read::overview;

/// Tell in one sentence how a workspace stands, with its figures
#[utoipa::path(
    get,
    path = "/v1/mesh/summary",
    tag = "mesh",
    params(WorkspaceQuery),
    responses(
        (status = 200, body = OverviewAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "workspace_not_found", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_mesh_summary(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(place): Params<WorkspaceQuery>,
) -> Result<Json<OverviewAnswer>, ApiError> {
    Ok(Json(overview::of(api.engine(), &caller, place.place()).await?))
}
