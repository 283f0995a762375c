//! Cancelling many intents at once.

use std::time::Duration;

use axme_api::error::ErrorBody;
use axme_api::intents::{BulkCancelAnswer, BulkCancelRequest};
use axme_core::id::WorkspaceId;
use axme_engine::intents::BulkCancel;
use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::outcome::checked_reason;
use super::statuses;
use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::read::{Place, asked_workspace};

/// Intents that one call cancels when it names no limit, and at most.
const INTENTS_DEFAULT: u32 = 100;
const INTENTS_MAX: u32 = 1_000;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// Cancel intents that are older than some hours
///
/// An agent's key cancels those from and to itself. `older_than_hours` is needed, so that an empty
/// body cancels nothing; 0 takes all.
#[utoipa::path(
    post,
    path = "/v1/intents/bulk-cancel",
    tag = "intents",
    request_body = BulkCancelRequest,
    responses(
        (status = 200, body = BulkCancelAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn cancel_intents(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    body: Body<BulkCancelRequest>,
) -> Result<Json<BulkCancelAnswer>, ApiError> {
    let workspace = asked_workspace(api.engine(), &caller, Place::default())?;
    let dry_run = body.value.dry_run.unwrap_or(false);
    let cancel = read(body.value, workspace)?;
    let intents = &api.engine().intents;
    if dry_run {
        let found = intents.to_cancel(&caller, &cancel).await;
        let found = found.map_err(|error| intent_error(&api, error))?;
        return Ok(Json(BulkCancelAnswer {
            ok: true,
            would_cancel: Some(found.len() as u64),
            intent_ids: Some(found.iter().map(ToString::to_string).collect()),
            canceled: None,
        }));
    }
    let canceled = intents.cancel_all(&caller, &cancel).await;
    let canceled = canceled.map_err(|error| intent_error(&api, error))?;
    Ok(Json(BulkCancelAnswer { ok: true, canceled: Some(canceled), ..BulkCancelAnswer::default() }))
}

fn read(body: BulkCancelRequest, workspace_id: WorkspaceId) -> Result<BulkCancel, ApiError> {
    let hours = body.older_than_hours.ok_or_else(|| {
        ApiError::field("older_than_hours", "is needed; 0 takes intents of every age")
    })?;
    let Ok(older_than) = Duration::try_from_secs_f64(hours * SECONDS_PER_HOUR) else {
        return Err(ApiError::field("older_than_hours", "must be a number of hours from 0 on"));
    };
    let limit = body.limit.unwrap_or(INTENTS_DEFAULT);
    if limit == 0 {
        return Err(ApiError::field("limit", "must be at least 1"));
    }
    let words = body.status_filter.as_deref().unwrap_or_default();
    let statuses = statuses::all(words.iter().map(String::as_str))
        .map_err(|problem| ApiError::field("status_filter", problem))?;
    if !statuses.is_empty() && statuses.iter().all(|status| status.is_terminal()) {
        let problem = "names only statuses that have ended; those cannot be cancelled";
        return Err(ApiError::field("status_filter", problem));
    }
    let outcome = match checked_reason(body.reason)? {
        Some(reason) => json!({ "reason": reason }),
        None => json!({}),
    };
    Ok(BulkCancel {
        workspace_id,
        older_than,
        statuses,
        outcome: outcome.to_string().into(),
        intents_max: usize::try_from(limit.min(INTENTS_MAX)).unwrap_or(usize::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::intent::Status;

    fn of(body: serde_json::Value) -> Result<BulkCancel, ApiError> {
        let workspace = WorkspaceId::from_bytes([1; 16]);
        read(serde_json::from_value(body).unwrap(), workspace)
    }

    #[test]
    fn what_is_cancelled_is_said_in_so_many_words() {
        let cancel = of(json!({"older_than_hours": 1.5, "status_filter": ["WAITING"]})).unwrap();
        assert_eq!(cancel.older_than, Duration::from_secs(5_400));
        assert_eq!(cancel.statuses, [Status::Waiting]);
        assert!(of(json!({})).is_err(), "an empty body must not cancel everything");
        assert!(of(json!({"older_than_hours": -1})).is_err());
        assert!(of(json!({"older_than_hours": 1e300})).is_err());
        assert!(of(json!({"older_than_hours": 0, "limit": 0})).is_err());
        // With only ended statuses the filter would be empty, and empty stands for all.
        assert!(of(json!({"older_than_hours": 0, "status_filter": ["COMPLETED"]})).is_err());
    }
}
