//! The cost policy: how many intents an agent may send, and how much it may cost.

use axme_api::error::ErrorBody;
use axme_api::mesh::{CostPolicyAnswer, CostPolicyRequest, PolicyRemovedAnswer};
use axme_core::command::NewPolicy;
use axme_core::policy::{CostLimits, Money, OnBreach};
use axme_engine::Caller;
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, PathParams};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::http::mesh::kill::about_agent;
use crate::orders::{self, PolicyOrder};
use crate::read::policies;

/// Get the limits of an agent, with what it has used of them
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/policies/cost",
    tag = "policies",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = CostPolicyAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_cost_policy(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<CostPolicyAnswer>, ApiError> {
    Ok(Json(answer(&api, &caller, path.text("agent")).await?))
}

/// Set how many intents an agent may send, and how much it may cost
///
/// Replaces the whole policy. An intent that goes beyond a limit gets 429 `cost_limit_exceeded`,
/// or what `action_on_breach` says. Days and hours are those of UTC.
#[utoipa::path(
    put,
    path = "/v1/mesh/agents/{agent}/policies/cost",
    tag = "policies",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = CostPolicyRequest,
    responses(
        (status = 200, body = CostPolicyAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn put_cost_policy(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<CostPolicyRequest>,
) -> Result<Json<CostPolicyAnswer>, ApiError> {
    let policy = NewPolicy::Cost { limits: Some(limits(&body.value)?) };
    let (agent, idempotency) = (path.text("agent"), idempotency.of(&caller, &body.sent));
    let order = PolicyOrder { agent, policy, idempotency };
    let set = orders::set_policy(api.engine(), &caller, order).await;
    set.map_err(|error| about_agent(error, agent))?;
    Ok(Json(answer(&api, &caller, agent).await?))
}

/// Take the limits of an agent away
#[utoipa::path(
    delete,
    path = "/v1/mesh/agents/{agent}/policies/cost",
    tag = "policies",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = PolicyRemovedAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn delete_cost_policy(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<PolicyRemovedAnswer>, ApiError> {
    let agent = path.text("agent");
    let policy = NewPolicy::Cost { limits: None };
    let order = PolicyOrder { agent, policy, idempotency: None };
    let removed = orders::set_policy(api.engine(), &caller, order).await;
    let removed = removed.map_err(|error| about_agent(error, agent))?;
    Ok(Json(PolicyRemovedAnswer { ok: true, removed }))
}

/// The limits of an agent as they are now.
async fn answer(api: &Api, caller: &Caller, agent: &str) -> Result<CostPolicyAnswer, ApiError> {
    let of = policies::of(api.engine(), caller, agent).await?;
    Ok(CostPolicyAnswer { ok: true, policy: of.policies.cost, usage: of.usage })
}

/// The limits that a request asks for.
fn limits(request: &CostPolicyRequest) -> Result<CostLimits, ApiError> {
    let cost_per_day = match request.max_cost_per_day_usd {
        None => None,
        Some(usd) => Some(Money::from_usd(usd).ok_or_else(|| {
            let problem = "must be an amount of US dollars from 0 to 1000000000";
            ApiError::field("max_cost_per_day_usd", problem)
        })?),
    };
    let on_breach = match request.action_on_breach.as_deref() {
        None => OnBreach::default(),
        Some(word) => OnBreach::parse(word).ok_or_else(|| {
            ApiError::field("action_on_breach", "must be block, alert or require_approval")
        })?,
    };
    Ok(CostLimits {
        intents_per_day: request.max_intents_per_day,
        intents_per_hour: request.max_intents_per_hour,
        cost_per_day,
        on_breach,
    })
}
