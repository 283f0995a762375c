//! The control stream: an agent's run state at once, and then each change.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::ControlStreamQuery;
use axme_core::id::Revision;
use axme_engine::clock::Clock;
use axme_engine::instances::{ControlStream, Message, NotOpened, Opening, Told};
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::frame;
use crate::edge::Peer;
use crate::http::Api;
use crate::http::answers::no_agent_bound;
use crate::http::auth::Authenticated;
use crate::http::body::Params;
use crate::http::error::ApiError;
use crate::http::mesh::saying::{self, Saying};
use crate::http::sse;

const LAST_EVENT_ID: &str = "last-event-id";

/// Be told of stops and resumes of the agent that the key belongs to
///
/// Begins with what has changed after `since`, and the run state as it is (`control.state`); then
/// each change as it comes (`control.changed`). Stays open while the agent is stopped.
#[utoipa::path(
    get,
    path = "/v1/mesh/control/stream",
    tag = "mesh",
    params(ControlStreamQuery, ("Last-Event-ID" = Option<u64>, Header, description = "The same as `since`")),
    responses(
        (status = 200, description = "Frames control.state and control.changed; the id is the revision", body = String, content_type = "text/event-stream"),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "no_agent_bound, forbidden", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_instances, agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable", body = ErrorBody),
    )
)]
pub(in crate::http::mesh) async fn stream_control(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Params(query): Params<ControlStreamQuery>,
) -> Result<Response, ApiError> {
    let name = saying::name(&caller, query.instance_id.as_deref())?;
    let (version, region) = (query.version.as_deref(), query.region.as_deref());
    let said = Saying { version, region, ..Saying::default() }.check()?;
    let clock = api.engine().clock.clone();
    let opening = Opening {
        message: Message { name: name.clone(), said, ending: false, at: clock.wall() },
        since: query.since.or_else(|| last_event_id(&headers)).map(Revision),
        connection: sse::connection(peer),
    };
    let engine = api.engine();
    let opened = engine.instances.open_stream(&engine.control, &caller, opening).await;
    let stream = opened.map_err(|error| not_opened(&error))?;
    Ok(sse::answer(ControlFrames { stream, clock, instance_id: name.text() }))
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}

fn not_opened(error: &NotOpened) -> ApiError {
    match error {
        NotOpened::NoAgentBound => no_agent_bound(),
        NotOpened::Denied(denial) => (*denial).into(),
        NotOpened::TooMany => ApiError::new(
            ErrorCode::TooManyInstances,
            "this agent has as many instances as are kept; heartbeats tell of a kill too",
        ),
        NotOpened::Store(error) => error.clone().into(),
    }
}

struct ControlFrames {
    stream: ControlStream,
    clock: Clock,
    instance_id: Box<str>,
}

impl sse::Frames for ControlFrames {
    async fn next_frame(&mut self) -> Option<Bytes> {
        match self.stream.next().await? {
            Told::Changed(change) => Some(frame::of_change(&change)),
            Told::State(now) => {
                let server_time = self.clock.wall().to_string();
                Some(frame::of_state(now, &self.instance_id, server_time))
            }
            Told::KeepAlive => Some(sse::keep_alive()),
            Told::End { since } => Some(sse::end(since.0)),
        }
    }

    fn note_sent(&self, bytes: usize) {
        self.stream.note_sent(bytes);
    }
}
