//! From the body of a create to a request that has been validated.

use axme_api::JsonObject;
use axme_api::error::{ErrorCode, FieldError};
use axme_api::intents::CreateRequest;
use axme_core::address::ADDRESS_BYTES_MAX;
use axme_core::id::IntentId;
use axme_core::intent::{DELIVERY_ATTEMPTS_DEFAULT, is_intent_type};
use axme_core::time::Timestamp;
use axme_engine::chance::Chance;
use axme_engine::intents::IntentRequest;
use axme_store::control::IdempotencyKey;
use serde_json::Value;

use crate::http::Api;
use crate::http::error::ApiError;

const ADDRESS_BYTES_MIN: usize = 3;
/// Ways of delivery that are offered, and those that the protocol knows besides.
const OFFERED_MODES: [&str; 2] = ["stream", "poll"];
const KNOWN_MODES: [&str; 3] = ["http", "inbox", "internal"];
/// Optional fields that are kept and given back as they came.
const EXTRAS: [&str; 9] = [
    "reply_to",
    "deadline_at",
    "remind_after_seconds",
    "remind_interval_seconds",
    "max_reminders",
    "escalate_to",
    "human_task",
    "metadata",
    "delivery_mode",
];

/// Reads and validates the body of a create.
pub(super) fn read(
    api: &Api,
    sent: Value,
    idempotency: Option<IdempotencyKey>,
) -> Result<IntentRequest, ApiError> {
    let now = api.engine().clock.wall();
    let Value::Object(mut members) = sent else {
        return Err(ApiError::field("", "the body must be a JSON object"));
    };
    let payload = payload(members.remove("payload"), api.options().payload_bytes_max)?;
    let sent = Value::Object(members);
    let request: CreateRequest = serde_path_to_error::deserialize(&sent).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "" } else { &path };
        ApiError::fields(vec![FieldError::body(path, error.inner().to_string(), "type_error")])
    })?;
    check_texts(&request)?;
    check_counts(&request)?;
    check_mode(request.delivery_mode.as_deref())?;
    let deadline_at = deadline(request.deadline_at.as_deref(), now)?;
    let correlation_id = match request.correlation_id {
        Some(id) => id.into(),
        None => Chance.uuid(now).to_string().into(),
    };
    Ok(IntentRequest {
        to: request.to_agent,
        intent_type: request.intent_type.into(),
        correlation_id,
        payload,
        extras: extras(sent),
        deadline_at,
        delivery_attempts_max: request.max_delivery_attempts.unwrap_or(DELIVERY_ATTEMPTS_DEFAULT),
        idempotency,
    })
}

/// The payload as it is stored. Its size is that of this text.
fn payload(sent: Option<Value>, bytes_max: usize) -> Result<Box<str>, ApiError> {
    let text = match sent {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(payload @ Value::Object(_)) => payload.to_string(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            let problem = "must be a JSON object";
            return Err(ApiError::fields(vec![FieldError::body("payload", problem, "type_error")]));
        }
    };
    if text.len() > bytes_max {
        let message = format!("the payload is {} bytes, more than {bytes_max}", text.len());
        let error = ApiError::new(ErrorCode::PayloadTooLarge, message);
        return Err(error.detail("limit_bytes", bytes_max as u64));
    }
    Ok(text.into())
}

fn check_texts(request: &CreateRequest) -> Result<(), ApiError> {
    if !is_intent_type(&request.intent_type) {
        let problem = "must be dotted lower-case words and a version, such as intent.email.send.v1";
        return Err(ApiError::field("intent_type", problem));
    }
    if request.correlation_id.as_deref().is_some_and(|id| id.parse::<IntentId>().is_err()) {
        return Err(ApiError::field("correlation_id", "must be a UUID"));
    }
    let least = ADDRESS_BYTES_MIN;
    check_length("to_agent", Some(&request.to_agent), least)?;
    check_length("reply_to", request.reply_to.as_deref(), least)?;
    check_length("escalate_to", request.escalate_to.as_deref(), 1)
}

