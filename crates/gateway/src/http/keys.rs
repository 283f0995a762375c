//! Keys of people and agents: made, listed, looked at by their holders, revoked.

mod new;
mod own;

use axme_api::JsonObject;
use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::keys::{CreateKeyRequest, KeyAnswer, KeysAnswer, KeysQuery};
use axme_core::change::Change;
use axme_core::command::Command;
use axme_core::id::KeyId;
use axme_engine::chance::Chance;
use axme_engine::control::Carried;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::body::{Body, Params, PathParams};
use super::error::ApiError;
use super::idempotency::Idempotency;
use crate::read::keys;

pub(super) use new::expiry;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create_key, list_keys))
        .routes(routes!(own::get_own_key))
        .routes(routes!(revoke_key))
}

/// Make a key
///
/// It is shown in this answer only: a repetition with the same `Idempotency-Key` answers the key
/// without it.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first")),
    request_body = CreateKeyRequest,
    responses(
        (status = 200, description = "It is made", body = KeyAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: a role above the asking key's own, or out of its scope", body = ErrorBody),
        (status = 404, description = "organization_not_found, workspace_not_found, agent_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
async fn create_key(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: Body<CreateKeyRequest>,
) -> Result<Json<KeyAnswer>, ApiError> {
    let engine = api.engine();
    let at = engine.clock.wall();
    let (new, token) = new::read(&api, &caller, &body.value, at)?;
    let drawn = new.key;
    let order = caller.order(Chance.command(at), at, Command::CreateKey(new));
    let carried = engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    let made = made(&carried).unwrap_or(drawn);
    let mut key = keys::one(engine, &caller, made, &made.to_string())?;
    // Only the first answer has the token: nothing that could show it again is kept.
    key.token = (made == drawn).then_some(token.token);
    Ok(Json(KeyAnswer { ok: true, key }))
}

/// List keys
///
/// Those within the asking key's scope, revoked ones among them, oldest first.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "keys",
    params(KeysQuery),
    responses(
        (status = 200, description = "A page of them", body = KeysAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
async fn list_keys(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<KeysQuery>,
) -> Result<Json<KeysAnswer>, ApiError> {
    Ok(Json(keys::list(api.engine(), &caller, &query).await?))
}

/// Revoke a key
///
/// It is refused from now on, and its open streams end. Revoking it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/keys/{key_id}/revoke",
    tag = "keys",
    params(
        ("key_id" = String, Path, description = "`sak_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    responses(
        (status = 200, description = "It is revoked", body = KeyAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: a key above the asking key's role", body = ErrorBody),
        (status = 404, description = "key_not_found", body = ErrorBody),
        (status = 409, description = "last_owner_key: make another first; or idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
async fn revoke_key(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<JsonObject>,
) -> Result<Json<KeyAnswer>, ApiError> {
    let engine = api.engine();
    let named = path.text("key_id");
    let key: KeyId = path.id("key_id", ErrorCode::KeyNotFound)?;
    keys::one(engine, &caller, key, named)?;
    let at = engine.clock.wall();
    let order = caller.order(Chance.command(at), at, Command::RevokeKey { key });
    engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    Ok(Json(KeyAnswer { ok: true, key: keys::one(engine, &caller, key, named)? }))
}

/// The key that an order has made, now or when it was first sent.
pub(super) fn made(carried: &Carried) -> Option<KeyId> {
    let Carried::Entry { entry, .. } = carried else { return None };
    entry.entry.changes.iter().find_map(|change| {
        if let Change::KeyPut { key } = change { Some(key.key_id) } else { None }
    })
}
