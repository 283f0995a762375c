//! Signing in with a link that works once.
//!
//! The answer is a page that goes on by itself, not a redirect: when the link was on another site,
//! a browser would not send a strict cookie with what it is redirected to.

use askama::Template;
use axme_core::refusal::Refusal;
use axme_engine::control::ControlError;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;

use super::notice::Notice;
use super::session::{browser, is_secure, peer};
use super::{Dashboard, cookie, next, render};

/// How browsers mark what they fetch before anybody wants to see it.
const PURPOSES: [&str; 2] = ["sec-purpose", "purpose"];

#[derive(Debug, Template)]
#[template(path = "exchange.html")]
struct ExchangePage<'a> {
    next: &'a str,
}

/// Query of the link.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    token: Option<String>,
    next: Option<String>,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

pub(super) async fn get_exchange(
    State(dashboard): State<Dashboard>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Response, Notice> {
    // Whoever only looks ahead must not use up what works once.
    if *request.method() == Method::HEAD || is_looking_ahead(request.headers()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let token = asked.token.unwrap_or_default();
    let who = browser(&dashboard, &request);
    let opened = match dashboard.engine().sessions.exchange(&token, who).await {
        Ok(opened) => opened,
        Err(ControlError::Refused(Refusal::TokenUsed | Refusal::KeyInvalid)) => {
            return Err(refused(&dashboard, &request));
        }
        Err(error) => return Err(error.into()),
    };
    let next = next::safe(asked.next.as_deref());
    let peer = peer(&request);
    let secure = is_secure(&dashboard, &peer, request.headers());
    let headers = AppendHeaders([
        (header::SET_COOKIE, cookie::kept(&opened.secret.token, secure)),
        (header::REFERRER_POLICY, "no-referrer".parse().map_err(|_never| Notice::broken())?),
    ]);
    Ok((headers, render::page(StatusCode::OK, &ExchangePage { next })).into_response())
}

/// The refusal of a link, which counts as a failed sign-in.
fn refused(dashboard: &Dashboard, request: &Request) -> Notice {
    let client = dashboard.edge().client_address(&peer(request), request.headers());
    if dashboard.edge().sign_in_failed(client) {
        return Refusal::TokenUsed.into();
    }
    let text = "This link does not work, and too many others that do not came from your address.";
    Notice::new(StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins", "Too many tries", text)
}

fn is_looking_ahead(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|purpose| purpose.to_str().ok());
    PURPOSES.iter().filter_map(|name| says(name)).any(|purpose| purpose.contains("prefetch"))
}
