//! Reading bodies, queries and path parameters, with refusals that name what does not fit.

use std::time::Duration;

use axme_api::error::{ErrorCode, FieldError};
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Api;
use super::error::ApiError;

/// Room beside an intent's payload for everything else in a body.
const BODY_BESIDE_PAYLOAD_BYTES: usize = 64 << 10;
/// How much of a body that is too large is read and thrown away before it is refused.
const BODY_DISCARDED_BYTES_MAX: usize = 8 << 20;
/// How long a client may take to send a body.
const BODY_READ_MAX: Duration = Duration::from_secs(10);

/// A JSON body as the client sent it and as its type. An empty body reads as `{}`: published
/// clients send many calls so.
#[derive(Debug)]
pub(crate) struct Body<T> {
    pub(crate) value: T,
    /// What was sent, for comparing requests with the same idempotency key.
    pub(crate) sent: Value,
}

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let bytes_max = api.options().payload_bytes_max + BODY_BESIDE_PAYLOAD_BYTES;
        let bytes = read_body(request, bytes_max).await?;
        let sent = parse(&bytes)?;
        let value = serde_path_to_error::deserialize(&sent).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { "" } else { &path };
            ApiError::fields(vec![FieldError::body(path, error.inner().to_string(), "type_error")])
        })?;
        Ok(Self { value, sent })
    }
}

/// Reads a whole body. What is too large is read to its end all the same, within bounds, so that
/// its sender is there to hear the refusal.
pub(super) async fn read_body(request: Request, bytes_max: usize) -> Result<Bytes, ApiError> {
    let mut body = request.into_body();
    let read = async {
        let (mut kept, mut passed) = (BytesMut::new(), 0_usize);
        while let Some(frame) = body.frame().await {
            let frame = frame
                .map_err(|_cut_off| ApiError::new(ErrorCode::BadRequest, "the body ended early"))?;
            let Ok(bytes) = frame.into_data() else { continue };
            passed = passed.saturating_add(bytes.len());
            if passed <= bytes_max {
                kept.extend_from_slice(&bytes);
            } else if passed > bytes_max.saturating_add(BODY_DISCARDED_BYTES_MAX) {
                break;
            }
        }
        if passed <= bytes_max { Ok(kept.freeze()) } else { Err(too_large(bytes_max)) }
    };
    let in_time = tokio::time::timeout(BODY_READ_MAX, read).await;
    in_time.unwrap_or_else(|_late| {
        Err(ApiError::new(ErrorCode::RequestTimeout, "the body did not arrive in time"))
    })
}

fn too_large(bytes_max: usize) -> ApiError {
    let message = format!("the body is larger than {bytes_max} bytes");
    ApiError::new(ErrorCode::PayloadTooLarge, message).detail("limit_bytes", bytes_max as u64)
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        ApiError::new(ErrorCode::MalformedJson, format!("the body is not JSON: {error}"))
    })?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(ApiError::fields(vec![FieldError::body(
            "",
            "the body must be a JSON object",
            "type_error",
        )]))
    }
}

/// A query string as its type.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => {
                let problem = error.to_string();
                let problem = problem.strip_prefix("Failed to deserialize query string: ");
                let problem = problem.map_or_else(|| error.to_string(), str::to_owned);
                let (name, problem) = problem.split_once(": ").unwrap_or(("", &problem));
                Err(ApiError::query(name, problem))
            }
        }
    }
}

/// The path parameters of a request, decoded, in the order of the path.
#[derive(Debug)]
pub(crate) struct PathParams(Vec<(String, String)>);

impl FromRequestParts<Api> for PathParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let raw = RawPathParams::from_request_parts(parts, api).await;
        let raw =
            raw.map_err(|_bad| ApiError::new(ErrorCode::BadRequest, "the path is not UTF-8"))?;
        Ok(Self(raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl PathParams {
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// An id of the path; one that cannot be any is not found, like one that is unknown.
    pub(crate) fn id<T: std::str::FromStr>(
        &self,
        name: &str,
        missing: ErrorCode,
    ) -> Result<T, ApiError> {
        let text = self.text(name);
        text.parse().map_err(|_no_id| not_found(missing, text))
    }
}

/// The refusal for something that is not there, or not the caller's to see.
pub(crate) fn not_found(code: ErrorCode, named: &str) -> ApiError {
    let what = code.as_str().trim_end_matches("_not_found").replace('_', " ");
    ApiError::new(code, format!("no such {what}: {named}"))
}
