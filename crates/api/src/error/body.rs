//! The one shape of every answer that is not a success.

use super::{Category, ErrorCode};
use crate::JsonObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every answer outside 2xx.
///
/// The message stands twice because published clients read `error.message` and published
/// command lines read `detail`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorPart,
    pub detail: Detail,
    /// Names this request in the gateway's log and audit.
    pub request_id: String,
    /// Further members that a published client looks for beside `error`, such as
    /// `service_account` when a name is taken.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub beside: JsonObject,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorPart {
    /// One of [`ErrorCode`]; a string so that codes of a newer gateway can be read.
    pub code: String,
    /// What was wrong and what to do, for people.
    pub message: String,
    pub category: Category,
    /// Whether the same request can succeed later, see [`ErrorCode::is_retryable`].
    pub retryable: bool,
    /// Facts for programs; which ones depends on the code.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub details: JsonObject,
    /// When the gateway refused, RFC 3339 in UTC.
    pub at: String,
}

/// The message again: plain, or a list of fields for requests that do not fit their schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Detail {
    Text(String),
    Fields(Vec<FieldError>),
}

/// One field that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where the field stands, outermost first: `["body", "metrics", "cost_usd"]`.
    pub loc: Vec<String>,
    /// What is wrong with it.
    pub msg: String,
    /// A stable word for the kind of fault, for example `missing` or `value_error`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl ErrorBody {
    /// An error of this code at this time (RFC 3339 in UTC), without details.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>, at: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            detail: Detail::Text(message.clone()),
            error: ErrorPart {
                code: code.as_str().to_owned(),
                message,
                category: code.category(),
                retryable: code.is_retryable(),
                details: JsonObject::new(),
                at: at.into(),
            },
            request_id: String::new(),
            beside: JsonObject::new(),
        }
    }

    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = request_id.into();
        self
    }

    /// Adds one fact to `error.details`.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.error.details.insert(name.to_owned(), value.into());
        self
    }

    /// Replaces all of `error.details`.
    #[must_use]
    pub fn with_details(mut self, details: JsonObject) -> Self {
        self.error.details = details;
        self
    }

    /// Lists the fields that do not fit; published command lines print the first `msg`.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.detail = Detail::Fields(fields);
        self
    }

    /// Adds a member beside `error`, at the top of the body.
    #[must_use]
    pub fn with_beside(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.beside.insert(name.to_owned(), value.into());
        self
    }

    /// The code, or `None` when it is one of a newer gateway.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        ErrorCode::parse(&self.error.code)
    }
}

impl FieldError {
    /// A fault of a field of the body, named by its path (`"metrics.cost_usd"`).
    #[must_use]
    pub fn body(path: &str, msg: impl Into<String>, kind: &str) -> Self {
        Self::at("body", path, msg, kind)
    }

    /// A fault of a query parameter.
    #[must_use]
    pub fn query(name: &str, msg: impl Into<String>, kind: &str) -> Self {
        Self::at("query", name, msg, kind)
    }

    fn at(place: &str, path: &str, msg: impl Into<String>, kind: &str) -> Self {
        let parts = path.split('.').filter(|part| !part.is_empty());
        Self {
            loc: std::iter::once(place).chain(parts).map(str::to_owned).collect(),
            msg: msg.into(),
            kind: kind.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_error_says_its_text_twice() {
        let body = ErrorBody::new(ErrorCode::AgentKilled, "stopped", "2026-11-01T00:00:00Z")
            .with_request_id("req-1")
            .with_detail("kill_id", "kill_1");
        assert_eq!(
            serde_json::to_value(&body).unwrap(),
            json!({
                "error": {
                    "code": "agent_killed", "message": "stopped", "category": "policy",
                    "retryable": false, "details": {"kill_id": "kill_1"},
                    "at": "2026-11-01T00:00:00Z",
                },
                "detail": "stopped",
                "request_id": "req-1",
            })
        );
    }

    #[test]
    fn schema_errors_list_their_fields_and_read_back() {
        let body = ErrorBody::new(ErrorCode::SchemaInvalid, "cost", "2026-11-01T00:00:00Z")
            .with_fields(vec![FieldError::body("metrics.cost_usd", "is negative", "value_error")])
            .with_beside("hint", "send deltas");
        let wire = serde_json::to_value(&body).unwrap();
        assert_eq!(
            wire["detail"],
            json!([{"loc": ["body", "metrics", "cost_usd"], "msg": "is negative", "type": "value_error"}])
        );
        assert_eq!(wire["hint"], "send deltas");
        assert_eq!(serde_json::from_value::<ErrorBody>(wire).unwrap(), body);
    }
}
