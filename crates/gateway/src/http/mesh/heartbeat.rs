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
use axme_engine::heartbeats::{Beaten, Signs};
use axme_store::ledger::Usage;
use axum::Json;
use axum::extract::State;

use super::control::shown_hold;
use super::saying;
use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::error::ApiError;
use beat::Beat;

/// How often agents are asked to beat.
const NEXT_BEAT_SECONDS: u32 = 30;

/// Take a sign of life from the agent that the key belongs to
///
/// Metrics are counted once for each `heartbeat_id` or `X-Trace-Id`. What an instance says of itself
/// stays until it says something else. A stopped agent is answered too, and told that it is stopped.
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
    let name = saying::name(&caller, beat.instance_id.as_deref())?;
    let metrics = match caller.agent().and_then(|agent| agent.address_id()) {
        Some(address_id) if beat.usage != Usage::default() => {
            let id = beat_id(&api, address_id, &beat);
            Some((beat.usage, id))
        }
        Some(_) | None => None,
    };
    let signs = Signs { name, said: beat.said, ending: beat.ending, metrics };
    let beaten = api.engine().heartbeats.beat(&caller, signs).await;
    let beaten = beaten.map_err(|error| intent_error(&api, error))?;
    Ok(Json(answer(&api, &beaten)))
}

fn answer(api: &Api, beaten: &Beaten) -> HeartbeatAnswer {
    let Beaten { agent, instance } = beaten;
    // Just seen: this endpoint is called most, and the beat's own moment serves for all.
    let seen = agent.last_seen().unwrap_or_default();
    // Before the run state: what is said is so at this revision or later.
    let revision = api.engine().enforcer.applied();
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
        run_state: run_state.as_str().to_owned(),
        revision: revision.0,
        kill,
        instance_id: instance.as_ref().map(|instance| instance.name.text().into()),
        last_heartbeat_at: seen.clone(),
        server_time: seen,
        next_heartbeat_seconds: NEXT_BEAT_SECONDS,
    }
}

/// Why the agent is stopped. None while the order is not in the log yet.
fn kill_on(api: &Api, agent: &Cell) -> Option<HeartbeatKill> {
    let hold = api.engine().control.read(|state| {
        let agent = state.agent(agent.address_id()?)?;
        state.hold_on(agent).cloned()
    })?;
    Some(shown_hold(hold))
}

/// Beats are told apart within their instance: two may count theirs alike.
fn beat_id(api: &Api, address_id: AddressId, beat: &Beat) -> Box<str> {
    match (&beat.id, &beat.instance_id) {
        (Some(id), Some(instance)) => format!("{address_id}:{instance}:{id}").into(),
        (Some(id), None) => format!("{address_id}:{id}").into(),
        (None, _) => {
            let drawn = Chance.uuid(api.engine().clock.wall());
            format!("{address_id}:{drawn}").into()
        }
    }
}
