//! What a party's words mean: the step that they ask for, and what comes out of the intent.

use axme_api::JsonObject;
use axme_api::intents::ResolveRequest;
use axme_core::intent::Status;
use serde_json::Value;

use crate::http::error::ApiError;

/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = 2_000;
/// Length of an actor that a body names, in characters.
const ACTOR_CHARS: std::ops::RangeInclusive<usize> = 3..=255;

/// What a resume asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// The intent ends, with this outcome.
    End(Status, JsonObject),
    /// An intent that waits goes on.
    Approve,
    /// The step was looked at and not approved; nothing changes.
    Withhold,
}

/// Reads the body of a resume, which is any JSON object: agents send their results in several
/// shapes.
pub(super) fn of_resume(body: &Value) -> Asked {
    let member = |name: &str| body.get(name).filter(|value| !value.is_null());
    let mut outcome = JsonObject::new();
    if let Some(reason) = member("reason").and_then(Value::as_str) {
        outcome.insert("reason".to_owned(), reason.into());
    }
    if member("action").and_then(Value::as_str) == Some("fail") {
        let error = member("error").unwrap_or(body);
        outcome.insert("error".to_owned(), object(error.clone()).into());
        return Asked::End(Status::Failed, outcome);
    }
    if let Some(result) = member("task_result") {
        outcome.insert("result".to_owned(), object(result.clone()).into());
        return Asked::End(Status::Completed, outcome);
    }
    match member("approve_current_step") {
        Some(Value::Bool(false)) => Asked::Withhold,
        Some(Value::Bool(true)) => Asked::Approve,
        Some(_) | None => {
            outcome.insert("result".to_owned(), object(body.clone()).into());
            Asked::End(Status::Completed, outcome)
        }
    }
}

/// Reads the body of a resolve: the end that it asks for, and the outcome.
pub(super) fn of_resolve(body: ResolveRequest) -> Result<(Status, JsonObject), ApiError> {
    let end = match Status::parse(&body.status) {
        Some(end @ (Status::Completed | Status::Failed | Status::Canceled)) => end,
        Some(_) | None => {
            return Err(ApiError::field("status", "must be COMPLETED, FAILED or CANCELED"));
        }
    };
    let mut outcome = JsonObject::new();
    let mut keep = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            outcome.insert(name.to_owned(), value);
        }
    };
    keep("result", body.result.map(|result| object(result).into()));
    keep("error", body.error.map(|error| object(error).into()));
    keep("reason", checked_reason(body.reason)?.map(Value::from));
    Ok((end, outcome))
}

/// A reason that is short enough.
pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, ApiError> {
    match reason {
        Some(long) if long.chars().count() > REASON_CHARS_MAX => {
            let problem = format!("must be at most {REASON_CHARS_MAX} characters");
            Err(ApiError::field("reason", problem))
        }
        Some(_) | None => Ok(reason),
    }
}

/// The actor that a body names, if it names one.
pub(super) fn checked_actor(actor: Option<&str>) -> Result<Option<Box<str>>, ApiError> {
    match actor {
        Some(actor) if !ACTOR_CHARS.contains(&actor.chars().count()) => {
            Err(ApiError::field("actor", "must be 3 to 255 characters"))
        }
        Some(actor) => Ok(Some(actor.into())),
        None => Ok(None),
    }
}

/// Clients read objects; what is none is put into one.
fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            [("value".to_owned(), value)].into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ended(body: Value) -> (Status, Value) {
        match of_resume(&body) {
            Asked::End(status, outcome) => (status, Value::Object(outcome)),
            other @ (Asked::Approve | Asked::Withhold) => panic!("{body} is read as {other:?}"),
        }
    }

    #[test]
    fn a_result_in_any_shape_completes() {
        for body in [
            json!({"action": "complete", "sent": 3}),
            json!({"outcome": "success", "result": {"n": 1}}),
            json!({"text": "bare"}),
            json!({}),
        ] {
            assert_eq!(ended(body.clone()), (Status::Completed, json!({"result": body})));
        }
        let human = json!({"task_result": {"outcome": "approved"}, "action": null});
        let wanted = json!({"result": {"outcome": "approved"}});
        assert_eq!(ended(human), (Status::Completed, wanted));
    }

    #[test]
    fn a_failure_fails_with_its_error() {
        let named = json!({"action": "fail", "error": {"code": "smtp"}, "reason": "bounced"});
        let wanted = json!({"error": {"code": "smtp"}, "reason": "bounced"});
        assert_eq!(ended(named), (Status::Failed, wanted));
        let text = json!({"action": "fail", "error": "smtp"});
        assert_eq!(ended(text).1, json!({"error": {"value": "smtp"}}));
        let bare = json!({"action": "fail", "tries": 3});
        assert_eq!(ended(bare.clone()).1, json!({"error": bare}));
    }

    #[test]
    fn a_step_is_approved_or_not() {
        assert_eq!(of_resume(&json!({"approve_current_step": true})), Asked::Approve);
        assert_eq!(of_resume(&json!({"approve_current_step": false})), Asked::Withhold);
    }

    #[test]
    fn a_resolve_names_an_end_and_needs_no_result() {
        let resolve = |body: Value| of_resolve(serde_json::from_value(body).unwrap());
        let (end, outcome) = resolve(json!({"status": "COMPLETED"})).unwrap();
        assert_eq!((end, outcome), (Status::Completed, JsonObject::new()));
        let (end, outcome) = resolve(json!({"status": "FAILED", "error": [1]})).unwrap();
        assert_eq!((end, json!(outcome)), (Status::Failed, json!({"error": {"value": [1]}})));
        assert!(resolve(json!({"status": "DELIVERED"})).is_err());
        assert!(resolve(json!({"status": "CANCELLED"})).is_err());
        assert!(resolve(json!({"status": "CANCELED", "reason": "x".repeat(2_001)})).is_err());
    }
}
