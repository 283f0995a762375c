//! The audit: what was done and seen, and the chains that prove it.

mod chain;
mod cursor;
mod shown;

use axme_api::audit::{AuditEventsAnswer, AuditQuery, ChainAnswer, ChainQuery};
use axme_api::error::{ErrorBody, ErrorCode};
use axme_core::time::Timestamp;
use axme_store::ledger;
use axme_store::ledger::ChainId;
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::answers::{list_limit, with_agent};
use super::auth::Authenticated;
use super::body::{Params, not_found};
use super::error::ApiError;

/// Entries of a chain that are answered at most, and when the caller names no limit.
const CHAIN_ENTRIES_MAX: usize = ledger::LIST_ROWS_MAX;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list_audit_events)).routes(routes!(get_audit_chain))
}

/// List audit events
///
/// Those within the key's scope, newest first.
#[utoipa::path(
    get,
    path = "/v1/audit/events",
    tag = "audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "A page of them", body = AuditEventsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn list_audit_events(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditEventsAnswer>, ApiError> {
    let limit = list_limit(query.limit)?;
    let agent = query.agent.as_deref().filter(|agent| !agent.is_empty());
    let agent = agent.map(|named| with_agent(&api, &caller, named, |_, found| found.address_id));
    let prefix = query.action_prefix.filter(|prefix| !prefix.is_empty());
    let mut rows = api
        .engine()
        .ledger
        .audit_events(ledger::AuditQuery {
            scope: caller.key.scope,
            action_prefixes: prefix.into_iter().map(String::into_boxed_str).collect(),
            actor: query.actor.filter(|actor| !actor.is_empty()).map(String::into_boxed_str),
            address_id: agent.transpose()?,
            since: moment("since", query.since.as_deref())?,
            until: moment("until", query.until.as_deref())?,
            after: cursor::read(query.cursor.as_deref())?,
            // That there is one more is how a page knows that the list goes on.
            rows_max: limit + 1,
        })
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(cursor::write);
    let events = rows.iter().map(shown::event).collect();
    Ok(Json(AuditEventsAnswer { ok: true, events, next_cursor }))
}

/// Read a piece of one hash chain
///
/// Oldest first. Entries of others stand in it without their bodies, and it verifies all the same.
/// Bodies that hold the digest of a key or metadata are for owners.
#[utoipa::path(
    get,
    path = "/v1/audit/chain",
    tag = "audit",
    params(ChainQuery),
    responses(
        (status = 200, description = "A piece of the chain", body = ChainAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden: an agent's key", body = ErrorBody),
        (status = 404, description = "chain_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
async fn get_audit_chain(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Params(query): Params<ChainQuery>,
) -> Result<Json<ChainAnswer>, ApiError> {
    let limit = entries_limit(query.limit)?;
    let named = query.chain.as_deref().filter(|named| !named.is_empty()).unwrap_or("control");
    let missing = || not_found(ErrorCode::ChainNotFound, named);
    let chain: ChainId = cursor::chain_id(named).ok_or_else(missing)?;
    let ledger = &api.engine().ledger;
    // The head is read after the entries: it is never behind them.
    let links = ledger.chain(chain, query.after.unwrap_or(0)).await?;
    let heads = ledger.chains().await?;
    let head = heads.iter().find(|(id, _)| *id == chain).ok_or_else(missing)?.1;
    let entries = links.into_iter().take(limit).map(|link| chain::entry(&caller, chain, link));
    Ok(Json(ChainAnswer {
        ok: true,
        chain: cursor::chain_name(chain),
        entries: entries.collect(),
        head: chain::head(head),
        chains: heads.iter().map(|(id, _)| cursor::chain_name(*id)).collect(),
    }))
}

fn entries_limit(asked: Option<u32>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(CHAIN_ENTRIES_MAX),
        Some(0) => Err(ApiError::query("limit", "must be at least 1")),
        Some(limit) => {
            Ok(usize::try_from(limit)
                .map_or(CHAIN_ENTRIES_MAX, |limit| limit.min(CHAIN_ENTRIES_MAX)))
        }
    }
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(Some(at)),
        Err(problem) => Err(ApiError::query(name, problem.to_string())),
    }
}
