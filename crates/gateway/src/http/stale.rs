//! Answers by a view that is not known to be fresh: given, and marked.

use axme_core::time::Timestamp;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

/// Largest answer that is marked; lists have fewer rows than this needs.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Adds `stale_since` to a JSON object that answers a reader: when this view was last known to be
/// everything there is.
pub(super) async fn mark(response: Response, since: Timestamp) -> Response {
    let json = HeaderValue::from_static("application/json");
    let is_json = response.headers().get(header::CONTENT_TYPE) == Some(&json);
    if response.status() != StatusCode::OK || !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        return Response::from_parts(parts, Body::empty());
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(marked(&body, since)))
}

fn marked(body: &Bytes, since: Timestamp) -> Vec<u8> {
    match body.strip_prefix(b"{") {
        // As text: numbers and the order of members stay as they were written.
        Some(rest) if rest != b"}" => {
            let mark = format!("{{\"stale_since\":\"{since}\",");
            [mark.as_bytes(), rest].concat()
        }
        Some(_) | None => body.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_marked_and_anything_else_is_left() {
        let since = Timestamp::from_micros(0);
        let marked = |text: &'static str| {
            String::from_utf8(marked(&Bytes::from_static(text.as_bytes()), since)).unwrap()
        };
        let wanted = r#"{"stale_since":"1970-01-01T00:00:00.000000Z","n":12345678901234567890123}"#;
        assert_eq!(marked(r#"{"n":12345678901234567890123}"#), wanted);
        assert_eq!(marked("[1]"), "[1]");
    }
}
