//! Resuming an agent.

use axme_api::error::ErrorBody;
use axme_api::mesh::{ResumeAnswer, ResumeRequest};
use axum::Json;
use axum::extract::State;

use super::kill::about_agent;
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, PathParams};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::orders::{self, ResumeOrder};

/// Resume an agent: lift the holds that the caller has seen
///
/// A kill that is newer than the revision in the body refuses the resume.
#[utoipa::path(
    post,
    path = "/v1/mesh/agents/{agent}/resume",
    tag = "mesh",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = Option<ResumeRequest>,
    responses(
        (status = 200, body = ResumeAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 409, description = "killed_again, idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn resume_agent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<ResumeRequest>,
) -> Result<Json<ResumeAnswer>, ApiError> {
    let named = path.text("agent");
    let order = ResumeOrder {
        agent: named,
        seen: body.value.revision,
        reason: body.value.reason.map(Into::into),
        idempotency: idempotency.of(&caller, &body.sent),
    };
    let resumed = orders::resume(api.engine(), &caller, order).await;
    Ok(Json(resumed.map_err(|error| about_agent(error, named))?))
}
