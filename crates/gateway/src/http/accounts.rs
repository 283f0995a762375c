//! Service accounts: the identities of agents. Making one registers its address.

mod create;
mod keys;
mod shown;

use axme_api::accounts::{AccountAnswer, AccountsAnswer, AccountsQuery, ServiceAccount};
use axme_api::error::{ErrorBody, ErrorCode};
use axme_core::command::Command;
use axme_core::id::AccountId;
use axme_core::state::{Account, Agent, State as ControlState};
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::auth::Authenticated;
use super::body::{Params, PathParams, not_found};
use super::error::ApiError;
use super::tenancy::seen_workspace;
use crate::read::{Page, list_limit, scope_of};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create::create_service_account, list_service_accounts))
        .routes(routes!(get_service_account, delete_service_account))
        .routes(routes!(keys::create_service_account_key))
        .routes(routes!(keys::revoke_service_account_key))
}

/// List the service accounts of a workspace
///
/// By name; of the key's own workspace when none is named. An agent sees its own account only.
#[utoipa::path(
    get,
    path = "/v1/service-accounts",
    tag = "service accounts",
    params(AccountsQuery),
    responses(
        (status = 200, description = "A page of them", body = AccountsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "organization_not_found, workspace_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
async fn list_service_accounts(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AccountsQuery>,
) -> Result<Json<AccountsAnswer>, ApiError> {
    let limit = list_limit(query.limit)?;
    let (org, workspace) = (query.org_id.as_deref(), query.workspace_id.as_deref());
    let Page { rows, next_cursor } = api.engine().control.read(|state| {
        let workspace = seen_workspace(state, &caller, org, workspace)?.workspace_id;
        let cursor = query.cursor.as_deref().filter(|cursor| !cursor.is_empty());
        let after = cursor.and_then(|name| state.address_in(workspace, name));
        let own = caller.agent().map(|own| own.address_id().and_then(|id| state.agent(id)));
        let show = |agent: &Agent| Some(shown::account(state, agent, agent.live_account()?));
        let name = |last: &ServiceAccount| last.name.clone();
        Ok::<_, ApiError>(match own {
            Some(own) => Page::take(own.and_then(show).into_iter(), limit, name),
            None => {
                Page::take(state.agents_of(workspace, after.as_ref()).filter_map(show), limit, name)
            }
        })
    })?;
    Ok(Json(AccountsAnswer { ok: true, service_accounts: rows, next_cursor }))
}

/// Look at one service account
///
/// One that was deleted is shown as revoked until its name is used again.
#[utoipa::path(
    get,
    path = "/v1/service-accounts/{account_id}",
    tag = "service accounts",
    params(("account_id" = String, Path, description = "`sa_…`")),
    responses(
        (status = 200, description = "The account", body = AccountAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "service_account_not_found", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy", body = ErrorBody),
    )
)]
async fn get_service_account(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<AccountAnswer>, ApiError> {
    let account = path.id("account_id", ErrorCode::ServiceAccountNotFound)?;
    answer(&api, &caller, account)
}

/// Delete a service account and revoke its keys
///
/// Its address stays known, and so does whether it is stopped.
#[utoipa::path(
    delete,
    path = "/v1/service-accounts/{account_id}",
    tag = "service accounts",
    params(("account_id" = String, Path, description = "`sa_…`")),
    responses(
        (status = 200, description = "It is deleted", body = AccountAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "service_account_not_found", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
async fn delete_service_account(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<AccountAnswer>, ApiError> {
    let account: AccountId = path.id("account_id", ErrorCode::ServiceAccountNotFound)?;
    live(&api, &caller, account, |_, _, _| ())?;
    let engine = api.engine();
    let at = engine.clock.wall();
    let order = caller.order(Chance.command(at), at, Command::DeleteAccount { account });
    engine.control.carry_out(order, None).await?;
    answer(&api, &caller, account)
}

/// Reads an account that the caller sees.
fn seen<T>(
    api: &Api,
    caller: &Caller,
    id: AccountId,
    read: impl FnOnce(&ControlState, &Agent, &Account) -> Option<T>,
) -> Result<T, ApiError> {
    let found = api.engine().control.read(|state| {
        let agent = state.agent_of_account(id).filter(|agent| sees(caller, state, agent))?;
        read(state, agent, agent.account.as_deref()?)
    });
    found.ok_or_else(|| not_found(ErrorCode::ServiceAccountNotFound, &id.to_string()))
}

/// As [`seen`], of an account that was not deleted.
fn live<T>(
    api: &Api,
    caller: &Caller,
    id: AccountId,
    read: impl FnOnce(&ControlState, &Agent, &Account) -> T,
) -> Result<T, ApiError> {
    seen(api, caller, id, |state, agent, account| {
        account.deleted_at.is_none().then(|| read(state, agent, account))
    })
}

fn sees(caller: &Caller, state: &ControlState, agent: &Agent) -> bool {
    match caller.agent() {
        Some(own) => own.address_id() == Some(agent.address_id),
        None => caller.key.scope.covers(scope_of(state, agent.workspace_id)),
    }
}

fn answer(api: &Api, caller: &Caller, account: AccountId) -> Result<Json<AccountAnswer>, ApiError> {
    let service_account: ServiceAccount = seen(api, caller, account, |state, agent, account| {
        Some(shown::account(state, agent, account))
    })?;
    Ok(Json(AccountAnswer { ok: true, service_account }))
}
