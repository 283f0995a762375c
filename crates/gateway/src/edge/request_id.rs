//! The ids of a request, chosen by its caller or drawn here.

use axme_engine::chance::Chance;
use axme_engine::clock::Clock;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");
/// Longest id that a caller may choose; longer ones are replaced.
const ID_BYTES_MAX: usize = 128;

/// The id of a request, for whoever handles it.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId(pub(crate) Box<str>);

/// The caller's id, if it is short and visible text.
pub(crate) fn chosen(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let value = headers.get(name)?;
    let text = value.to_str().ok()?;
    let fits =
        (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| value.clone())
}

pub(crate) fn drawn(clock: &Clock) -> HeaderValue {
    let id = Chance.name_of_request(clock.wall());
    let mut text = Uuid::encode_buffer();
    let text: &str = id.as_hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_no_id| HeaderValue::from_static("none"))
}
