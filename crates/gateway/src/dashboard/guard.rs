//! What every request passes before its page: https, where the form comes from, the session, the
//! role, and a place in the works. In this order, so that each can count on those before.

use axme_core::role::Role;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::Dashboard;
use super::access::{Access, access_to};
use super::csrf;
use super::form::Posted;
use super::next;
use super::notice::Notice;
use super::origin;
use super::session::{Visitor, peer};
use crate::edge::{Place, Transport};

/// Streams that a page keeps open by itself. They do not count as use of a session.
const LIVE: &str = "/live/";
/// What a page says with requests that it sends by itself, without anybody there: the same.
const UNATTENDED: &str = "x-axme-unattended";
/// What the script in the browser sends with every request of its own.
const BY_SCRIPT: &str = "hx-request";
/// Tells the script in the browser to go to another page.
const GO_TO: &str = "hx-redirect";

/// Lets a request through to its page if the table of access says so.
pub(super) async fn admit(
    State(dashboard): State<Dashboard>,
    request: Request,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let matched = matched.unwrap_or_default().to_owned();
    let access = access_to(request.method(), &matched);
    let roles = match access {
        None => return Notice::not_found().into_response(),
        Some(Access::Asset) => return next.run(request).await,
        Some(Access::Public) => None,
        Some(Access::Roles(roles)) => Some(roles),
    };
    let request = match checked(&dashboard, request).await {
        Ok(request) => request,
        Err(notice) => return notice.into_response(),
    };
    let Some(roles) = roles else { return next.run(request).await };
    let Some(visitor) = Visitor::of(&dashboard, &request) else {
        return to_sign_in(&request, &matched);
    };
    let place = match admitted(&dashboard, &request, &visitor, roles) {
        Ok(place) => place,
        Err(notice) => return notice.into_response(),
    };
    if !matched.starts_with(LIVE) && !request.headers().contains_key(UNATTENDED) {
        dashboard.engine().sessions.touch(&visitor.signed_in);
    }
    let mut request = request;
    request.extensions_mut().insert(visitor);
    let response = next.run(request).await;
    // Streams go on after this without a place: connections bound them.
    drop(place);
    response
}

/// What is asked of everybody: https, and that a form comes from a page of this dashboard. The
/// form is read then.
async fn checked(dashboard: &Dashboard, request: Request) -> Result<Request, Notice> {
    let transport = dashboard.edge().transport(&peer(&request), request.headers());
    if transport == Transport::Clear && !dashboard.options().insecure {
        return Err(Notice::not_encrypted());
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(request);
    }
    if !origin::is_own(request.headers(), transport, dashboard.edge().public_url()) {
        return Err(Notice::forged());
    }
    let (mut parts, body) = request.into_parts();
    let form = Posted::read(&parts.headers, body).await?;
    parts.extensions.insert(form);
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

/// What is asked of those who are signed in: a role that may, a form of their own session, a place.
fn admitted(
    dashboard: &Dashboard,
    request: &Request,
    visitor: &Visitor,
    roles: &[Role],
) -> Result<Place, Notice> {
    let role = visitor.caller.key.role;
    if !roles.contains(&role) {
        let needed: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        return Err(Notice::forbidden(format!(
            "You are signed in as {}; this takes {}.",
            role.as_str(),
            needed.join(" or ")
        )));
    }
    if let Some(form) = request.extensions().get::<Posted>() {
        let header = request.headers().get(csrf::HEADER).and_then(|shown| shown.to_str().ok());
        let shown = header.or_else(|| form.text(csrf::FIELD)).unwrap_or_default();
        if !visitor.csrf.is(shown) {
            return Err(Notice::forged());
        }
    }
    take_place(dashboard, request, role)
}

/// A place in the works, of which some are for operators and owners.
pub(super) fn take_place(
    dashboard: &Dashboard,
    request: &Request,
    role: Role,
) -> Result<Place, Notice> {
    if peer(request).reserved && matches!(role, Role::Agent | Role::Viewer) {
        return Err(Notice::busy());
    }
    dashboard.edge().places().take(role).ok_or_else(Notice::busy)
}

/// Sends a browser to sign in, in the way in which it has asked.
fn to_sign_in(request: &Request, matched: &str) -> Response {
    let headers = request.headers();
    // A stream cannot be sent elsewhere; its page asks for itself again and is.
    if matched.starts_with(LIVE) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let form = request.extensions().get::<Posted>();
    let way = next::sign_in_for(request.method(), request.uri(), matched, headers, form);
    if by_script(headers) {
        let way = HeaderValue::from_str(&way);
        let way = way.unwrap_or_else(|_never| HeaderValue::from_static("/sign-in"));
        return (StatusCode::UNAUTHORIZED, [(GO_TO, way)]).into_response();
    }
    Redirect::to(&way).into_response()
}

fn by_script(headers: &HeaderMap) -> bool {
    headers.contains_key(BY_SCRIPT)
}
