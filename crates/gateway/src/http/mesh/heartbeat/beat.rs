//! Reading a beat's body without building a tree of it.

use axme_api::JsonObject;
use axme_api::error::{ErrorCode, FieldError};
use axme_api::mesh::{HeartbeatMetrics, Progress};
use axme_store::instances::Said;
use axme_store::ledger::Usage;
use axum::body::HttpBody as _;
use axum::extract::{FromRequest, Request};
use serde::Deserialize;
use serde_json::Value;

use super::object::Object;
use crate::http::Api;
use crate::http::body::read_body;
use crate::http::error::ApiError;
use crate::http::mesh::saying::Saying;

/// Largest body of a heartbeat.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Longest id of a beat.
const BEAT_ID_BYTES_MAX: usize = 128;
const TRACE_ID: &str = "x-trace-id";

/// What a beat says. What else is in its body is tolerated and not kept.
#[derive(Debug, Default)]
pub(in crate::http::mesh) struct Beat {
    pub(super) usage: Usage,
    /// What this beat has in common with its repetitions.
    pub(super) id: Option<Box<str>>,
    pub(super) instance_id: Option<Box<str>>,
    pub(super) said: Said,
    /// Whether the instance ends in good order.
    pub(super) ending: bool,
}

impl FromRequest<Api> for Beat {
    type Rejection = ApiError;

    async fn from_request(request: Request, _api: &Api) -> Result<Self, ApiError> {
        if request.body().is_end_stream() {
            return Ok(Self::default());
        }
        let trace_id = request.headers().get(TRACE_ID).cloned();
        let bytes = read_body(request, BODY_BYTES_MAX).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let sent = parse(&bytes)?;
        let usage = sent.metrics.as_ref().map(|Object(metrics)| usage(metrics)).transpose()?;
        let traced = || {
            let id = trace_id.as_ref()?.to_str().ok()?;
            (1..=BEAT_ID_BYTES_MAX).contains(&id.len()).then(|| id.into())
        };
        let id = sent.heartbeat_id.as_ref().map(named_id).transpose()?;
        Ok(Self {
            usage: usage.unwrap_or_default(),
            id: id.or_else(traced),
            said: sent.saying().check()?,
            instance_id: sent.instance_id,
            ending: sent.ending.unwrap_or(false),
        })
    }
}

/// The part of a body that is looked into.
#[derive(Debug, Deserialize)]
struct Sent {
    #[serde(default)]
    metrics: Option<Object<HeartbeatMetrics>>,
    #[serde(default)]
    heartbeat_id: Option<Value>,
    #[serde(default)]
    instance_id: Option<Box<str>>,
    #[serde(default)]
    version: Option<Box<str>>,
    #[serde(default)]
    region: Option<Box<str>>,
    #[serde(default)]
    labels: Option<JsonObject>,
    #[serde(default)]
    metadata: Option<JsonObject>,
    #[serde(default)]
    progress: Option<Object<Progress>>,
    #[serde(default)]
    ending: Option<bool>,
}

impl Sent {
    fn saying(&self) -> Saying<'_> {
        Saying {
            version: self.version.as_deref(),
            region: self.region.as_deref(),
            labels: self.labels.as_ref(),
            metadata: self.metadata.as_ref(),
            progress: self.progress.as_ref().map(|Object(progress)| progress),
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Sent, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize::<_, Object<Sent>>(&mut json);
    let Object(sent) = parsed.map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        // NaN, Infinity and 1e999 are no JSON; where a metric was to stand they are refused as such.
        if cause.is_syntax() && path.starts_with("metrics.") {
            return ApiError::field(&path, "must be a finite number");
        }
        if cause.is_syntax() || cause.is_eof() {
            let message = format!("the body is not JSON: {cause}");
            return ApiError::new(ErrorCode::MalformedJson, message);
        }
        let path = if path == "." { "" } else { &path };
        ApiError::fields(vec![FieldError::body(path, cause.to_string(), "type_error")])
    })?;
    json.end().map_err(|cause| {
        ApiError::new(ErrorCode::MalformedJson, format!("the body is not JSON: {cause}"))
    })?;
    Ok(sent)
}

/// What a beat reports. A negative or infinite figure is refused by its name.
fn usage(metrics: &HeartbeatMetrics) -> Result<Usage, ApiError> {
    let intents_total = count("intents_total", metrics.intents_total)?;
    let latency_ms = amount("avg_latency_ms", metrics.avg_latency_ms)?;
    // A latency that was said of no intent was measured on one at least.
    let latency_count = latency_ms.map_or(0, |_said| intents_total.max(1));
    #[expect(clippy::cast_precision_loss, reason = "counts of one beat are far below 2^53")]
    let latency_ms_sum = latency_ms.unwrap_or(0.0) * latency_count as f64;
    if !latency_ms_sum.is_finite() {
        return Err(ApiError::field("metrics.avg_latency_ms", "is too large"));
    }
    Ok(Usage {
        intents_total,
        intents_succeeded: count("intents_succeeded", metrics.intents_succeeded)?,
        intents_failed: count("intents_failed", metrics.intents_failed)?,
        cost_usd: amount("cost_usd", metrics.cost_usd)?.unwrap_or(0.0),
        latency_ms_sum,
        latency_count,
    })
}

