//! The replicas of this gateway.

use axme_api::error::ErrorBody;
use axme_api::replicas::ReplicasAnswer;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::error::ApiError;
use crate::read::replicas;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_replicas))
}

/// List the gateway's replicas: their leases, how far each has come, and what commits survive
#[utoipa::path(
    get,
    path = "/v1/replicas",
    tag = "replicas",
    responses(
        (status = 200, body = ReplicasAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn list_replicas(
    State(api): State<Api>,
    Authenticated(_caller): Authenticated,
) -> Result<Json<ReplicasAnswer>, ApiError> {
    Ok(Json(replicas::list(api.engine()).await?))
}
