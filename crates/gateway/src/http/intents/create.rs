//! Sending an intent.

mod request;

use axme_api::error::{ErrorBody, FieldError};
use axme_api::intents::{CreateAnswer, CreateRequest};
use axme_engine::Caller;
use axme_engine::intents::Created;
use axum::Json;
use axum::extract::State;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;

/// Send an intent
///
/// It is durable when this answers. With an agent's key the sender is that agent, whatever the
/// body says; with an operator's or owner's it is `from_agent`.
#[utoipa::path(
    post,
    path = "/v1/intents",
    tag = "intents",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = CreateRequest,
    responses(
        (status = 200, body = CreateAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "agent_killed, agent_paused, agent_quarantined, no_agent_bound, receiver_org_closed, receiver_agent_closed, forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address, delivery_mode_unsupported", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_full, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn create_intent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: Body<IgnoredAny>,
) -> Result<Json<CreateAnswer>, ApiError> {
    // The order of these steps is part of the contract: who is stopped learns nothing else.
    let intents = &api.engine().intents;
    let from = named_sender(&caller, &body.sent)?;
    let sender = intents.sender(&caller, from.as_deref());
    let sender = sender.map_err(|error| intent_error(&api, error))?;
    let key = idempotency.of(&caller, &body.sent);
    let replayed = intents.replay(&sender, key.as_ref()).await;
    if let Some(created) = replayed.map_err(|error| intent_error(&api, error))? {
        return Ok(Json(answer(&created)));
    }
    let request = request::read(&api, body.sent, key)?;
    let created = intents.create(&caller, sender, request).await;
    let created = created.map_err(|error| intent_error(&api, error))?;
    Ok(Json(answer(&created)))
}

/// The sender that a body names. An agent's key decides that itself.
fn named_sender(caller: &Caller, sent: &Value) -> Result<Option<String>, ApiError> {
    match sent.get("from_agent") {
        _ if caller.is_agent() => Ok(None),
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(from)) => Ok(Some(from.clone())),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            let problem = "must be an address or a name";
            Err(ApiError::fields(vec![FieldError::body("from_agent", problem, "type_error")]))
        }
    }
}

fn answer(created: &Created) -> CreateAnswer {
    CreateAnswer {
        ok: true,
        intent_id: created.intent_id.to_string(),
        status: created.status.as_str().to_owned(),
        created_at: created.created_at.to_string(),
    }
}
