//! The audit: what was done and seen, and the chains that prove it.

use axme_api::audit::{AuditEventsAnswer, AuditQuery, ChainAnswer, ChainQuery, VerifiedAnswer};
use axme_api::error::ErrorBody;
use axum::Json;
use axum::extract::State;
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::body::Params;
use super::error::ApiError;
use crate::read::audit;

/// Where the next table begins.
const NEXT_CURSOR: &str = "x-next-cursor";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_events))
        .routes(routes!(export_audit_events))
        .routes(routes!(get_audit_chain))
        .routes(routes!(get_audit_verified))
}

/// List audit events
///
/// Those within the key's scope, newest first.
#[utoipa::path(
    get,
    path = "/v1/audit/events",
    tag = "audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "A page of them", body = AuditEventsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn list_audit_events(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditEventsAnswer>, ApiError> {
    Ok(Json(audit::events(api.engine(), &caller, &query).await?))
}

/// Export audit events as a table
///
/// As the list, newest first, 10000 at most; the header `x-next-cursor` says where the rest begins.
/// Cells that a spreadsheet would take for formulas begin with an apostrophe.
#[utoipa::path(
    get,
    path = "/v1/audit/events.csv",
    tag = "audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "A table with a row of names", body = String, content_type = "text/csv"),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn export_audit_events(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AuditQuery>,
) -> Result<Response, ApiError> {
    let table = audit::csv(api.engine(), &caller, query).await?;
    let mut response = table.text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let attached = HeaderValue::from_static("attachment; filename=\"audit.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, attached);
    if let Some(cursor) = table.next_cursor.and_then(|cursor| cursor.parse().ok()) {
        headers.insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}

/// Tell how far the gateway has checked its own audit
///
/// Each call checks some thousand entries more; what was checked is remembered for some minutes.
#[utoipa::path(
    get,
    path = "/v1/audit/verified",
    tag = "audit",
    responses(
        (status = 200, description = "How far, when, and what is wrong", body = VerifiedAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_audit_verified(
    State(api): State<Api>,
    Authenticated(_caller): Authenticated,
) -> Result<Json<VerifiedAnswer>, ApiError> {
    Ok(Json(audit::verified(api.engine()).await?))
}

/// Read a piece of one hash chain
///
/// Oldest first. Entries of others stand in it without their bodies, and it verifies all the same.
/// Bodies that hold the digest of a key or metadata are for owners.
#[utoipa::path(
    get,
    path = "/v1/audit/chain",
    tag = "audit",
    params(ChainQuery),
    responses(
        (status = 200, description = "A piece of the chain", body = ChainAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "chain_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_audit_chain(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<ChainQuery>,
) -> Result<Json<ChainAnswer>, ApiError> {
    Ok(Json(audit::chain(api.engine(), &caller, &query).await?))
}
