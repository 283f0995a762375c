//! Usage: what a workspace and its agents used.

use axme_api::error::ErrorBody;
use axme_api::usage::{
    AgentUsageAnswer, AgentUsageQuery, TimeseriesAnswer, TimeseriesQuery, UsageQuery,
    UsageSummaryAnswer,
};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::body::Params;
use super::error::ApiError;
use crate::read::usage;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_usage_summary))
        .routes(routes!(get_usage_timeseries))
        .routes(routes!(list_agent_usage))
}

/// Sum up what a workspace used in a period
///
/// By dimension, as published clients name them. There are no limits.
#[utoipa::path(
    get,
    path = "/v1/usage/summary",
    tag = "usage",
    params(UsageQuery),
    responses(
        (status = 200, body = UsageSummaryAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "workspace_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_usage_summary(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<UsageQuery>,
) -> Result<Json<UsageSummaryAnswer>, ApiError> {
    Ok(Json(usage::summary(api.engine(), &caller, &query).await?))
}

/// Tell what a workspace used, day by day
#[utoipa::path(
    get,
    path = "/v1/usage/timeseries",
    tag = "usage",
    params(TimeseriesQuery),
    responses(
        (status = 200, body = TimeseriesAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "workspace_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_usage_timeseries(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<TimeseriesQuery>,
) -> Result<Json<TimeseriesAnswer>, ApiError> {
    Ok(Json(usage::timeseries(api.engine(), &caller, &query).await?))
}

/// List what agents reported, day by day
///
/// Those that cost most first.
#[utoipa::path(
    get,
    path = "/v1/usage/agents",
    tag = "usage",
    params(AgentUsageQuery),
    responses(
        (status = 200, body = AgentUsageAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "workspace_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn list_agent_usage(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AgentUsageQuery>,
) -> Result<Json<AgentUsageAnswer>, ApiError> {
    Ok(Json(usage::by_agent(api.engine(), &caller, &query).await?))
}
