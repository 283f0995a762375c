//! The delivery stream: an agent's queued intents, as they come.

mod frame;

use std::sync::Arc;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::intents::StreamQuery;
use axme_core::address::{Address, Reference};
use axme_core::id::WorkspaceId;
use axme_engine::Caller;
use axme_engine::enforcer::Cell;
use axme_engine::intents::{Delivery, DeliveryRequest, DeliveryStream, Denied};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;

use super::reach;
use crate::edge::Peer;
use crate::http::Api;
use crate::http::answers::{denied, intent_error};
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams, not_found};
use crate::http::error::ApiError;
use crate::http::intents::statuses;
use crate::http::sse;
use crate::read::parse_reference;

/// Receive the intents that are addressed to an agent
///
/// Begins after the cursor `since`, with 0 at everything that is not finished. Ends right after
/// what there was, or after `wait_seconds`; a stopped agent's stream ends at once.
#[utoipa::path(
    get,
    path = "/v1/agents/{agent}/intents/stream",
    tag = "agents",
    params(
        ("agent" = String, Path, description = "Id, address or name of the agent"),
        StreamQuery,
    ),
    responses(
        (status = 200, description = "Frames with an intent each; seq is the delivery cursor", body = String, content_type = "text/event-stream"),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "agent_killed, agent_paused, agent_quarantined, forbidden", body = ErrorBody),
        (status = 404, description = "agent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid, invalid_agent_address", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn stream_agent_intents(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    peer: Option<Extension<Peer>>,
    path: PathParams,
    Params(query): Params<StreamQuery>,
) -> Result<Response, ApiError> {
    let receiver = receiver(&api, &caller, path.text("agent"))?;
    let statuses = statuses::parse(query.status.as_deref())
        .map_err(|problem| ApiError::query("status", problem))?;
    let request = DeliveryRequest {
        since: query.since.unwrap_or(0),
        wait: sse::wait(query.wait_seconds)?,
        statuses,
        connection: sse::connection(peer),
    };
    let stream = api.engine().intents.deliver(&caller, &receiver, request);
    let stream = stream.map_err(|error| intent_error(&api, error))?;
    Ok(sse::answer(DeliveryFrames(stream)))
}

/// The agent whose intents are asked for: with an agent's key that agent, else any that the key
/// covers.
fn receiver(api: &Api, caller: &Caller, named: &str) -> Result<Arc<Cell>, ApiError> {
    if let Some(own) = caller.agent() {
        return if is_named(api, own, named)? {
            Ok(Arc::clone(own))
        } else {
            let message = "an agent's key receives the intents of its own agent only";
            Err(ApiError::new(ErrorCode::Forbidden, message))
        };
    }
    let (workspace, address) = reach(api, caller, named)?;
    cell(api, workspace, &address)?
        .ok_or_else(|| not_found(ErrorCode::AgentNotFound, named).detail("address", named))
}

/// Whether a reference means this agent.
fn is_named(api: &Api, agent: &Cell, named: &str) -> Result<bool, ApiError> {
    Ok(match parse_reference(api.engine(), named)? {
        Reference::Id(id) => agent.address_id() == Some(id),
        Reference::Address(address) => agent.address == address,
        Reference::Name(name) => agent.address.name() == name,
    })
}

/// The agent of an address that somebody holds, or with lenient addressing of any.
fn cell(
    api: &Api,
    workspace: WorkspaceId,
    address: &Address,
) -> Result<Option<Arc<Cell>>, ApiError> {
    let enforcer = &api.engine().enforcer;
    if !api.options().lenient_addressing {
        return Ok(enforcer.cell(workspace, address).filter(|cell| cell.is_live()));
    }
    let cell = enforcer.cell_or_stranger(workspace, address);
    cell.map(Some).map_err(|denial| denied(api, &Denied::about(denial, None)))
}

struct DeliveryFrames(DeliveryStream);

impl sse::Frames for DeliveryFrames {
    async fn next_frame(&mut self) -> Option<Bytes> {
        match self.0.next().await? {
            Delivery::Intent(intent) => Some(frame::of(&intent)),
            Delivery::KeepAlive => Some(sse::keep_alive()),
            Delivery::End { since } => Some(sse::end(since)),
        }
    }

    fn note_sent(&self, bytes: usize) {
        self.0.note_sent(bytes);
    }
}
