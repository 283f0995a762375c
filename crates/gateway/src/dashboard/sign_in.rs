//! Signing in with a key that is pasted.

use askama::Template;
use axme_core::role::Role;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::form::Posted;
use super::notice::Notice;
use super::session::{Visitor, browser, is_secure, peer};
use super::{Dashboard, cookie, guard, next, render};
use crate::edge::KeyRefused;

/// Longest key that is looked at, in bytes.
const KEY_BYTES_MAX: usize = 512;

#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    /// Where to go on afterwards.
    next: &'a str,
    problem: Option<&'a str>,
}

/// Query of the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    next: Option<String>,
}

pub(super) async fn get_sign_in(
    State(dashboard): State<Dashboard>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let next = next::safe(asked.next.as_deref());
    if Visitor::of(&dashboard, &request).is_some() {
        return Redirect::to(next).into_response();
    }
    render::page(StatusCode::OK, &SignInPage { next, problem: None })
}

pub(super) async fn post_sign_in(
    State(dashboard): State<Dashboard>,
    form: Posted,
    request: Request,
) -> Result<Response, Notice> {
    let next = next::safe(form.text("next"));
    let browser = browser(&dashboard, &request);
    let peer = peer(&request);
    let client = dashboard.edge().client_address(&peer, request.headers());
    let token = form.text("key").unwrap_or_default().trim();
    let token = token.get(..token.len().min(KEY_BYTES_MAX)).unwrap_or_default();
    let key = match dashboard.edge().key_that_works(token, client) {
        Ok(key) => key,
        Err(refused) => {
            let (status, problem) = wording(refused);
            return Ok(again(status, next, problem));
        }
    };
    if key.role == Role::Agent {
        let problem = "This is the key of an agent, and agents do not look after themselves. \
                       Sign in with the key of an owner, an operator or a viewer.";
        return Ok(again(StatusCode::FORBIDDEN, next, problem));
    }
    let _place = guard::take_place(&dashboard, &request, key.role)?;
    let opened = dashboard.engine().sessions.sign_in(&key, browser).await?;
    let secure = is_secure(&dashboard, &peer, request.headers());
    let kept = cookie::kept(&opened.secret.token, secure);
    Ok((AppendHeaders([(header::SET_COOKIE, kept)]), Redirect::to(next)).into_response())
}

/// The form again, with what was wrong. What was typed is not shown.
fn again(status: StatusCode, next: &str, problem: &str) -> Response {
    let mut response = render::page(status, &SignInPage { next, problem: Some(problem) });
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

const fn wording(refused: KeyRefused) -> (StatusCode, &'static str) {
    let status = StatusCode::UNAUTHORIZED;
    match refused {
        KeyRefused::Unknown => (status, "This key is not known here. Is it whole?"),
        KeyRefused::Revoked => (status, "This key was revoked. Ask an owner for another."),
        KeyRefused::Expired => (status, "This key has expired. Ask an owner for another."),
        KeyRefused::TooMany => (
            StatusCode::TOO_MANY_REQUESTS,
            "This key does not work, and too many others that do not came from your address. \
             Check it; a key that works is taken at any time.",
        ),
    }
}
