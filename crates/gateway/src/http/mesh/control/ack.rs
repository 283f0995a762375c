//! An instance says that it has stopped.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::{AckAnswer, AckRequest};
use axme_core::id::KillId;
use axme_engine::instances::{Message, Stopped};
use axme_store::instances::{Said, Via};
use axum::Json;
use axum::extract::State;

use crate::http::Api;
use crate::http::answers::no_agent_bound;
use crate::http::auth::Authenticated;
use crate::http::body::{Body, not_found};
use crate::http::error::ApiError;
use crate::http::mesh::saying::{self, Saying};
use crate::read::kill_record;

/// Say that this instance has stopped for a kill
///
/// It is on record when this answers. Saying it again is harmless, also after the resume.
#[utoipa::path(
    post,
    path = "/v1/mesh/control/ack",
    tag = "mesh",
    request_body = AckRequest,
    responses(
        (status = 200, body = AckAnswer),
        (status = 400, description = "malformed_json", body = ErrorBody),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "no_agent_bound, forbidden", body = ErrorBody),
        (status = 404, description = "kill_not_found", body = ErrorBody),
        (status = 413, description = "payload_too_large", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, store_unavailable, outcome_unknown", body = ErrorBody),
    )
)]
pub(in crate::http::mesh) async fn acknowledge_kill(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    body: Body<AckRequest>,
) -> Result<Json<AckAnswer>, ApiError> {
    let sent = body.value;
    let agent = caller.agent().ok_or_else(no_agent_bound)?;
    let address_id = agent.address_id().ok_or_else(no_agent_bound)?;
    let name = saying::name(&caller, sent.instance_id.as_deref())?;
    let (metadata, progress) = (sent.metadata.as_ref(), sent.progress.as_ref());
    let said = Saying { metadata, progress, ..Saying::default() }.check()?;
    let via = via(sent.via.as_deref())?;
    let missing = || not_found(ErrorCode::KillNotFound, &sent.kill_id);
    let kill: KillId = sent.kill_id.parse().map_err(|_no_id| missing())?;
    let logged = api.engine().control.log().find(kill.into()).await?.ok_or_else(missing)?;
    // Another agent's kill is not there, as everything of others.
    kill_record::ordered(&logged)
        .filter(|(_, stopped)| *stopped == address_id)
        .ok_or_else(missing)?;

    let at = api.engine().clock.wall();
    agent.touch(at);
    let message = Message { name: name.clone(), said: Said::default(), ending: false, at };
    // One instance more than are kept may stop all the same.
    drop(api.engine().instances.hear(address_id, message));
    let killed_at = logged.entry.at;
    let stopped = Stopped { kill, address_id, name: name.clone(), via, said, killed_at };
    let (after_ms, already) = api.engine().instances.stopped(stopped).await?;
    Ok(Json(AckAnswer {
        ok: true,
        kill_id: kill.to_string(),
        instance_id: name.text().into(),
        state: "stopped".to_owned(),
        after_ms,
        already,
    }))
}

fn via(sent: Option<&str>) -> Result<Option<Via>, ApiError> {
    let unknown = || ApiError::field("via", "must be stream or heartbeat");
    sent.map(|word| Via::parse(word).ok_or_else(unknown)).transpose()
}
