//! Action policies: which types of intents an agent may send and receive.

use axme_api::error::{ErrorBody, ErrorCode, FieldError};
use axme_api::mesh::{ActionPolicyAnswer, ActionPolicyRequest, PolicyRemovedAnswer};
use axme_core::command::NewPolicy;
use axme_core::policy::{ActionMode, ActionPolicy, Direction, Pattern};
use axme_engine::Caller;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, Params, PathParams, not_found};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::http::mesh::kill::about_agent;
use crate::orders::{self, PolicyOrder};
use crate::read::{policies, with_agent};

/// Set which types of intents an agent may send or receive
///
/// Replaces the policy of that direction. Works on every replica when this answers; an intent that
/// it does not allow gets 403 `action_not_allowed`, and is never delivered.
#[utoipa::path(
    put,
    path = "/v1/mesh/agents/{agent}/policies/action",
    tag = "policies",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = ActionPolicyRequest,
    responses(
        (status = 200, body = ActionPolicyAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "quota_exceeded (more than 256 patterns), too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn put_action_policy(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<ActionPolicyRequest>,
) -> Result<Json<ActionPolicyAnswer>, ApiError> {
    let direction = Direction::parse(&body.value.direction)
        .ok_or_else(|| ApiError::field("direction", ONE_OF_DIRECTIONS))?;
    let named = path.text("agent");
    let order = PolicyOrder {
        agent: named,
        policy: NewPolicy::Action { direction, policy: Some(policy(&body.value)?) },
        idempotency: idempotency.of(&caller, &body.sent),
    };
    let set = orders::set_policy(api.engine(), &caller, order).await;
    set.map_err(|error| about_agent(error, named))?;
    let set = policies::of(api.engine(), &caller, named).await?.policies.action;
    let policy = set.into_iter().find(|policy| policy.direction == direction.as_str());
    let gone = "the policy was taken away again at the same moment";
    let policy = policy.ok_or_else(|| ApiError::new(ErrorCode::PolicyNotFound, gone))?;
    Ok(Json(ActionPolicyAnswer { ok: true, policy }))
}

const ONE_OF_DIRECTIONS: &str = "must be send or receive";

/// Which policy to take away.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DirectionQuery {
    #[serde(default)]
    direction: String,
}

/// Take an action policy away: everything is allowed in that direction
#[utoipa::path(
    delete,
    path = "/v1/mesh/agents/{agent}/policies/action",
    tag = "policies",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("direction" = String, Query, description = "`send` or `receive`"),
    ),
    responses(
        (status = 200, body = PolicyRemovedAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn delete_action_policy(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    Params(query): Params<DirectionQuery>,
) -> Result<Json<PolicyRemovedAnswer>, ApiError> {
    remove(&api, &caller, &path, Direction::parse(&query.direction), || {
        ApiError::query("direction", ONE_OF_DIRECTIONS)
    })
    .await
}

/// Take an action policy away by its id
#[utoipa::path(
    delete,
    path = "/v1/mesh/agents/{agent}/policies/action/{policy_id}",
    tag = "policies",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("policy_id" = String, Path, description = "As the policies are listed"),
    ),
    responses(
        (status = 200, body = PolicyRemovedAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found, policy_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn delete_action_policy_by_id(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<PolicyRemovedAnswer>, ApiError> {
    let id = path.text("policy_id");
    remove(&api, &caller, &path, Direction::parse(id), || not_found(ErrorCode::PolicyNotFound, id))
        .await
}

/// Takes the policy of a direction away. Where the agent is not there, that comes first.
async fn remove(
    api: &Api,
    caller: &Caller,
    path: &PathParams,
    direction: Option<Direction>,
    no_direction: impl Fn() -> ApiError,
) -> Result<Json<PolicyRemovedAnswer>, ApiError> {
    let agent = path.text("agent");
    with_agent(api.engine(), caller, agent, |_state, _agent| ())?;
    let direction = direction.ok_or_else(no_direction)?;
    let policy = NewPolicy::Action { direction, policy: None };
    let order = PolicyOrder { agent, policy, idempotency: None };
    let removed = orders::set_policy(api.engine(), caller, order).await;
    let removed = removed.map_err(|error| about_agent(error, agent))?;
    Ok(Json(PolicyRemovedAnswer { ok: true, removed }))
}

/// The policy that a request asks for. Every pattern that is none is named.
fn policy(request: &ActionPolicyRequest) -> Result<ActionPolicy, ApiError> {
    let mode = ActionMode::parse(&request.mode)
        .ok_or_else(|| ApiError::field("mode", "must be open, allowlist or denylist"))?;
    let mut problems = Vec::new();
    let mut patterns = Vec::with_capacity(request.patterns.len());
    for (nth, text) in request.patterns.iter().enumerate() {
        match Pattern::parse(text.trim()) {
            Ok(pattern) => patterns.push(pattern),
            Err(problem) => problems.push(FieldError::body(
                &format!("patterns.{nth}"),
                format!("{text:?} {problem}"),
                "value_error",
            )),
        }
    }
    if problems.is_empty() {
        Ok(ActionPolicy { mode, patterns })
    } else {
        Err(ApiError::fields(problems))
    }
}
