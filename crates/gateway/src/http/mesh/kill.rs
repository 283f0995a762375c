//! Stopping an agent.

use std::time::Duration;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::{KillAnswer, KillRequest};
use axme_core::hold::Mode;
use axme_engine::control::Wait;
use axme_engine::instances::WAIT_INSTANCES_DEFAULT;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, Params, PathParams, not_found};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;
use crate::orders::{self, KillOrder, OrderError};

/// Longest wait for instances.
const WAIT_INSTANCES_MS_MAX: u64 = 10_000;

/// What the caller of a kill waits for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct KillQuery {
    wait: Option<String>,
}

impl KillQuery {
    fn asked(&self) -> Result<Wait, ApiError> {
        match self.wait.as_deref() {
            None | Some("everyone") => Ok(Wait::Everyone),
            Some("commit") => Ok(Wait::Commit),
            Some(_) => Err(ApiError::query("wait", "must be everyone or commit")),
        }
    }
}

/// Stop an agent: all its instances, on every replica
///
/// Answers once every replica enforces it. Killing a killed agent is a new kill with a receipt of
/// its own. With lenient addressing an address can be killed that nobody has registered.
#[utoipa::path(
    post,
    path = "/v1/mesh/agents/{agent}/kill",
    tag = "mesh",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("wait" = Option<String>, Query, description = "`commit` answers as soon as the kill is durable; its record goes on filling"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = Option<KillRequest>,
    responses(
        (status = 200, body = KillAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 409, description = "idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, mode_unsupported, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "kill_unconfirmed, gateway_fenced, gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn kill_agent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    Params(query): Params<KillQuery>,
    idempotency: Idempotency,
    body: Body<KillRequest>,
) -> Result<Json<KillAnswer>, ApiError> {
    let mode = offered_mode(body.value.mode.as_deref())?;
    let named = path.text("agent");
    let order = KillOrder {
        agent: named,
        mode,
        reason: body.value.reason.map(Into::into),
        idempotency: idempotency.of(&caller, &body.sent),
        wait: query.asked()?,
        patience: instances_wait(body.value.wait_instances_ms)?,
    };
    let killed = orders::kill(api.engine(), &caller, order).await;
    Ok(Json(killed.map_err(|error| about_agent(error, named))?))
}

fn instances_wait(asked_ms: Option<u64>) -> Result<Duration, ApiError> {
    match asked_ms {
        None => Ok(WAIT_INSTANCES_DEFAULT),
        Some(millis) if millis <= WAIT_INSTANCES_MS_MAX => Ok(Duration::from_millis(millis)),
        Some(_) => {
            let problem = format!("must be 0 to {WAIT_INSTANCES_MS_MAX}");
            Err(ApiError::field("wait_instances_ms", problem))
        }
    }
}

/// A refusal of an order about an agent, with its name as it was given.
pub(super) fn about_agent(error: OrderError, named: &str) -> ApiError {
    let error = ApiError::from(error);
    if error.code == ErrorCode::AgentNotFound {
        not_found(error.code, named).detail("address", named)
    } else {
        error
    }
}

fn offered_mode(mode: Option<&str>) -> Result<Mode, ApiError> {
    let Some(word) = mode else { return Ok(Mode::Halt) };
    match Mode::parse(word) {
        Some(Mode::Halt) => Ok(Mode::Halt),
        Some(Mode::Pause | Mode::Quarantine) => Err(ApiError::new(
            ErrorCode::ModeUnsupported,
            format!("the mode {word} is not offered yet; halt is"),
        )
        .detail("mode", word)),
        None => Err(ApiError::field("mode", "must be halt")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_that_are_known_and_not_offered_are_told_apart_from_nonsense() {
        assert_eq!(offered_mode(None).unwrap(), Mode::Halt);
        assert_eq!(offered_mode(Some("halt")).unwrap(), Mode::Halt);
        assert_eq!(offered_mode(Some("pause")).unwrap_err().code, ErrorCode::ModeUnsupported);
        assert_eq!(offered_mode(Some("Halt")).unwrap_err().code, ErrorCode::SchemaInvalid);
    }
}
