//! What parties say about an intent: how it ended, or that it goes on.

use axme_api::JsonObject;
use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::intents::{CompletionDelivery, ResolveAnswer, ResolveRequest, ResumeIntentAnswer};
use axme_core::id::IntentId;
use axme_core::intent::Status;
use axme_engine::Caller;
use axme_engine::intents::{FactRequest, IntentError, Said};
use axme_store::control::IdempotencyKey;
use axme_store::ledger::Intent;
use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::outcome::{self, Asked};
use super::owner::Owner;
use super::shown::{self, Sight};
use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, PathParams};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;

/// End an intent
///
/// Accepted from a stopped agent too, and marked as late then.
#[utoipa::path(
    post,
    path = "/v1/intents/{intent_id}/resolve",
    tag = "intents",
    params(
        ("intent_id" = String, Path, description = "As its creation answered it"),
        ("owner_agent" = Option<String>, Query, description = "The party that it is said for"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = ResolveRequest,
    responses(
        (status = 200, body = ResolveAnswer),
        (status = 400, description = "malformed_json, owner_agent_conflict", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "intent_not_found, agent_not_found", body = ErrorBody),
        (status = 409, description = "intent_terminal, idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn resolve_intent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    owner: Owner,
    idempotency: Idempotency,
    body: Body<ResolveRequest>,
) -> Result<Json<ResolveAnswer>, ApiError> {
    let intent_id: IntentId = path.id("intent_id", ErrorCode::IntentNotFound)?;
    let owner = owner.party_of(&api, &caller, intent_id).await?;
    let named = outcome::checked_actor(body.value.actor.as_deref())?;
    let (next, outcome) = outcome::of_resolve(body.value)?;
    let fact = FactRequest {
        intent_id,
        next,
        actor: named.or_else(|| owner.map(|owner| owner.as_str().into())),
        outcome: Some(Value::Object(outcome).to_string().into()),
        idempotency: idempotency.of(&caller, &body.sent),
    };
    let said = record(&api, &caller, fact).await?;
    let sight = Sight::of(&caller);
    Ok(Json(ResolveAnswer {
        ok: true,
        completion_delivery: completion_delivery(&said.intent),
        intent: shown::intent(&said.intent, Some(&said.event), sight),
        event: shown::event(&said.event, sight),
    }))
}

/// Say what came out of an intent, or that it goes on
///
/// The body is any JSON object. `action: "fail"` fails the intent, `approve_current_step: true`
/// lets one that waits go on, everything else completes it with the body as its result.
#[utoipa::path(
    post,
    path = "/v1/intents/{intent_id}/resume",
    tag = "intents",
    params(
        ("intent_id" = String, Path, description = "As its creation answered it"),
        ("owner_agent" = Option<String>, Query, description = "The party that it is said for"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = Object,
    responses(
        (status = 200, body = ResumeIntentAnswer),
        (status = 400, description = "malformed_json, owner_agent_conflict", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "intent_not_found, agent_not_found", body = ErrorBody),
        (status = 409, description = "intent_terminal, idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn resume_intent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    owner: Owner,
    idempotency: Idempotency,
    body: Body<serde::de::IgnoredAny>,
) -> Result<Json<ResumeIntentAnswer>, ApiError> {
    let intent_id: IntentId = path.id("intent_id", ErrorCode::IntentNotFound)?;
    let owner = owner.party_of(&api, &caller, intent_id).await?;
    let asked = outcome::of_resume(&body.sent);
    if matches!(asked, Asked::Approve | Asked::Withhold) && !caller.key.role.commands() {
        let message = "only operators and owners release what waits for them";
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    let idempotency = idempotency.of(&caller, &body.sent);
    if !said_before(&api, idempotency.as_ref()).await?
        && let Some(why) = not_now(&api, &caller, intent_id, &asked, &body.sent).await?
    {
        return Ok(Json(why));
    }
    let releases = matches!(asked, Asked::Approve);
    let (next, outcome) = match asked {
        Asked::End(next, outcome) => (next, outcome),
        Asked::Approve | Asked::Withhold => (Status::InProgress, JsonObject::new()),
    };
    let fact = FactRequest {
        intent_id,
        next,
        actor: owner.map(|owner| owner.as_str().into()),
        outcome: Some(Value::Object(outcome).to_string().into()),
        idempotency,
    };
    let said = if releases {
        let released = api.engine().intents.release(&caller, fact).await;
        released.map_err(|error| intent_error(&api, error))?
    } else {
        record(&api, &caller, fact).await?
    };
    Ok(Json(ResumeIntentAnswer {
        ok: true,
        applied: true,
        policy_generation: Some(said.intent.policy_generation),
        intent: shown::intent(&said.intent, Some(&said.event), Sight::of(&caller)),
        reason: None,
    }))
}

/// Whether an idempotency key stands for something that was said already.
async fn said_before(api: &Api, key: Option<&IdempotencyKey>) -> Result<bool, ApiError> {
    match key {
        Some(key) => Ok(api.engine().ledger.find_intent_answer(key).await?.is_some()),
        None => Ok(false),
    }
}

/// The answer to a resume that changes nothing, and why; none when it can go on.
async fn not_now(
    api: &Api,
    caller: &Caller,
    id: IntentId,
    asked: &Asked,
    sent: &Value,
) -> Result<Option<ResumeIntentAnswer>, ApiError> {
    let expected = sent.get("expected_policy_generation").and_then(Value::as_u64);
    if matches!(asked, Asked::End(..)) && expected.is_none() {
        return Ok(None);
    }
    let intent = api.engine().intents.get(caller, id).await;
    let intent = intent.map_err(|error| intent_error(api, error))?;
    if intent.status.is_terminal() {
        return Err(intent_error(api, IntentError::Ended(intent.status)));
    }
    let reason = if expected.is_some_and(|expected| expected != intent.policy_generation) {
        "stale_policy_generation"
    } else {
        match asked {
            Asked::Withhold => "not_approved",
            // One that was let go and not handed over yet may have been let go half way.
            Asked::Approve
                if intent.status == Status::InProgress && intent.delivery_attempt == 0 =>
            {
                return Ok(None);
            }
            Asked::Approve if intent.status != Status::Waiting => "not_waiting",
            Asked::Approve | Asked::End(..) => return Ok(None),
        }
    };
    Ok(Some(ResumeIntentAnswer {
        ok: true,
        applied: false,
        policy_generation: Some(intent.policy_generation),
        intent: shown::intent(&intent, None, Sight::of(caller)),
        reason: Some(reason.to_owned()),
    }))
}

async fn record(api: &Api, caller: &Caller, fact: FactRequest) -> Result<Said, ApiError> {
    let said = api.engine().intents.record(caller, fact).await;
    said.map_err(|error| intent_error(api, error))
}

/// What became of the notice to `reply_to`: this gateway has no inbox to put it into.
fn completion_delivery(intent: &Intent) -> CompletionDelivery {
    let reply_to = shown::Extras::of(intent).reply_to;
    let reason = if reply_to.is_some() { "inbox_not_offered" } else { "reply_to_not_set" };
    CompletionDelivery {
        reason: Some(reason.to_owned()),
        reply_to,
        ..CompletionDelivery::default()
    }
}
