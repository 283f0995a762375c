//! Watching one intent.

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::intents::StreamQuery;
use axme_core::id::IntentId;
use axme_engine::intents::{Watch, Watched};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;

use super::shown::{self, Sight};
use crate::edge::Peer;
use crate::http::Api;
use crate::http::answers::intent_error;
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams};
use crate::http::error::ApiError;
use crate::http::sse;

/// Watch the events of an intent
///
/// Ends right after what there was, at the end of the intent, or after `wait_seconds`.
#[utoipa::path(
    get,
    path = "/v1/intents/{intent_id}/events/stream",
    tag = "intents",
    params(
        ("intent_id" = String, Path, description = "As its creation answered it"),
        ("since" = Option<u64>, Query, description = "Only events with a greater seq"),
        ("wait_seconds" = Option<u32>, Query, description = "1 to 60, default 15"),
    ),
    responses(
        (status = 200, description = "Frames with an IntentEvent each", body = String, content_type = "text/event-stream"),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "agent_killed, agent_paused, agent_quarantined", body = ErrorBody),
        (status = 404, description = "intent_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "agent_busy, too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn stream_intent_events(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    peer: Option<Extension<Peer>>,
    path: PathParams,
    Params(query): Params<StreamQuery>,
) -> Result<Response, ApiError> {
    let id: IntentId = path.id("intent_id", ErrorCode::IntentNotFound)?;
    let wait = sse::wait(query.wait_seconds)?;
    let (since, connection) = (query.since.unwrap_or(0), sse::connection(peer));
    let watch = api.engine().intents.watch(&caller, id, since, wait, connection).await;
    let watch = watch.map_err(|error| intent_error(&api, error))?;
    Ok(sse::answer(EventFrames { watch, sight: Sight::of(&caller) }))
}

/// The frames of a watch.
struct EventFrames {
    watch: Watch,
    sight: Sight,
}

impl sse::Frames for EventFrames {
    async fn next_frame(&mut self) -> Option<Bytes> {
        match self.watch.next().await? {
            Watched::Event(event) => {
                let shown = shown::event(&event, self.sight);
                // Its members are texts and numbers: there is nothing that cannot be written.
                let json = serde_json::to_string(&shown).unwrap_or_default();
                Some(sse::event(event.seq, &event.event_type, &json))
            }
            Watched::KeepAlive => Some(sse::keep_alive()),
            Watched::End { since } => Some(sse::end(since)),
        }
    }

    fn note_sent(&self, bytes: usize) {
        self.watch.note_sent(bytes);
    }
}
