//! Refusals on their way out: a code, a message for people, details for programs.
//!
//! A handler answers an [`ApiError`]; [`super::envelope`] makes the body of it, with the request's
//! id and the time. What went wrong inside is logged with its causes and never sent.

use axme_api::JsonObject;
use axme_api::error::{ErrorCode, FieldError};
use axme_core::decide::{Denial, End, Reason};
use axme_core::id::KillId;
use axme_core::refusal::{Missing, Refusal};
use axme_engine::control::ControlError;
use axme_store::control::Trouble;
use axme_store::{StoreError, WriteError};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::body::not_found;
use crate::orders::OrderError;
use crate::read::ReadError;

/// What `Retry-After` says at most, in seconds: published clients sleep exactly that long,
/// their heartbeats too.
const RETRY_AFTER_SECONDS: u32 = 1;

/// One refusal.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) details: JsonObject,
    pub(super) fields: Vec<FieldError>,
    pub(super) beside: JsonObject,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: JsonObject::new(),
            fields: Vec::new(),
            beside: JsonObject::new(),
        }
    }

    /// Adds a fact to `error.details`.
    pub(crate) fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a member beside `error`.
    pub(crate) fn beside(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.beside.insert(name.to_owned(), value.into());
        self
    }

    /// A field of the body that does not fit.
    pub(crate) fn field(path: &str, problem: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::body(path, problem, "value_error")])
    }

    /// A query parameter that does not fit.
    pub(crate) fn query(name: &str, problem: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::query(name, problem, "value_error")])
    }

    pub(crate) fn fields(fields: Vec<FieldError>) -> Self {
        let first = fields.first();
        let message = first.map_or_else(String::new, |first| {
            let place: Vec<&str> = first.loc.iter().skip(1).map(String::as_str).collect();
            if place.is_empty() {
                first.msg.clone()
            } else {
                format!("{}: {}", place.join("."), first.msg)
            }
        });
        Self { fields, ..Self::new(ErrorCode::SchemaInvalid, message) }
    }

    pub(super) fn retry_after_seconds(&self) -> Option<u32> {
        (self.code.status() == 429 || self.code.status() == 503).then_some(RETRY_AFTER_SECONDS)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The code and message of a denial; who stopped the agent is added by whoever knows it.
impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        let (code, message) = match denial.reason {
            Reason::AgentKilled => {
                (ErrorCode::AgentKilled, "the agent is killed; an operator can resume it")
            }
            Reason::AgentQuarantined => {
                (ErrorCode::AgentQuarantined, "the agent is quarantined; an operator can resume it")
            }
            Reason::AgentPaused => {
                (ErrorCode::AgentPaused, "the agent is paused; an operator can resume it")
            }
            Reason::KeyRevoked => (ErrorCode::KeyRevoked, "this key was revoked or has expired"),
            Reason::ActionNotAllowed => (
                ErrorCode::ActionNotAllowed,
                "a policy does not allow intents of this type; an operator can change it",
            ),
            Reason::CostLimitExceeded => (
                ErrorCode::CostLimitExceeded,
                "a limit of the agent is used up; it goes on when the period ends, or an operator \
                 sets another limit",
            ),
            Reason::AgentBusy => (
                ErrorCode::AgentBusy,
                "the agent has too many requests in flight; wait for some to end",
            ),
            Reason::StoreFull => (
                ErrorCode::StoreFull,
                "the gateway's disk is almost full; intents wait until an operator makes room",
            ),
            Reason::GatewayFenced => (
                ErrorCode::GatewayFenced,
                "this replica cannot prove that its view is fresh; it admits nothing until it can",
            ),
        };
        Self::new(code, message)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Unavailable(_) => Self::new(
                ErrorCode::StoreUnavailable,
                "the store does not answer; nothing was done, try again",
            ),
            StoreError::Full(_) => Self::new(
                ErrorCode::StoreFull,
                "the disk of the store is full; nothing was done, and nothing can be until an \
                 operator makes room there",
            ),
            StoreError::OutcomeUnknown(_) => Self::new(
                ErrorCode::OutcomeUnknown,
                "the store failed in the middle: it may have happened; repeat it with the same Idempotency-Key",
            ),
            StoreError::Fenced => Self::from(Denial::of_gateway(Reason::GatewayFenced)),
            StoreError::Unusable(_) => Self::new(
                ErrorCode::InternalError,
                "the store cannot be used; the gateway's log says why",
            ),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound { code, named } => {
                let missing = not_found(code, &named);
                // Which agent it was: published clients look for it there.
                let is_agent = code == ErrorCode::AgentNotFound;
                if is_agent { missing.detail("address", named) } else { missing }
            }
            ReadError::Query { name, problem } => Self::query(name, problem),
            ReadError::InvalidAddress { field, value, problem } => {
                invalid_address(field, &value, &problem)
            }
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<OrderError> for ApiError {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotRecorded => Self::new(
                ErrorCode::GatewayFenced,
                "This replica admits nothing. The kill is NOT recorded; repeat it until it is.",
            ),
            OrderError::Unconfirmed { kill, trouble } => unconfirmed(kill, trouble),
            OrderError::NotSeen { .. } => Self::field("revision", error.to_string()),
            OrderError::Unexpected => Self::new(ErrorCode::InternalError, error.to_string()),
            OrderError::Control(error) => error.into(),
            OrderError::Read(error) => error.into(),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Denied(denial) => denial.into(),
            WriteError::OverLimit(_) => {
                Denial { reason: Reason::CostLimitExceeded, end: End::Sender }.into()
            }
            WriteError::KeyReused => key_reused(),
            WriteError::Busy => {
                Self::new(ErrorCode::GatewayBusy, "too many writes are waiting; try again")
            }
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Refused(refusal) => refusal.into(),
            ControlError::KeyReused => key_reused(),
            ControlError::Fenced => Denial::of_gateway(Reason::GatewayFenced).into(),
            ControlError::Contended => Self::new(
                ErrorCode::GatewayBusy,
                "too many changes at the same time; nothing was done, try again",
            ),
            ControlError::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::NotFound(missing) => Self::new(not_found_code(missing), message),
            Refusal::KeyInvalid => Self::new(ErrorCode::KeyRevoked, message),
            Refusal::AgentsCommandNobody
            | Refusal::RoleTooLow { .. }
            | Refusal::RoleAboveOwn { .. }
            | Refusal::OutOfScope => Self::new(ErrorCode::Forbidden, message),
            Refusal::Taken { .. } | Refusal::AgentExists { .. } | Refusal::AlreadySetUp => {
                Self::new(ErrorCode::DuplicateName, message)
            }
            Refusal::Invalid { field, problem } => Self::field(field, problem),
            Refusal::LastOwnerKey => Self::new(ErrorCode::LastOwnerKey, message),
            Refusal::KilledAgain { newer } => Self::new(ErrorCode::KilledAgain, message)
                .detail("kill_id", newer.kill_id.to_string())
                .detail("revision", newer.revision.0)
                .detail("killed_by", &*newer.by.name)
                .detail("killed_at", newer.at.to_string())
                .detail("reason", json!(newer.reason)),
            Refusal::TokenUsed => Self::new(ErrorCode::InvalidExchangeToken, message),
            Refusal::LimitReached { what, limit } => Self::new(ErrorCode::QuotaExceeded, message)
                .detail("dimension", what)
                .detail("limit", limit as u64),
        }
    }
}

