//! What happened to agents.

use axme_api::error::ErrorBody;
use axme_api::mesh::{EventsAnswer, EventsQuery};
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::Params;
use crate::http::error::ApiError;
use crate::read::events;

/// List what happened to agents, newest first
///
/// An agent's key sees what happened to itself.
#[utoipa::path(
    get,
    path = "/v1/mesh/events",
    tag = "mesh",
    params(EventsQuery),
    responses(
        (status = 200, body = EventsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn list_mesh_events(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<EventsQuery>,
) -> Result<Json<EventsAnswer>, ApiError> {
    Ok(Json(events::list(api.engine(), &caller, query).await?))
}
