//! The header `Idempotency-Key`: the same request again has the same answer, and happens once.

use axme_core::chain::Hash;
use axme_engine::Caller;
use axme_store::control::IdempotencyKey;
use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use serde_json::Value;

use super::Api;
use super::error::ApiError;

const HEADER: &str = "idempotency-key";
/// Longest key in bytes.
const KEY_BYTES_MAX: usize = 255;

/// The key that a caller sent, if any, and the endpoint that it is for.
#[derive(Debug)]
pub(crate) struct Idempotency {
    key: Option<Box<str>>,
    endpoint: Box<str>,
}

impl FromRequestParts<Api> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        let endpoint = endpoint(&parts.method, parts.uri.path());
        let Some(value) = parts.headers.get(HEADER) else {
            return Ok(Self { key: None, endpoint });
        };
        let key = value.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
        match key {
            Some(key) => Ok(Self { key: Some(key.into()), endpoint }),
            None => Err(ApiError::field("Idempotency-Key", "must be 1 to 255 visible characters")),
        }
    }
}

impl Idempotency {
    /// The key under which the store knows this request of this caller.
    pub(crate) fn of(&self, caller: &Caller, sent: &Value) -> Option<IdempotencyKey> {
        let key = self.key.clone()?;
        // Objects keep their keys sorted, so that the same JSON is the same text.
        let request = Hash::of_body(sent.to_string().as_bytes());
        Some(IdempotencyKey {
            sender: caller.identity(),
            endpoint: self.endpoint.clone(),
            key,
            request,
        })
    }
}

fn endpoint(method: &Method, path: &str) -> Box<str> {
    format!("{method} {path}").into()
}
