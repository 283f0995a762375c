//! A page that says one thing, and what to do: refusals above all.

use askama::Template;
use axme_core::decide::Reason;
use axme_core::refusal::Refusal;
use axme_engine::control::ControlError;
use axme_store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::render;

/// What `Retry-After` says, in seconds.
const RETRY_AFTER_SECONDS: u16 = 1;

/// See the module.
#[derive(Clone, Debug, Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice {
    status: StatusCode,
    /// For those who look it up; the API has the same codes.
    code: &'static str,
    heading: &'static str,
    text: Box<str>,
    /// What to type, if anything.
    command: Option<&'static str>,
    /// Where to go: place and words.
    way: Option<(String, &'static str)>,
}

impl Notice {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        heading: &'static str,
        text: impl Into<Box<str>>,
    ) -> Self {
        Self { status, code, heading, text: text.into(), command: None, way: None }
    }

    /// Adds something to type.
    pub(crate) fn with_command(self, command: &'static str) -> Self {
        Self { command: Some(command), ..self }
    }

    /// Adds a link.
    pub(crate) fn with_way(self, place: impl Into<String>, words: &'static str) -> Self {
        Self { way: Some((place.into(), words)), ..self }
    }

    pub(crate) fn not_found() -> Self {
        let text = "There is no such page, or it is not yours to see.";
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", text)
            .with_way("/", "To the agents")
    }

    pub(super) fn forbidden(text: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", text)
            .with_way("/", "To the agents")
    }

    pub(super) fn busy() -> Self {
        let text = "All places for requests are taken. Nothing was done; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "gateway_busy", "Busy", text)
    }

    pub(super) fn broken() -> Self {
        let text = "Something broke inside the gateway; its log says what.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "Broken", text)
    }

    pub(super) fn bad_form() -> Self {
        let text = "The form did not arrive whole. Nothing was done; go back and send it again.";
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "Not understood", text)
    }

    pub(super) fn form_too_large() -> Self {
        let text = "The form is too large. Nothing was done.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "Too large", text)
    }

    /// A form that no page of this session has made.
    pub(super) fn forged() -> Self {
        let text = "This form was not made by a page of your session. Nothing was done. If you \
                    did send it yourself: open the page again, and send it from there.";
        Self::new(StatusCode::FORBIDDEN, "forged_form", "Not accepted", text)
            .with_way("/", "To the agents")
    }

    /// In the clear over a network, where whoever listens could take the session.
    pub(super) fn not_encrypted() -> Self {
        let text = "The dashboard is served over https only, because whoever listens on the way \
                    could stop your agents, or set them going. Start the gateway with a \
                    certificate (--tls-cert, --tls-key), or behind a proxy that it trusts \
                    (--trusted-proxies) and that says X-Forwarded-Proto: https. From the machine \
                    itself it is open without. In a network that nobody else is in: ";
        Self::new(StatusCode::FORBIDDEN, "https_needed", "Not without https", text)
            .with_command("axme serve --insecure-dashboard")
    }
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        let mut response = render::page(self.status, &self);
        if self.status == StatusCode::SERVICE_UNAVAILABLE
            || self.status == StatusCode::TOO_MANY_REQUESTS
        {
            let seconds = HeaderValue::from(RETRY_AFTER_SECONDS);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// Orders that were not carried out.
impl From<ControlError> for Notice {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Refused(refusal) => refusal.into(),
            ControlError::KeyReused | ControlError::Contended => Self::busy(),
            ControlError::Fenced => fenced(),
            ControlError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Notice {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            StoreError::Unavailable(_) => {
                let text = "The store does not answer. Nothing was done; try again.";
                Self::new(status, "store_unavailable", "The store is gone", text)
            }
            StoreError::Full(_) => {
                let text = "The disk of the store is full. Nothing was done, and nothing can be \
                            until somebody makes room there.";
                Self::new(status, "store_full", "The store is full", text)
            }
            StoreError::OutcomeUnknown(_) => {
                let text = "The store failed in the middle: it may have happened. Look before you \
                            do it again.";
                Self::new(status, "outcome_unknown", "Not known", text)
            }
            StoreError::Fenced => fenced(),
            StoreError::Unusable(_) => Self::broken(),
        }
    }
}

impl From<Refusal> for Notice {
    fn from(refusal: Refusal) -> Self {
        let text = sentence(&refusal.to_string());
        match refusal {
            Refusal::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", text)
                    .with_way("/", "To the agents")
            }
            Refusal::KeyInvalid => {
                Self::new(StatusCode::UNAUTHORIZED, "key_revoked", "Signed out", text)
                    .with_way("/sign-in", "Sign in")
            }
            Refusal::TokenUsed => {
                let code = "invalid_exchange_token";
                Self::new(StatusCode::UNAUTHORIZED, code, "This link does not work", text)
                    .with_command("axme mesh dashboard")
                    .with_way("/sign-in", "Sign in with a key")
            }
            Refusal::AgentsCommandNobody
            | Refusal::RoleTooLow { .. }
            | Refusal::RoleAboveOwn { .. }
            | Refusal::OutOfScope => Self::forbidden(text),
            Refusal::Taken { .. } | Refusal::AgentExists { .. } | Refusal::AlreadySetUp => {
                Self::new(StatusCode::CONFLICT, "duplicate_name", "Taken", text)
            }
            Refusal::Invalid { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "schema_invalid", "Not possible", text)
            }
            Refusal::LastOwnerKey => {
                Self::new(StatusCode::CONFLICT, "last_owner_key", "Not possible", text)
            }
            Refusal::KilledAgain { .. } => {
                Self::new(StatusCode::CONFLICT, "killed_again", "Stopped again since", text)
            }
            Refusal::LimitReached { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", "Too many", text)
            }
        }
    }
}

fn fenced() -> Notice {
    let text = "This replica cannot prove that its view is fresh, so it orders nothing until it \
                can. Nothing was done; try again.";
    let code = Reason::GatewayFenced.code();
    Notice::new(StatusCode::SERVICE_UNAVAILABLE, code, "Cut off from the store", text)
}

/// A message of the core as a sentence on a page.
fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}
