//! The keys of a service account: whoever holds one acts as that agent.

use axme_api::JsonObject;
use axme_api::accounts::{AccountKey, AccountKeyAnswer, CreateAccountKeyRequest};
use axme_api::error::{ErrorBody, ErrorCode};
use axme_core::command::{Command, NewKey};
use axme_core::id::{AccountId, KeyId};
use axme_core::role::Role;
use axme_engine::chance::Chance;
use axum::Json;
use axum::extract::State;

use super::{live, seen, shown};
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, PathParams, not_found};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::http::keys::{expiry, made};
use crate::read::scope_of;

/// Make a key of an agent
///
/// It is shown in this answer only: a repetition with the same `Idempotency-Key` answers the key
/// without it.
#[utoipa::path(
    post,
    path = "/v1/service-accounts/{account_id}/keys",
    tag = "service accounts",
    params(
        ("account_id" = String, Path, description = "`sa_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = Option<CreateAccountKeyRequest>,
    responses(
        (status = 200, description = "It is made", body = AccountKeyAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "service_account_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn create_service_account_key(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<CreateAccountKeyRequest>,
) -> Result<Json<AccountKeyAnswer>, ApiError> {
    let account: AccountId = path.id("account_id", ErrorCode::ServiceAccountNotFound)?;
    let expires_at = expiry(body.value.expires_at.as_deref())?;
    let engine = api.engine();
    let at = engine.clock.wall();
    let key = Chance.key(at);
    let token = Chance.token(key, Some(account));
    let named = body.value.name.as_deref().filter(|name| !name.is_empty());
    let new = live(&api, &caller, account, |state, agent, _| NewKey {
        key,
        // The audit names the agent when nobody gave its key another name.
        name: named.unwrap_or_else(|| agent.address.name()).into(),
        digest: token.digest,
        hint: token.hint.clone(),
        role: Role::Agent,
        scope: scope_of(state, agent.workspace_id),
        home: agent.workspace_id,
        account: Some(account),
        expires_at,
    })?;
    let order = caller.order(Chance.command(at), at, Command::CreateKey(new));
    let carried = engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    let made = made(&carried).unwrap_or(key);
    let mut shown = show(&api, account, made)?;
    // Only the first answer has the token: nothing that could show it again is kept.
    shown.token = (made == key).then_some(token.token);
    Ok(Json(AccountKeyAnswer { ok: true, key: shown }))
}

/// Revoke a key of an agent
///
/// It is refused from now on, and its open streams end. Revoking it again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/service-accounts/{account_id}/keys/{key_id}/revoke",
    tag = "service accounts",
    params(
        ("account_id" = String, Path, description = "`sa_…`"),
        ("key_id" = String, Path, description = "`sak_…`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    responses(
        (status = 200, description = "It is revoked", body = AccountKeyAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "service_account_not_found, key_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn revoke_service_account_key(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<JsonObject>,
) -> Result<Json<AccountKeyAnswer>, ApiError> {
    let account: AccountId = path.id("account_id", ErrorCode::ServiceAccountNotFound)?;
    let key: KeyId = path.id("key_id", ErrorCode::KeyNotFound)?;
    seen(&api, &caller, account, |_, _, _| Some(()))?;
    show(&api, account, key)?;
    let engine = api.engine();
    let at = engine.clock.wall();
    let order = caller.order(Chance.command(at), at, Command::RevokeKey { key });
    engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await?;
    Ok(Json(AccountKeyAnswer { ok: true, key: show(&api, account, key)? }))
}

/// A key of an account that the caller was found to see.
fn show(api: &Api, account: AccountId, key: KeyId) -> Result<AccountKey, ApiError> {
    let now = api.engine().clock.wall();
    let found = api.engine().control.read(|state| {
        let key = state.key(key).filter(|found| found.account == Some(account))?;
        Some(shown::key(key, account.to_string(), now))
    });
    found.ok_or_else(|| not_found(ErrorCode::KeyNotFound, &key.to_string()))
}
