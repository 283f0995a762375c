//! The record of a kill: what its answer said, and what came later.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::KillRecordAnswer;
use axme_core::id::KillId;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;
use crate::read::kill_record;

/// Get the record of a kill
#[utoipa::path(
    get,
    path = "/v1/mesh/kills/{kill_id}",
    tag = "mesh",
    params(("kill_id" = String, Path, description = "As the kill answered it")),
    responses(
        (status = 200, body = KillRecordAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "kill_not_found", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_kill(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<KillRecordAnswer>, ApiError> {
    let id: KillId = path.id("kill_id", ErrorCode::KillNotFound)?;
    let kill = kill_record::read(api.engine(), &caller, id).await?;
    Ok(Json(KillRecordAnswer { ok: true, kill }))
}
