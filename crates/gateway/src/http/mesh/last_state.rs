//! Where an agent's instances can go on: what was kept of them with its last kill.

use axme_api::error::ErrorBody;
use axme_api::mesh::{LastState, LastStateAnswer};
use axme_core::id::{AddressId, KillId, Revision};
use axme_core::time::Timestamp;
use axme_store::instances::{FrozenInstance, INSTANCES_LISTED_MAX, Instance};
use axum::Json;
use axum::extract::State;

use super::instances::{shown_object, shown_progress};
use super::shown::{self, Found};
use crate::http::Api;
use crate::http::answers::with_agent;
use crate::http::auth::Authenticated;
use crate::http::body::PathParams;
use crate::http::error::ApiError;

/// Get what an agent's instances said last before it was stopped
///
/// What was kept with its last kill, and what was said late about it; for an agent that was never
/// killed, what its instances said last.
#[utoipa::path(
    get,
    path = "/v1/mesh/agents/{agent}/last-state",
    tag = "mesh",
    params(("agent" = String, Path, description = "Id, address or name of the agent")),
    responses(
        (status = 200, body = LastStateAnswer),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn get_last_state(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    path: PathParams,
) -> Result<Json<LastStateAnswer>, ApiError> {
    let found = with_agent(&api, &caller, path.text("agent"), Found::of)?;
    let address_id = found.agent.address_id;
    let mut answer = LastStateAnswer {
        ok: true,
        address_id: address_id.to_string(),
        address: found.agent.address.to_string(),
        frozen: false,
        kill_id: None,
        at: None,
        instances: Vec::new(),
    };
    if let Some((kill, at)) = last_kill(&api, address_id).await? {
        answer.frozen = true;
        answer.kill_id = Some(kill.to_string());
        answer.at = Some(at.to_string());
        answer.instances = frozen_at(&api, kill).await?;
    } else {
        drop(api.engine().instances.save_of(address_id).await);
        let ledger = &api.engine().ledger;
        let rows = ledger.instances(address_id, None, INSTANCES_LISTED_MAX).await?;
        answer.instances = rows.into_iter().map(said_last).collect();
    }
    Ok(Json(answer))
}

/// What was kept of instances with a kill.
pub(super) async fn frozen_at(api: &Api, kill: KillId) -> Result<Vec<LastState>, ApiError> {
    let frozen = api.engine().instances.frozen(kill).await?;
    Ok(frozen.instances.into_iter().map(kept).collect())
}

/// The newest kill of an agent.
async fn last_kill(
    api: &Api,
    address_id: AddressId,
) -> Result<Option<(KillId, Timestamp)>, ApiError> {
    let standing = api.engine().control.read(|state| {
        let newest = state.agent(address_id)?.holds.iter().next_back()?;
        Some((newest.kill_id, newest.at))
    });
    if standing.is_some() {
        return Ok(standing);
    }
    let mut after = Revision::default();
    let mut last = None;
    loop {
        let log = api.engine().control.log();
        let entries = log.stops_and_resumes(after, Some(address_id)).await?;
        let Some(newest) = entries.last() else { return Ok(last) };
        after = newest.revision;
        let kills = entries.iter().filter_map(|logged| shown::ordered(logged).zip(Some(logged)));
        let mut kills = kills.map(|((hold, _), logged)| (hold.kill_id, logged.entry.at));
        last = kills.next_back().or(last);
    }
}

fn kept(instance: FrozenInstance) -> LastState {
    LastState {
        instance_id: instance.instance_id.into(),
        region: instance.region.map(String::from),
        metadata: instance.metadata.as_deref().and_then(shown_object),
        progress: instance.progress.map(shown_progress),
        at: instance.last_seen_at.to_string(),
        late: instance.late,
    }
}

fn said_last(instance: Instance) -> LastState {
    LastState {
        instance_id: instance.instance_id.into(),
        region: instance.said.region.map(String::from),
        metadata: instance.said.metadata.as_deref().and_then(shown_object),
        progress: instance.said.progress.map(shown_progress),
        at: instance.last_seen_at.to_string(),
        late: false,
    }
}