fn count(name: &str, sent: Option<i64>) -> Result<u64, ApiError> {
    let negative = |_: std::num::TryFromIntError| {
        ApiError::field(&format!("metrics.{name}"), "must not be negative")
    };
    u64::try_from(sent.unwrap_or(0)).map_err(negative)
}

fn amount(name: &str, sent: Option<f64>) -> Result<Option<f64>, ApiError> {
    match sent {
        Some(amount) if !amount.is_finite() => {
            Err(ApiError::field(&format!("metrics.{name}"), "must be a finite number"))
        }
        Some(amount) if amount < 0.0 => {
            Err(ApiError::field(&format!("metrics.{name}"), "must not be negative"))
        }
        Some(_) | None => Ok(sent),
    }
}

fn named_id(id: &Value) -> Result<Box<str>, ApiError> {
    let text = match id {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    if (1..=BEAT_ID_BYTES_MAX).contains(&text.len()) {
        Ok(text.into())
    } else {
        let problem = format!("must be a number, or a text of 1 to {BEAT_ID_BYTES_MAX} bytes");
        Err(ApiError::field("heartbeat_id", problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Usage, ApiError> {
        let sent = parse(body.as_bytes())?;
        let usage = sent.metrics.map(|Object(metrics)| usage(&metrics)).transpose()?;
        Ok(usage.unwrap_or_default())
    }

    fn refused_field(body: &str) -> String {
        let error = read(body).unwrap_err();
        assert_eq!(error.code, ErrorCode::SchemaInvalid, "{body}");
        error.fields[0].loc[1..].join(".")
    }

    #[test]
    fn bodies_of_published_clients_are_counted() {
        let typescript = r#"{"metrics":{"intents_total":2,"intents_succeeded":2,"intents_failed":0,
            "avg_latency_ms":null,"cost_usd":0}}"#;
        let wanted = Usage { intents_total: 2, intents_succeeded: 2, ..Usage::default() };
        assert_eq!(read(typescript).unwrap(), wanted);
        let guide = r#"{"agent":"x","metrics":{"llm_calls":4,"tokens_in":9,"cost_usd":0.25}}"#;
        assert_eq!(read(guide).unwrap(), Usage { cost_usd: 0.25, ..Usage::default() });
        assert_eq!(read(r#"{"metrics":null}"#).unwrap(), Usage::default());
    }

    #[test]
    fn a_latency_weighs_as_much_as_the_intents_that_it_was_said_of() {
        let beat = read(r#"{"metrics":{"intents_total":4,"avg_latency_ms":2.5}}"#).unwrap();
        assert_eq!((beat.latency_ms_sum, beat.latency_count), (10.0, 4));
        let alone = read(r#"{"metrics":{"avg_latency_ms":7}}"#).unwrap();
        assert_eq!((alone.latency_ms_sum, alone.latency_count), (7.0, 1));
    }

    #[test]
    fn figures_that_cannot_be_are_refused_by_name() {
        assert_eq!(refused_field(r#"{"metrics":{"intents_total":-1}}"#), "metrics.intents_total");
        assert_eq!(refused_field(r#"{"metrics":{"cost_usd":-0.01}}"#), "metrics.cost_usd");
        for number in ["NaN", "Infinity", "-Infinity", "1e999"] {
            let body = format!(r#"{{"metrics":{{"intents_total":1,"cost_usd":{number}}}}}"#);
            assert_eq!(refused_field(&body), "metrics.cost_usd", "{number}");
        }
        assert_eq!(refused_field(r#"{"metrics":{"intents_total":"3"}}"#), "metrics.intents_total");
        assert_eq!(refused_field(r#"{"metrics":[1]}"#), "metrics");
        assert_eq!(refused_field("[]"), "");
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for body in ["{", "{}x", "nonsense", r#"{"metrics":{"cost_usd":"#] {
            assert_eq!(read(body).unwrap_err().code, ErrorCode::MalformedJson, "{body}");
        }
    }

    #[test]
    fn beats_are_told_apart_by_a_number_or_a_short_text() {
        assert_eq!(&*named_id(&serde_json::json!(7)).unwrap(), "7");
        assert_eq!(&*named_id(&serde_json::json!("b-1")).unwrap(), "b-1");
        assert!(named_id(&serde_json::json!({})).is_err());
        assert!(named_id(&serde_json::json!("x".repeat(129))).is_err());
    }
}
