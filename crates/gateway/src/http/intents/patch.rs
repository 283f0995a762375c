//! Changing an intent's controls and policy. They are kept and given back; nothing acts on them
//! yet.

use axme_api::JsonObject;
use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::intents::{ControlsRequest, PatchAnswer, PolicyRequest};
use axme_core::id::IntentId;
use axme_engine::Caller;
use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::outcome::{checked_actor, checked_reason};
use super::owner::Owner;
use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, PathParams};
use crate::http::error::ApiError;

/// Change the controls of an intent
///
/// A stale `expected_policy_generation` changes nothing and answers the newest.
#[utoipa::path(
    post,
    path = "/v1/intents/{intent_id}/controls",
    tag = "intents",
    params(
        ("intent_id" = String, Path, description = "As its creation answered it"),
        ("owner_agent" = Option<String>, Query, description = "The party that asks for it"),
    ),
    request_body = ControlsRequest,
    responses(
        (status = 200, body = PatchAnswer),
        (status = 400, description = "malformed_json, owner_agent_conflict", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden, agent_killed, agent_paused, agent_quarantined", body = ErrorBody),
        (status = 404, description = "intent_not_found, agent_not_found", body = ErrorBody),
        (status = 409, description = "intent_terminal", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_full, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn patch_intent_controls(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    owner: Owner,
    body: Body<ControlsRequest>,
) -> Result<Json<PatchAnswer>, ApiError> {
    let ControlsRequest { controls_patch, actor, reason, expected_policy_generation } = body.value;
    checked_actor(actor.as_deref())?;
    checked_reason(reason)?;
    let change = [("controls", controls_patch)];
    patch(&api, &caller, &path, &owner, change, expected_policy_generation).await
}

/// Change the policy of an intent: its grants and its envelope
#[utoipa::path(
    post,
    path = "/v1/intents/{intent_id}/policy",
    tag = "intents",
    params(
        ("intent_id" = String, Path, description = "As its creation answered it"),
        ("owner_agent" = Option<String>, Query, description = "The party that asks for it"),
    ),
    request_body = PolicyRequest,
    responses(
        (status = 200, body = PatchAnswer),
        (status = 400, description = "malformed_json, owner_agent_conflict", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden, agent_killed, agent_paused, agent_quarantined", body = ErrorBody),
        (status = 404, description = "intent_not_found, agent_not_found", body = ErrorBody),
        (status = 409, description = "intent_terminal", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_full, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn patch_intent_policy(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    owner: Owner,
    body: Body<PolicyRequest>,
) -> Result<Json<PatchAnswer>, ApiError> {
    let PolicyRequest { grants_patch, envelope_patch, actor, reason, expected_policy_generation } =
        body.value;
    checked_actor(actor.as_deref())?;
    checked_reason(reason)?;
    let change = [("grants", grants_patch), ("envelope", envelope_patch)];
    patch(&api, &caller, &path, &owner, change, expected_policy_generation).await
}

async fn patch<const N: usize>(
    api: &Api,
    caller: &Caller,
    path: &PathParams,
    owner: &Owner,
    change: [(&str, Option<JsonObject>); N],
    expected_generation: Option<u64>,
) -> Result<Json<PatchAnswer>, ApiError> {
    let id: IntentId = path.id("intent_id", ErrorCode::IntentNotFound)?;
    owner.party_of(api, caller, id).await?;
    let named = |(name, object): (&str, Option<JsonObject>)| {
        object.map(|object| (name.to_owned(), Value::Object(object)))
    };
    let merge: JsonObject = change.into_iter().filter_map(named).collect();
    let merge = Value::Object(merge).to_string().into();
    let patched = api.engine().intents.patch(caller, id, merge, expected_generation).await;
    let answer = match patched.map_err(|error| intent_error(api, error))? {
        Ok(intent) => PatchAnswer {
            ok: true,
            applied: true,
            policy_generation: intent.policy_generation,
            reason: None,
        },
        Err(stale) => PatchAnswer {
            ok: true,
            applied: false,
            policy_generation: stale.policy_generation,
            reason: Some("stale_policy_generation".to_owned()),
        },
    };
    Ok(Json(answer))
}
