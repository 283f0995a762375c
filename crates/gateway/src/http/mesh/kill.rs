//! Stopping an agent.

use std::sync::Arc;
use std::time::Duration;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::{InstanceTotals, KillAnswer, KillRequest, KilledInstance};
use axme_core::command::{Command, Kill, Target};
use axme_core::hold::Mode;
use axme_core::id::{AddressId, KillId};
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axme_engine::control::{ControlError, KillOutcome, Wait};
use axme_engine::instances::WAIT_INSTANCES_DEFAULT;
use axme_store::control::Trouble;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{killed_instances, record};
use crate::http::Api;
use crate::http::answers::parse_reference;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, Params, PathParams, not_found};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;

/// Longest wait for instances.
const WAIT_INSTANCES_MS_MAX: u64 = 10_000;
/// How long reading what instances did may take beyond that.
const READ_WITHIN: Duration = Duration::from_millis(100);

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
    let at = api.engine().clock.wall();
    let register_as = api.options().lenient_addressing.then(|| Chance.address(at));
    let kill = Kill {
        kill: Chance.kill(at),
        target: target(&api, &caller, named, register_as)?,
        mode,
        reason: body.value.reason.map(Into::into),
    };
    let order = caller.order(kill.kill.into(), at, Command::Kill(kill.clone()));
    let idempotency = idempotency.of(&caller, &body.sent);
    let wait = query.asked()?;
    let patience = instances_wait(body.value.wait_instances_ms)?;
    let outcome = api.engine().control.kill(order, &kill, idempotency, wait).await;
    let killed = match outcome.map_err(|error| not_killed(error, named))? {
        KillOutcome::Confirmed(killed) => record::begin(&api, *killed).await,
        KillOutcome::Committed { logged, rest } => {
            let owned = api.clone();
            // Its record goes on filling, whoever reads it.
            api.engine().tasks().spawn(async move {
                if let Ok(killed) = rest.await {
                    drop(record::begin(&owned, killed).await);
                }
            });
            record::of(&api, &logged).await?
        }
        KillOutcome::Before(entry) => record::of(&api, &entry).await?,
        KillOutcome::Unconfirmed { kill } => {
            return Err(unconfirmed(kill, api.engine().control.trouble()));
        }
    };
    // Only a kill of one agent is ordered here, and is found in its entry.
    let kill = killed.ok_or_else(|| ApiError::new(ErrorCode::InternalError, "not a kill"))?;
    let patience = if wait == Wait::Commit { Duration::ZERO } else { patience };
    let (instances, instance_totals) = stopped_instances(&api, &kill, patience).await;
    let open_streams_closed = kill.receipt.streams_closed;
    Ok(Json(KillAnswer { ok: true, kill, open_streams_closed, instances, instance_totals }))
}

/// The instances that were stopped. The kill stands whatever can be said of them.
async fn stopped_instances(
    api: &Api,
    kill: &axme_api::mesh::Kill,
    patience: Duration,
) -> (Vec<KilledInstance>, Option<InstanceTotals>) {
    let (Ok(id), Ok(agent)) = (kill.kill_id.parse(), kill.address_id.parse()) else {
        return (Vec::new(), None);
    };
    let instances = Arc::clone(&api.engine().instances);
    // Its own task: what was heard is written also when nobody waits for it any more.
    let stopped = api
        .engine()
        .tasks()
        .spawn(async move { instances.stopped_within(id, agent, patience).await });
    let frozen = tokio::time::timeout(patience + READ_WITHIN, stopped).await;
    match frozen {
        Ok(Ok(Ok(frozen))) => {
            let (instances, totals) = killed_instances::shown(frozen, api.engine().clock.wall());
            (instances, Some(totals))
        }
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, kill = %id, "what instances did is in the kill's record later");
            (Vec::new(), None)
        }
        Ok(Err(_)) | Err(_) => (Vec::new(), None),
    }
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

/// The agent that a path names, as orders name it.
pub(super) fn target(
    api: &Api,
    caller: &Caller,
    named: &str,
    register_as: Option<AddressId>,
) -> Result<Target, ApiError> {
    let reference = parse_reference(api, named)?;
    Ok(Target::Agent { reference, home: caller.key.home, register_as })
}

/// A refusal of an order about an agent, with its name as it was given.
pub(super) fn about_agent(error: ControlError, named: &str) -> ApiError {
    let error = ApiError::from(error);
    if error.code == ErrorCode::AgentNotFound {
        not_found(error.code, named).detail("address", named)
    } else {
        error
    }
}

/// A kill that was not carried out. Nobody must take it for one that was.
fn not_killed(error: ControlError, named: &str) -> ApiError {
    if matches!(error, ControlError::Fenced) {
        return ApiError::new(
            ErrorCode::GatewayFenced,
            "This replica admits nothing. The kill is NOT recorded; repeat it until it is.",
        );
    }
    about_agent(error, named)
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

fn unconfirmed(kill: KillId, trouble: Option<Trouble>) -> ApiError {
    let error = ApiError::new(
        ErrorCode::KillUnconfirmed,
        format!(
            "enforced by this replica and not durable yet; it is committed when it can be, and \
             found under /v1/mesh/kills/{kill} then"
        ),
    )
    .detail("kill_id", kill.to_string())
    .detail("enforced_here", true)
    .detail("durable", false);
    match trouble {
        Some(trouble) => error.detail("store", trouble.code),
        None => error,
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
