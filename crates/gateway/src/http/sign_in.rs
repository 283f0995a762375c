//! Signing in to the dashboard: links that work once, and who is signed in.

use axme_api::JsonObject;
use axme_api::dashboard::{DashboardSessionsAnswer, DashboardTokenAnswer, SessionEndedAnswer};
use axme_api::error::{ErrorBody, ErrorCode};
use axme_core::id::SessionId;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::body::{Body, PathParams};
use super::error::ApiError;
use crate::edge::Peer;
use crate::read::sessions;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_dashboard_token))
        .routes(routes!(list_dashboard_sessions))
        .routes(routes!(end_dashboard_session))
}

/// Make a link that signs in to the dashboard
///
/// It works once, for five minutes. The session can do what the key of this request can, and ends
/// with it.
#[utoipa::path(
    post,
    path = "/v1/auth/dashboard-token",
    tag = "dashboard",
    responses(
        (status = 200, description = "The token, which is shown now and never again", body = DashboardTokenAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "quota_exceeded: too many links that nobody has used; too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
async fn create_dashboard_token(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    _body: Body<JsonObject>,
) -> Result<Response, ApiError> {
    let issued = api.engine().sessions.issue_token(&caller).await?;
    let peer = peer.map(|Extension(peer)| peer).unwrap_or_default();
    let base = api.edge().base_url(&peer, &headers);
    let token = issued.token.token;
    let answer = DashboardTokenAnswer {
        ok: true,
        url: format!("{base}/auth/exchange?token={token}"),
        token,
        expires_in: issued.lives.as_secs(),
    };
    // Nothing on the way may keep what opens a session.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// List who is signed in to the dashboard
///
/// Sessions of the asking key; for owners those of every key in their scope.
#[utoipa::path(
    get,
    path = "/v1/dashboard/sessions",
    tag = "dashboard",
    responses(
        (status = 200, description = "The sessions, the newest first", body = DashboardSessionsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
async fn list_dashboard_sessions(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
) -> Json<DashboardSessionsAnswer> {
    let sessions = sessions::sessions(api.engine(), &caller);
    Json(DashboardSessionsAnswer { ok: true, sessions })
}

/// Sign a browser out of the dashboard
///
/// From the answer on the session works at no replica.
#[utoipa::path(
    delete,
    path = "/v1/dashboard/sessions/{session_id}",
    tag = "dashboard",
    params(("session_id" = String, Path, description = "`ses_…`")),
    responses(
        (status = 200, description = "It has ended", body = SessionEndedAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "session_not_found: or it is of another key, and yours is no owner's", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
async fn end_dashboard_session(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<SessionEndedAnswer>, ApiError> {
    let session: SessionId = path.id("session_id", ErrorCode::SessionNotFound)?;
    api.engine().sessions.end(&caller, session).await?;
    Ok(Json(SessionEndedAnswer { ok: true, session_id: session.to_string() }))
}
