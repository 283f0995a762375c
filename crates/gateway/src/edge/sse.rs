//! Server-sent events, framed as published clients read them.
//!
//! A stream always ends by itself: some clients read the whole answer before they look into it,
//! and take a connection that is cut for an error. Its last frame says where the next stream
//! begins; the stream of a stopped agent just ends.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;

use axum::Extension;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::peer::Peer;

/// Tells proxies that gather answers to pass this one on as it comes.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Where the frames of a stream come from.
pub(crate) trait Frames: Send + 'static {
    /// The next frame; none once the stream is over.
    fn next_frame(&mut self) -> impl Future<Output = Option<Bytes>> + Send;

    /// Is told of bytes that were handed to the connection.
    fn note_sent(&self, bytes: usize);
}

/// The answer that streams these frames.
pub(crate) fn answer(frames: impl Frames) -> Response {
    let frames = stream::unfold(frames, |mut frames| async move {
        let frame = frames.next_frame().await?;
        frames.note_sent(frame.len());
        Some((Ok::<_, Infallible>(frame), frames))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

/// A frame with one JSON text in it.
pub(crate) fn event(id: u64, name: &str, json: &str) -> Bytes {
    let json = one_line(json);
    let mut frame = String::with_capacity(json.len() + name.len() + 48);
    // Writing to a string does not fail.
    let _ = write!(frame, "id: {id}\nevent: {name}\ndata: {json}\n\n");
    frame.into()
}

/// The last frame: the stream ended in good order, and the next one asks for what comes after
/// `next_seq`.
pub(crate) fn end(next_seq: u64) -> Bytes {
    format!("event: stream.timeout\ndata: {{\"next_seq\":{next_seq}}}\n\n").into()
}

/// A frame that clients pass over, so that a quiet connection is seen to live.
pub(crate) const fn keep_alive() -> Bytes {
    Bytes::from_static(b": keep-alive\n\n")
}

/// What cuts the connection of a request.
pub(crate) fn connection(peer: Option<Extension<Peer>>) -> CancellationToken {
    peer.map(|Extension(peer)| peer.cut).unwrap_or_default()
}

/// Line ends stand between the tokens of a JSON text only, where a space does as well.
fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        Cow::Owned(json.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_what_published_clients_match_letter_by_letter() {
        assert_eq!(
            event(4, "intent.delivered", r#"{"seq":4}"#),
            "id: 4\nevent: intent.delivered\ndata: {\"seq\":4}\n\n"
        );
        assert_eq!(end(4), "event: stream.timeout\ndata: {\"next_seq\":4}\n\n");
        assert_eq!(keep_alive(), ": keep-alive\n\n");
    }

    #[test]
    fn a_json_text_of_several_lines_stays_one_frame() {
        let frame = event(1, "intent.created", "{\r\n\"a\": \"b\\nc\"\n}");
        assert_eq!(frame, "id: 1\nevent: intent.created\ndata: {  \"a\": \"b\\nc\" }\n\n");
    }
}
