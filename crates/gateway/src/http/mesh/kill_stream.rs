//! The record of a kill, as it fills.

use std::time::Duration;

use axme_api::error::{ErrorBody, ErrorCode};
use axme_api::mesh::KillRecord;
use axme_core::id::KillId;
use axme_core::time::Mono;
use axme_engine::Caller;
use axme_engine::enforcer::{StreamGuard, StreamOwner, Topic};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;

use crate::edge::Peer;
use crate::http::Api;
use crate::http::auth::Authenticated;
use crate::http::body::{Params, PathParams};
use crate::http::error::ApiError;
use crate::http::sse;
use crate::read::kill_record;

/// How often the record is read again, should nobody tell.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Query of the stream.
#[derive(Debug, Default, Deserialize)]
pub(super) struct StreamQuery {
    wait_seconds: Option<u32>,
}

/// Watch the record of a kill as it fills
///
/// The record at once, and again whenever it has changed. Ends when every instance has stopped, or
/// after `wait_seconds`.
#[utoipa::path(
    get,
    path = "/v1/mesh/kills/{kill_id}/stream",
    tag = "mesh",
    params(
        ("kill_id" = String, Path, description = "As the kill answered it"),
        ("wait_seconds" = Option<u32>, Query, description = "1 to 60, 15 when absent"),
    ),
    responses(
        (status = 200, description = "Frames kill.record", body = String, content_type = "text/event-stream"),
        (status = 401, description = "missing_platform_api_key, invalid_platform_api_key, key_revoked, key_expired", body = ErrorBody),
        (status = 403, description = "forbidden", body = ErrorBody),
        (status = 404, description = "kill_not_found", body = ErrorBody),
        (status = 422, description = "schema_invalid", body = ErrorBody),
        (status = 429, description = "too_many_sign_ins", body = ErrorBody),
        (status = 503, description = "gateway_busy, gateway_fenced, store_unavailable", body = ErrorBody),
    )
)]
pub(super) async fn stream_kill(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    peer: Option<Extension<Peer>>,
    path: PathParams,
    Params(query): Params<StreamQuery>,
) -> Result<Response, ApiError> {
    let id: KillId = path.id("kill_id", ErrorCode::KillNotFound)?;
    let wait = sse::wait(query.wait_seconds)?;
    // Refused before anything is streamed.
    let first = kill_record::read(api.engine(), &caller, id).await?;
    let owner = StreamOwner {
        key: std::sync::Arc::clone(&caller.key),
        agents: Vec::new(),
        connection: sse::connection(peer),
    };
    let guard = api.engine().enforcer.open_stream(Topic::Kill(id), owner)?;
    let clock = &api.engine().clock;
    Ok(sse::answer(KillFrames {
        ends_at: clock.mono().plus(wait),
        quiet_since: clock.mono(),
        next: Some(first),
        told: None,
        over: false,
        api,
        caller,
        id,
        guard,
    }))
}

struct KillFrames {
    api: Api,
    caller: Caller,
    id: KillId,
    guard: StreamGuard,
    ends_at: Mono,
    quiet_since: Mono,
    next: Option<KillRecord>,
    told: Option<KillRecord>,
    over: bool,
}

impl sse::Frames for KillFrames {
    async fn next_frame(&mut self) -> Option<Bytes> {
        loop {
            if self.over || self.guard.ending().is_some() {
                return None;
            }
            if let Some(record) = self.next.take() {
                return Some(self.tell(record));
            }
            let now = self.api.engine().clock.mono();
            let left = self.ends_at.since(now);
            if left.is_zero() || self.told.as_ref().is_some_and(is_complete) {
                self.over = true;
                return Some(sse::end(self.revision()));
            }
            if now.since(self.quiet_since) >= KEEPALIVE {
                self.quiet_since = now;
                return Some(sse::keep_alive());
            }
            tokio::select! {
                () = self.guard.woken() => {}
                () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            }
            // Open and silent while the store is gone.
            let read = kill_record::read(self.api.engine(), &self.caller, self.id).await.ok();
            self.next = read.filter(|record| self.told.as_ref() != Some(record));
        }
    }

    fn note_sent(&self, bytes: usize) {
        self.guard.note_sent(bytes);
    }
}

impl KillFrames {
    fn tell(&mut self, record: KillRecord) -> Bytes {
        // Texts and numbers alone: writing them does not fail.
        let json = serde_json::to_string(&record).unwrap_or_default();
        self.told = Some(record);
        self.quiet_since = self.api.engine().clock.mono();
        sse::event(self.revision(), "kill.record", &json)
    }

    fn revision(&self) -> u64 {
        self.told.as_ref().map_or(0, |record| record.kill.revision)
    }
}

/// Whether nothing more is to be waited for.
fn is_complete(record: &KillRecord) -> bool {
    let totals = &record.instance_totals;
    record.resumed_at.is_some() || (totals.total > 0 && totals.stopped == totals.total)
}
