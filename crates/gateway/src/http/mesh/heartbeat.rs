//! Taking heartbeats: the endpoint that is called most.

mod beat;
mod object;

use axme_api::error::ErrorBody;
use axme_api::mesh::{HeartbeatAnswer, HeartbeatKill, HeartbeatRequest};
use axme_core::health::{Health, HealthThresholds};
use axme_core::hold::RunState;
use axme_core::id::AddressId;
use axme_engine::chance::Chance;
use axme_engine::enforcer::Cell;
use axme_store::ledger::Usage;
use axum::Json;
use axum::extract::State;

use super::shown;
use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::error::ApiError;
use beat::Beat;

/// How often agents are asked to beat.
const NEXT_BEAT_SECONDS: u32 = 30;

/// Take a sign of life from the agent that the key belongs to
///
/// Metrics are counted once for each `heartbeat_id` or `X-Trace-Id`. A stopped agent is answered
/// too, and told that it is stopped.
#[utoipa::path(
    post,
    path = "/v1/mesh/heartbeat",
    tag = "mesh",
    request_body = Option<HeartbeatRequest>,
    responses(
        (status = 200, body = HeartbeatAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "no_agent_bound, forbidden", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(super) async fn send_heartbeat(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    beat: Beat,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    let metrics = match caller.agent().and_then(|agent| agent.address_id()) {
        Some(address_id) if beat.usage != Usage::default() => {
            Some((beat.usage, beat_id(&api, address_id, beat.id.as_deref())))
        }
        Some(_) | None => None,
    };
    let beaten = api.engine().heartbeats.beat(&caller, metrics).await;
    let agent = beaten.map_err(|error| intent_error(&api, error))?;
    Ok(Json(answer(&api, &agent)))
}

fn answer(api: &Api, agent: &Cell) -> HeartbeatAnswer {
    // Just seen: this endpoint is called most, and the beat's own moment serves for all.
    let seen = agent.last_seen().unwrap_or_default();
    let run_state = agent.run_state();
    let kill = if run_state == RunState::Active { None } else { kill_on(api, agent) };
    let health = Health::at(seen, Some(seen), run_state, HealthThresholds::default()).as_str();
    let seen = seen.to_string();
    let address_id = agent.address_id().map(|id| id.to_string());
    HeartbeatAnswer {
        ok: true,
        address_id: address_id.unwrap_or_default(),
        address: agent.address.to_string(),
        health_status: health.to_owned(),
        status: health.to_owned(),
        killed: run_state == RunState::Killed,
        kill,
        last_heartbeat_at: seen.clone(),
        server_time: seen,
        next_heartbeat_seconds: NEXT_BEAT_SECONDS,
    }
}

/// Why the agent is stopped. None while the order is not in the log yet.
fn kill_on(api: &Api, agent: &Cell) -> Option<HeartbeatKill> {
    let hold = api.engine().control.read(|state| {
        let agent = state.agent(agent.address_id()?)?;
        shown::hold_on(state, agent).cloned()
    })?;
    Some(HeartbeatKill {
        kill_id: hold.kill_id.to_string(),
        reason: hold.reason.map(String::from),
        by: hold.by.name.into(),
        at: hold.at.to_string(),
    })
}

fn beat_id(api: &Api, address_id: AddressId, id: Option<&str>) -> Box<str> {
    match id {
        Some(id) => format!("{address_id}:{id}").into(),
        None => {
            let drawn = Chance.uuid(api.engine().clock.wall());
            format!("{address_id}:{drawn}").into()
        }
    }
}