const fn not_found_code(missing: Missing) -> ErrorCode {
    match missing {
        Missing::Organization => ErrorCode::OrganizationNotFound,
        Missing::Workspace => ErrorCode::WorkspaceNotFound,
        Missing::Agent => ErrorCode::AgentNotFound,
        Missing::Account => ErrorCode::ServiceAccountNotFound,
        Missing::Key => ErrorCode::KeyNotFound,
        Missing::Session => ErrorCode::SessionNotFound,
    }
}

pub(super) fn key_reused() -> ApiError {
    ApiError::new(ErrorCode::IdempotencyKeyReused, "idempotency key reused with different payload")
}

/// The refusal of a reference that is out of grammar.
pub(super) fn invalid_address(field: &str, value: &str, problem: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidAgentAddress, format!("{field} {value:?}: {problem}"))
        .detail("field", field)
        .detail("value", value)
}

fn unconfirmed(kill: KillId, trouble: Option<Trouble>) -> ApiError {
    let error = ApiError::new(
        ErrorCode::KillUnconfirmed,
        format!(
            "enforced by this replica and not durable yet; it is committed when it can be, and \
             found under /v1/mesh/kills/{kill} then"
        ),
    )
    .detail("kill_id", kill.to_string())
    .detail("enforced_here", true)
    .detail("durable", false);
    match trouble {
        Some(trouble) => error.detail("store", trouble.code),
        None => error,
    }
}
