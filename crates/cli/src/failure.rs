//! Everything that can end a command early, told so that the reader knows what to do next.

use axme_api::{ErrorBody, ErrorCode};
use serde_json::Value;
use std::fmt;

mod next_step;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something impossible; nothing was sent.
    Usage(String),
    /// The gateway answered with an error.
    Refused(Box<Refusal>),
    /// Anything else: no connection, no file, a chain that does not verify.
    Failed { what: String, next: String },
    /// Some of several targets failed; each was told already.
    Partly { failed: usize, of: usize },
    /// The reader of our output has gone.
    Output(std::io::Error),
}

/// An error answer of the gateway.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) request_id: String,
    /// Where the key came from that was refused, for people who have several.
    pub(crate) key_source: Option<String>,
    /// The answer as it came, for `--json`.
    pub(crate) body: Value,
}

impl Refusal {
    /// Reads an error answer; one that is not in the gateway's shape (a proxy's page, say) is
    /// quoted.
    pub(crate) fn read(status: u16, header_request_id: &str, bytes: &[u8]) -> Self {
        const QUOTED_CHARS_MAX: usize = 200;
        let body: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        if let Ok(error) = serde_json::from_value::<ErrorBody>(body.clone()) {
            let request_id = [error.request_id.as_str(), header_request_id];
            return Self {
                status,
                code: error.error.code,
                message: error.error.message,
                request_id: request_id.into_iter().find(|id| !id.is_empty()).unwrap_or("").into(),
                key_source: None,
                body,
            };
        }
        let text = String::from_utf8_lossy(bytes);
        let quoted: String = text.trim().chars().take(QUOTED_CHARS_MAX).collect();
        Self {
            status,
            code: String::new(),
            message: format!("The answer is not one of an AXME gateway: HTTP {status} {quoted}"),
            request_id: header_request_id.to_owned(),
            key_source: None,
            body,
        }
    }

    fn next(&self) -> Option<String> {
        let step = match ErrorCode::parse(&self.code) {
            Some(code) => next_step::next_step(code)?.to_owned(),
            None if self.code.is_empty() => "Check the URL: axme status".to_owned(),
            None => return None,
        };
        let about_key = self.status == 401 || self.status == 403;
        Some(match self.key_source.as_deref().filter(|_| about_key) {
            Some(source) => format!("{step} (The key came from {source}.)"),
            None => step,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "error: {what}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed { what, next } if next.is_empty() => write!(f, "{what}"),
            Self::Failed { what, next } => write!(f, "error: {what}\n  next: {next}"),
            Self::Partly { failed, of } => {
                write!(f, "error: {failed} of {of} failed; the others are done.")
            }
            Self::Output(source) => write!(f, "error: cannot write the output: {source}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        let code = if self.code.is_empty() { "none" } else { &self.code };
        write!(f, "\n  code: {code} (HTTP {})", self.status)?;
        if !self.request_id.is_empty() {
            write!(f, "\n  request: {}", self.request_id)?;
        }
        match self.next() {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

impl Failure {
    /// A failure of this machine rather than of the gateway.
    pub(crate) fn local(what: impl fmt::Display, source: impl fmt::Display, next: &str) -> Self {
        Self::Failed { what: format!("{what}: {source}"), next: next.to_owned() }
    }

    /// The same failure, whose body is part of what was printed already.
    pub(crate) fn told(mut self) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.body = Value::Null;
        }
        self
    }

    /// What a program that asked for `--json` is given, if the gateway said anything.
    pub(crate) fn body(&self) -> Option<&Value> {
        match self {
            Self::Refused(refusal) => Some(&refusal.body).filter(|body| !body.is_null()),
            Self::Usage(_) | Self::Failed { .. } | Self::Partly { .. } | Self::Output(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: ErrorCode) -> Refusal {
        let body = ErrorBody::new(code, "It did not work.", "2026-11-01T00:00:00Z")
            .with_request_id("req-7");
        Refusal::read(code.status(), "", &serde_json::to_vec(&body).unwrap())
    }

    #[test]
    fn a_refusal_tells_message_code_request_and_what_to_do() {
        let text = refusal(ErrorCode::AgentNotFound).to_string();
        assert_eq!(
            text,
            "error: It did not work.\n  code: agent_not_found (HTTP 404)\n  request: req-7\n  \
             next: `axme ps` lists the agents that your key sees."
        );
    }

    #[test]
    fn a_refused_key_says_where_it_came_from() {
        let mut refused = refusal(ErrorCode::Forbidden);
        refused.key_source = Some("AXME_API_KEY".to_owned());
        assert!(refused.to_string().contains("(The key came from AXME_API_KEY.)"));
        let mut busy = refusal(ErrorCode::GatewayBusy);
        busy.key_source = Some("AXME_API_KEY".to_owned());
        assert!(!busy.to_string().contains("AXME_API_KEY"));
    }

    #[test]
    fn an_unconfirmed_kill_says_that_it_stands_here() {
        let text = refusal(ErrorCode::KillUnconfirmed).to_string();
        assert!(text.contains("stopped at this gateway"), "{text}");
    }

    #[test]
    fn a_page_of_a_proxy_is_quoted_and_shortened() {
        let page = format!("<html>{}</html>", "x".repeat(1000));
        let refused = Refusal::read(502, "from-header", page.as_bytes());
        let text = refused.to_string();
        assert!(text.contains("HTTP 502 <html>xxx"), "{text}");
        assert!(text.len() < 500, "{text}");
        assert!(text.contains("request: from-header"));
    }

    #[test]
    fn codes_of_a_newer_gateway_are_shown_as_they_are() {
        let body = br#"{"error":{"code":"brand_new","message":"m","category":"policy",
            "retryable":false,"details":{},"at":"t"},"detail":"m","request_id":"r"}"#;
        let text = Refusal::read(418, "", body).to_string();
        assert_eq!(text, "error: m\n  code: brand_new (HTTP 418)\n  request: r");
    }
}
