//! What every answer has: ids to find it again, and one shape for refusals.

use std::panic::AssertUnwindSafe;

use axme_api::error::{ErrorBody, ErrorCode};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;

use super::Api;
use super::error::ApiError;
use super::stale;
use crate::edge::request_id::{self, REQUEST_ID, RequestId, TRACE_ID};

/// Gives a request its ids, and its answer a body if it is a refusal. A handler that panics is
/// answered like one that failed: nobody is left without an answer.
pub(super) async fn envelope(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let clock = &api.engine().clock;
    let asked = request.headers();
    let request_id = request_id::chosen(asked, &REQUEST_ID);
    let request_id = request_id.unwrap_or_else(|| request_id::drawn(clock));
    let trace_id = request_id::chosen(asked, &TRACE_ID).unwrap_or_else(|| request_id.clone());
    let shown = request_id.to_str().unwrap_or_default();
    request.extensions_mut().insert(RequestId(shown.into()));
    let path = request.uri().path().to_owned();
    let reads = request.method() == Method::GET;
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_panic| {
        tracing::error!(request_id = ?request_id, path, "a handler panicked");
        ApiError::new(
            ErrorCode::InternalError,
            "something broke inside the gateway; its log says what",
        )
        .into_response()
    });
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = render(&api, error, &request_id, response.headers());
    } else if response.status().is_client_error() || response.status().is_server_error() {
        let error = error_of_status(response.status(), &path);
        response = render(&api, error, &request_id, response.headers());
    }
    if let (true, Some(since)) = (reads, api.engine().control.stale_since()) {
        response = stale::mark(response, since).await;
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, request_id);
    headers.insert(TRACE_ID, trace_id);
    response
}

fn render(api: &Api, error: ApiError, request_id: &HeaderValue, former: &HeaderMap) -> Response {
    let retry_after = error.retry_after_seconds();
    let status = StatusCode::from_u16(error.code.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let at = api.engine().clock.wall().to_string();
    let mut body = ErrorBody::new(error.code, error.message, at)
        .with_request_id(request_id.to_str().unwrap_or_default())
        .with_details(error.details);
    if !error.fields.is_empty() {
        body = body.with_fields(error.fields);
    }
    body.beside = error.beside;
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = former.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

/// A refusal that the framework answered, in our shape.
fn error_of_status(status: StatusCode, path: &str) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => {
            ApiError::new(ErrorCode::NotFound, format!("no such endpoint: {path}"))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            ApiError::new(ErrorCode::MethodNotAllowed, "this endpoint does not take this method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(ErrorCode::PayloadTooLarge, "the body is too large")
        }
        _ if status.is_client_error() => {
            ApiError::new(ErrorCode::BadRequest, "the request cannot be understood")
        }
        _ => ApiError::new(
            ErrorCode::InternalError,
            "something broke inside the gateway; its log says what",
        ),
    }
}
