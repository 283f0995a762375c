//! Making a service account: an agent and its address.

use axme_api::accounts::{AccountAnswer, CreateAccountRequest};
use axme_api::error::ErrorBody;
use axme_core::change::Change;
use axme_core::command::{Command, NewAccount};
use axme_core::id::AccountId;
use axme_core::refusal::Refusal;
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axme_engine::control::{Carried, ControlError};
use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::answer;
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::http::tenancy::seen_workspace;

/// Longest display name in bytes.
const DISPLAY_NAME_BYTES_MAX: usize = 255;
/// Longest description in bytes.
const DESCRIPTION_BYTES_MAX: usize = 2_000;

/// Make a service account, and with it an agent
///
/// An address that was used before keeps its id and its run state.
#[utoipa::path(
    post,
    path = "/v1/service-accounts",
    tag = "service accounts",
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first")),
    request_body = CreateAccountRequest,
    responses(
        (status = 200, description = "It is made", body = AccountAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "organization_not_found, workspace_not_found", body = ErrorBody),
        (status = 409, description = "duplicate_name, with the account that has the name as service_account beside error; or idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn create_service_account(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    idempotency: Idempotency,
    body: Body<CreateAccountRequest>,
) -> Result<Json<AccountAnswer>, ApiError> {
    let sent = &body.value;
    let engine = api.engine();
    let (org, workspace) = (sent.org_id.as_deref(), sent.workspace_id.as_deref());
    let workspace = engine.control.read(|state| {
        seen_workspace(state, &caller, org, workspace).map(|found| found.workspace_id)
    })?;
    let at = engine.clock.wall();
    let new = NewAccount {
        account: Chance.account(at),
        address: Chance.address(at),
        workspace,
        name: sent.name.as_str().into(),
        display_name: text("display_name", sent.display_name.as_deref(), DISPLAY_NAME_BYTES_MAX)?,
        description: text("description", sent.description.as_deref(), DESCRIPTION_BYTES_MAX)?,
    };
    let drawn = new.account;
    let order = caller.order(Chance.command(at), at, Command::CreateAccount(new));
    let carried = engine.control.carry_out(order, idempotency.of(&caller, &body.sent)).await;
    let account = made(&carried.map_err(|error| taken(&api, &caller, error))?).unwrap_or(drawn);
    answer(&api, &caller, account)
}

/// The refusal of an order to make an account. Published command lines read the account that has
/// the name already from beside the error.
fn taken(api: &Api, caller: &Caller, error: ControlError) -> ApiError {
    let holder = match &error {
        ControlError::Refused(Refusal::AgentExists { account, .. }) => *account,
        ControlError::Refused(_)
        | ControlError::KeyReused
        | ControlError::Contended
        | ControlError::Fenced
        | ControlError::Store(_) => return error.into(),
    };
    let refused = ApiError::from(error);
    match answer(api, caller, holder) {
        Ok(Json(answer)) => refused.beside("service_account", json!(answer.service_account)),
        Err(_deleted_meanwhile) => refused,
    }
}

/// A text that is kept in the control log for ever, and so has a bound.
fn text(field: &str, sent: Option<&str>, bytes_max: usize) -> Result<Option<Box<str>>, ApiError> {
    match sent {
        Some(sent) if sent.len() > bytes_max => {
            Err(ApiError::field(field, format!("is longer than {bytes_max} bytes")))
        }
        Some(sent) => Ok(Some(sent.into())),
        None => Ok(None),
    }
}

/// The account that an order has made, now or when it was first sent.
fn made(carried: &Carried) -> Option<AccountId> {
    let Carried::Entry { entry, .. } = carried else { return None };
    entry.entry.changes.iter().find_map(|change| {
        if let Change::AccountPut { account, .. } = change {
            Some(account.account_id)
        } else {
            None
        }
    })
}
