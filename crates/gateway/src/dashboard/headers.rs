//! What every answer of the dashboard has: an id to find it again, and what browsers are told.

use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;

use super::Dashboard;
use super::notice::Notice;
use crate::edge::request_id::{self, REQUEST_ID, RequestId};

/// Nothing from elsewhere, nothing inline, in nobody's frame, no forms to elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
     base-uri 'none'";
/// Without this the `Origin` of plain forms would be hidden from ourselves too.
const REFERRER_POLICY: &str = "same-origin";

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Gives a request its id, and its answer its headers. A page that panics is answered like one
/// that failed.
pub(super) async fn envelope(
    State(dashboard): State<Dashboard>,
    mut request: Request,
    next: Next,
) -> Response {
    let chosen = request_id::chosen(request.headers(), &REQUEST_ID);
    let id = chosen.unwrap_or_else(|| request_id::drawn(&dashboard.engine().clock));
    request.extensions_mut().insert(RequestId(id.to_str().unwrap_or_default().into()));
    // Without its query: a one-time token may be in there.
    let path = request.uri().path().to_owned();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_panic| {
        tracing::error!(request_id = ?id, path, "a page panicked");
        Notice::broken().into_response()
    });
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    unless_set(headers, header::REFERRER_POLICY, REFERRER_POLICY);
    unless_set(headers, header::CACHE_CONTROL, "no-store");
    response
}

fn unless_set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
