//! Reading intents and their events.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::intents::{
    IntentAnswer, IntentEventsAnswer, IntentListAnswer, IntentListQuery, StreamQuery,
};
use axme_core::id::IntentId;
use axme_store::ledger::{Event, Intent, IntentQuery};
use axum::Json;
use axum::extract::State;

use super::owner::Owner;
use super::shown::{self, Sight};
use super::statuses;
use crate::http::Api;
use crate::http::agents::WorkspaceQuery;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams};
use crate::http::error::ApiError;
use crate::read::{asked_workspace, list_limit};

/// Get an intent
///
/// Its parties and keys that cover its workspace see it; viewers see no payload and no result.
#[utoipa::path(
    get,
    path = "/v1/intents/{intent_id}",
    tag = "intents",
    params(("intent_id" = String, Path, description = "As its creation answered it")),
    responses(
        (status = 200, body = IntentAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "intent_not_found", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_intent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<IntentAnswer>, ApiError> {
    let id: IntentId = path.id("intent_id", ErrorCode::IntentNotFound)?;
    let row = api.engine().intents.get(&caller, id).await;
    let row = row.map_err(|error| intent_error(&api, error))?;
    let last = last_event(&api, &row).await?;
    let intent = shown::intent(&row, last.as_ref(), Sight::of(&caller));
    Ok(Json(IntentAnswer {
        ok: true,
        intent_id: Some(intent.intent_id.clone()),
        status: Some(intent.status.clone()),
        payload: intent.payload.clone(),
        intent,
    }))
}

/// The event that ended an intent; none for one that has not ended.
pub(super) async fn last_event(api: &Api, row: &Intent) -> Result<Option<Event>, ApiError> {
    if !row.status.is_terminal() {
        return Ok(None);
    }
    let before = row.last_seq.saturating_sub(1);
    let events = api.engine().ledger.events(row.intent_id, before).await?;
    Ok(events.and_then(|events| events.into_iter().next_back()))
}

/// List the intents of a workspace, newest first
///
/// An agent's key sees those from and to itself. `status=pending` stands for every status that
/// has not ended.
#[utoipa::path(
    get,
    path = "/v1/intents",
    tag = "intents",
    params(
        IntentListQuery,
        WorkspaceQuery,
        ("x-owner-agent" = Option<String>, Header, description = "The same as owner_agent"),
    ),
    responses(
        (status = 200, body = IntentListAnswer),
        (status = 400, description = "owner_agent_conflict", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "workspace_not_found, agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn list_intents(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    owner: Owner,
    Params(query): Params<IntentListQuery>,
    Params(place): Params<WorkspaceQuery>,
) -> Result<Json<IntentListAnswer>, ApiError> {
    let rows_max = list_limit(query.limit)?;
    let statuses = statuses::parse(query.status.as_deref())
        .map_err(|problem| ApiError::query("status", problem))?;
    let before = read_cursor(query.cursor.as_deref())?;
    let (workspace_id, party) = match owner.find(&api, &caller)? {
        Some((workspace, address)) => (workspace, Some(address)),
        None => {
            let own = caller.agent().map(|agent| agent.address.clone());
            (asked_workspace(api.engine(), &caller, place.place())?, own)
        }
    };
    let query =
        IntentQuery { workspace_id, party, statuses, created_before: None, before, rows_max };
    let rows = api.engine().ledger.intents(query).await?;
    let full = rows.len() == rows_max;
    let next_cursor = rows.last().filter(|_| full).map(|last| last.row_id.to_string());
    let intents = rows.iter().map(shown::summary).collect();
    Ok(Json(IntentListAnswer { ok: true, intents, next_cursor }))
}

fn read_cursor(cursor: Option<&str>) -> Result<Option<u64>, ApiError> {
    match cursor {
        None | Some("") => Ok(None),
        Some(cursor) => match cursor.parse() {
            Ok(before) => Ok(Some(before)),
            Err(_not_a_number) => Err(ApiError::query("cursor", "take it from next_cursor")),
        },
    }
}

/// List the events of an intent, oldest first
#[utoipa::path(
    get,
    path = "/v1/intents/{intent_id}/events",
    tag = "intents",
    params(
        ("intent_id" = String, Path, description = "As its creation answered it"),
        ("since" = Option<u64>, Query, description = "Only events with a greater seq"),
    ),
    responses(
        (status = 200, body = IntentEventsAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 404, description = "intent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn list_intent_events(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    Params(query): Params<StreamQuery>,
) -> Result<Json<IntentEventsAnswer>, ApiError> {
    let id: IntentId = path.id("intent_id", ErrorCode::IntentNotFound)?;
    let since = query.since.unwrap_or(0);
    let events = api.engine().intents.events(&caller, id, since).await;
    let events = events.map_err(|error| intent_error(&api, error))?;
    let sight = Sight::of(&caller);
    let events = events.iter().map(|event| shown::event(event, sight)).collect();
    Ok(Json(IntentEventsAnswer { ok: true, events }))
}
