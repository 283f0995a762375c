//! The delivery stream: an agent's queued intents, as they come.

use std::sync::Arc;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::intents::StreamQuery;
use axme_core::address::{Address, Reference};
use axme_core::id::WorkspaceId;
use axme_core::intent::Status;
use axme_engine::Caller;
use axme_engine::enforcer::Cell;
use axme_engine::intents::{Delivery, DeliveryRequest, DeliveryStream, Denied};
use axme_store::ledger::Intent;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::reach;
use crate::http::Api;
use crate::http::Peer;
use crate::http::answers::{denied, intent_error, parse_reference};
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams, not_found};
use crate::http::error::ApiError;
use crate::http::intents::statuses;
use crate::http::sse;

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
        (status = 429, description = "agent_busy", body = ErrorBody),
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
    Ok(match parse_reference(api, named)? {
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
            Delivery::Intent(intent) => Some(frame(&intent)),
            Delivery::KeepAlive => Some(sse::keep_alive()),
            Delivery::End { since } => Some(sse::end(since)),
        }
    }

    fn note_sent(&self, bytes: usize) {
        self.0.note_sent(bytes);
    }
}

/// What an agent gets of an intent that is handed to it.
#[derive(Serialize)]
struct Delivered<'a> {
    intent_id: String,
    /// The delivery cursor of the agent, not the number of an event.
    seq: u64,
    event_type: &'static str,
    status: &'static str,
    at: String,
    intent_type: &'a str,
    from_agent: &'a str,
    to_agent: &'a str,
    correlation_id: &'a str,
    delivery_attempt: u32,
    payload: Option<&'a RawValue>,
}

fn frame(intent: &Intent) -> Bytes {
    let event_type = Status::Delivered.event_type();
    let delivered = Delivered {
        intent_id: intent.intent_id.to_string(),
        seq: intent.cursor,
        event_type,
        status: shown_status(intent.status).as_str(),
        at: intent.updated_at.to_string(),
        intent_type: &intent.intent_type,
        from_agent: intent.from.as_str(),
        to_agent: intent.to.as_str(),
        correlation_id: &intent.correlation_id,
        delivery_attempt: intent.delivery_attempt,
        payload: serde_json::from_str(&intent.payload).ok(),
    };
    // Its members are texts, numbers and JSON: there is nothing that cannot be written.
    let json = serde_json::to_string(&delivered).unwrap_or_default();
    sse::event(intent.cursor, event_type, &json)
}

/// Receivers act on DELIVERED; what has come further shows how far.
const fn shown_status(status: Status) -> Status {
    match status {
        Status::Created | Status::Submitted => Status::Delivered,
        Status::Delivered
        | Status::Acknowledged
        | Status::InProgress
        | Status::Waiting
        | Status::Completed
        | Status::Failed
        | Status::Canceled
        | Status::TimedOut => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axme_core::id::{IntentId, Revision};
    use axme_core::time::Timestamp;
    use serde_json::{Value, json};

    fn intent(payload: &str) -> Intent {
        let at = Timestamp::from_micros(1_772_355_612_000_041);
        Intent {
            row_id: 1,
            intent_id: IntentId::from_bytes([7; 16]),
            workspace_id: WorkspaceId::from_bytes([1; 16]),
            from: Address::from_parts("myorg", "production", "email-campaign"),
            to: Address::from_parts("myorg", "production", "mailer"),
            intent_type: "intent.email.send.v1".into(),
            correlation_id: "c".into(),
            payload: payload.into(),
            extras: "{}".into(),
            status: Status::Submitted,
            cursor: 4,
            admitted_at_revision: Revision(3),
            delivery_attempt: 1,
            delivery_attempts_max: 3,
            outcome: None,
            deadline_at: None,
            created_at: at,
            updated_at: at,
            ended_at: None,
            last_seq: 3,
            policy_generation: 0,
        }
    }

    #[test]
    fn a_frame_holds_the_cursor_and_the_payload_as_it_was_stored() {
        let frame = frame(&intent(r#"{"big":12345678901234567890123}"#));
        let text = std::str::from_utf8(&frame).unwrap();
        let (head, data) = text.split_once("data: ").unwrap();
        assert_eq!(head, "id: 4\nevent: intent.delivered\n");
        assert!(data.contains(r#""payload":{"big":12345678901234567890123}"#), "{data}");
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["seq"], json!(4));
        assert_eq!(data["status"], "DELIVERED");
        assert_eq!(data["from_agent"], "agent://myorg/production/email-campaign");
    }
}