fn check_length(field: &str, text: Option<&str>, least: usize) -> Result<(), ApiError> {
    match text {
        Some(text) if !(least..=ADDRESS_BYTES_MAX).contains(&text.len()) => {
            let problem = format!("must be {least} to {ADDRESS_BYTES_MAX} characters");
            Err(ApiError::field(field, problem))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_counts(request: &CreateRequest) -> Result<(), ApiError> {
    let counts = [
        ("remind_after_seconds", request.remind_after_seconds),
        ("remind_interval_seconds", request.remind_interval_seconds),
        ("max_reminders", request.max_reminders.map(u64::from)),
        ("max_delivery_attempts", request.max_delivery_attempts.map(u64::from)),
    ];
    match counts.into_iter().find(|(_, count)| *count == Some(0)) {
        Some((field, _)) => Err(ApiError::field(field, "must be at least 1")),
        None => Ok(()),
    }
}

fn check_mode(mode: Option<&str>) -> Result<(), ApiError> {
    match mode {
        None => Ok(()),
        Some(mode) if OFFERED_MODES.contains(&mode) => Ok(()),
        Some(mode) if KNOWN_MODES.contains(&mode) => Err(ApiError::new(
            ErrorCode::DeliveryModeUnsupported,
            format!("delivery by {mode} is not offered here; stream and poll are"),
        )
        .detail("delivery_mode", mode)),
        Some(_) => Err(ApiError::field("delivery_mode", "must be stream or poll")),
    }
}

fn deadline(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let deadline: Timestamp = text.parse().map_err(|problem: axme_core::time::BadTimestamp| {
        ApiError::field("deadline_at", problem.to_string())
    })?;
    if deadline > now {
        Ok(Some(deadline))
    } else {
        Err(ApiError::field("deadline_at", "has passed already"))
    }
}

fn extras(sent: Value) -> Box<str> {
    let mut kept = match sent {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            JsonObject::new()
        }
    };
    kept.retain(|name, value| EXTRAS.contains(&name.as_str()) && !value.is_null());
    if kept.is_empty() { "{}".into() } else { Value::Object(kept).to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_payload_is_an_object_within_its_size() {
        assert_eq!(&*payload(None, 10).unwrap(), "{}");
        assert_eq!(&*payload(Some(json!({"b": 1, "a": 2})), 20).unwrap(), r#"{"a":2,"b":1}"#);
        let large = payload(Some(json!({"a": "0123456789"})), 10).unwrap_err();
        assert_eq!(large.code, ErrorCode::PayloadTooLarge);
        assert_eq!(payload(Some(json!([1])), 10).unwrap_err().code, ErrorCode::SchemaInvalid);
    }

    #[test]
    fn optional_fields_are_kept_as_they_came_and_others_are_not() {
        let sent = json!({"to_agent": "mailer", "metadata": {"k": 1}, "reply_to": null,
            "deadline_at": "2026-03-01T10:00:12+01:00", "priority": "high"});
        let wanted = r#"{"deadline_at":"2026-03-01T10:00:12+01:00","metadata":{"k":1}}"#;
        assert_eq!(&*extras(sent), wanted);
        assert_eq!(&*extras(json!({"to_agent": "mailer"})), "{}");
    }

    #[test]
    fn modes_that_are_not_offered_are_told_apart_from_nonsense() {
        assert!(check_mode(Some("poll")).is_ok() && check_mode(None).is_ok());
        let known = check_mode(Some("http")).unwrap_err();
        assert_eq!(known.code, ErrorCode::DeliveryModeUnsupported);
        assert_eq!(check_mode(Some("pigeon")).unwrap_err().code, ErrorCode::SchemaInvalid);
    }

    #[test]
    fn a_deadline_lies_ahead() {
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        assert!(deadline(Some("2026-03-01T09:00:01Z"), now).unwrap().is_some());
        assert!(deadline(Some("2026-03-01T09:00:00Z"), now).is_err());
        assert!(deadline(Some("tomorrow"), now).is_err());
        assert_eq!(deadline(None, now).unwrap(), None);
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let refused = |extra: Value| {
            let mut body = json!({"intent_type": "intent.a.v1", "to_agent": "mailer"});
            body.as_object_mut().unwrap().append(&mut extra.as_object().unwrap().clone());
            let request: CreateRequest = serde_json::from_value(body).unwrap();
            let error = check_texts(&request).and_then(|()| check_counts(&request)).unwrap_err();
            error.fields[0].loc[1].clone()
        };
        assert_eq!(refused(json!({"intent_type": "Email"})), "intent_type");
        assert_eq!(refused(json!({"correlation_id": "7"})), "correlation_id");
        assert_eq!(refused(json!({"to_agent": "me"})), "to_agent");
        assert_eq!(refused(json!({"max_delivery_attempts": 0})), "max_delivery_attempts");
    }
}
