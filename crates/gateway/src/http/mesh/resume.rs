//! Resuming an agent.

use std::sync::Arc;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::{ResumeAnswer, ResumeRequest};
use axme_core::command::{Command, Resume};
use axme_core::id::{AddressId, Revision};
use axme_core::state::State as ControlState;
use axme_engine::Caller;
use axme_engine::chance::Chance;
use axme_engine::control::Carried;
use axme_engine::enforcer::{Cell, Topic};
use axme_store::control::LogEntry;
use axum::Json;
use axum::extract::State;

use super::kill::{about_agent, target};
use super::shown::Found;
use super::{history, last_state};
use crate::http::Api;
use crate::http::answers::{control_event_id, with_agent};
use crate::http::auth::Authenticated;
use crate::http::body::{Body, PathParams};
use crate::http::error::ApiError;
use crate::http::idempotency::Idempotency;

/// Resume an agent: lift the holds that the caller has seen
///
/// A kill that is newer than the revision in the body refuses the resume.
#[utoipa::path(
    post,
    path = "/v1/mesh/agents/{agent}/resume",
    tag = "mesh",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats are answered like the first"),
    ),
    request_body = Option<ResumeRequest>,
    responses(
        (status = 200, body = ResumeAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 409, description = "killed_again, idempotency_key_reused", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn resume_agent(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
    idempotency: Idempotency,
    body: Body<ResumeRequest>,
) -> Result<Json<ResumeAnswer>, ApiError> {
    let named = path.text("agent");
    let seen = seen(&api, body.value.revision).await?;
    let at = api.engine().clock.wall();
    let resume = Resume {
        target: target(&api, &caller, named, None)?,
        seen,
        reason: body.value.reason.map(Into::into),
    };
    let order = caller.order(Chance.command(at), at, Command::Resume(resume));
    let idempotency = idempotency.of(&caller, &body.sent);
    let carried = api.engine().control.carry_out(order, idempotency).await;
    let answer = match carried.map_err(|error| about_agent(error, named))? {
        Carried::Entry { entry, before } => {
            let resumed = resumed(&api, &entry).await?;
            if !before && let Some(cell) = resumed.cell {
                api.engine().requeue(entry.revision);
                api.engine().enforcer.wake(&Topic::Queue(cell.key()));
            }
            resumed.answer
        }
        Carried::Nothing => unchanged(&api, &caller, named)?,
    };
    Ok(Json(answer))
}

/// The revision up to which holds are lifted: what the operator saw, else what is applied now.
async fn seen(api: &Api, named: Option<u64>) -> Result<Revision, ApiError> {
    let control = &api.engine().control;
    let applied = || control.read(ControlState::revision);
    let Some(revision) = named.map(Revision) else { return Ok(applied()) };
    if revision > applied() {
        // Seen at another replica, perhaps.
        control.fold(None).await?;
    }
    let newest = applied();
    if revision > newest {
        let problem = format!("the control log ends at {newest}; name a revision that was seen");
        return Err(ApiError::field("revision", problem));
    }
    Ok(revision)
}

/// A resume that is in the log.
struct Resumed {
    answer: ResumeAnswer,
    cell: Option<Arc<Cell>>,
}

async fn resumed(api: &Api, logged: &LogEntry) -> Result<Resumed, ApiError> {
    let not_a_resume = || ApiError::new(ErrorCode::InternalError, "not a resume");
    let (address_id, seen) = lifted_up_to(logged).ok_or_else(not_a_resume)?;
    let found = api.engine().control.read(|state| {
        let agent = state.agent(address_id)?;
        Some(Found::of(state, agent))
    });
    let found = found.ok_or_else(not_a_resume)?;
    // The resume has happened: an answer without its list is better than none.
    let lifted = history::kills_before(api, address_id, logged.revision, seen).await;
    let lifted = lifted.unwrap_or_else(|error| {
        tracing::warn!(%error, agent = %address_id, "could not list the kills that a resume ended");
        Vec::new()
    });
    let instances = match lifted.last() {
        Some(kill) => last_state::frozen_at(api, *kill).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let (health, run_state) = found.standing(api);
    let answer = ResumeAnswer {
        ok: true,
        status: run_state.as_str().to_owned(),
        health_status: health.as_str().to_owned(),
        address_id: address_id.to_string(),
        address: found.agent.address.to_string(),
        revision: logged.revision.0,
        event_id: control_event_id(logged.revision),
        resumed_at: logged.entry.at.to_string(),
        resumed_by: logged.entry.actor.name.to_string(),
        lifted: lifted.into_iter().map(|kill| kill.to_string()).collect(),
        already: false,
        instances,
    };
    let cell = api.engine().enforcer.cell(found.agent.workspace_id, &found.agent.address);
    Ok(Resumed { answer, cell })
}

/// The answer when no hold was in force.
fn unchanged(api: &Api, caller: &Caller, named: &str) -> Result<ResumeAnswer, ApiError> {
    let found = with_agent(api, caller, named, Found::of)?;
    let (health, run_state) = found.standing(api);
    Ok(ResumeAnswer {
        ok: true,
        status: run_state.as_str().to_owned(),
        health_status: health.as_str().to_owned(),
        address_id: found.agent.address_id.to_string(),
        address: found.agent.address.to_string(),
        revision: found.revision.0,
        event_id: control_event_id(found.revision),
        resumed_at: api.engine().clock.wall().to_string(),
        resumed_by: caller.key.name.to_string(),
        lifted: Vec::new(),
        already: true,
        instances: Vec::new(),
    })
}

fn lifted_up_to(logged: &LogEntry) -> Option<(AddressId, Revision)> {
    logged.entry.changes.iter().find_map(|change| {
        let (target, seen, _lifter) = change.lifted_holds()?;
        Some((target.agent()?, seen))
    })
}
