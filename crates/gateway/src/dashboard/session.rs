//! Who looks at a page.

use std::sync::Arc;

use axme_core::session::SESSION_IDLE_MAX;
use axme_core::time::Timestamp;
use axme_engine::Caller;
use axme_engine::sessions::{Browser, SignedIn};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Dashboard;
use super::cookie;
use super::csrf::CsrfToken;
use super::notice::Notice;
use crate::edge::request_id::RequestId;
use crate::edge::{Peer, Transport};

/// Somebody who is signed in, on one request. The guard puts it into the request's extensions:
/// a handler that takes it has one.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) signed_in: SignedIn,
    /// The key that the session is good for.
    pub(crate) caller: Caller,
    pub(crate) csrf: CsrfToken,
}

impl FromRequestParts<Dashboard> for Visitor {
    type Rejection = Notice;

    async fn from_request_parts(parts: &mut Parts, _: &Dashboard) -> Result<Self, Notice> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Notice::not_found)
    }
}

impl Visitor {
    /// Finds who sends a request, if their session works.
    pub(super) fn of(dashboard: &Dashboard, request: &Request) -> Option<Self> {
        let secure = is_secure(dashboard, &peer(request), request.headers());
        let secret = cookie::shown(request.headers(), secure)?;
        let signed_in = dashboard.engine().sessions.find(secret)?;
        let Browser { client_address, request_id, .. } = browser(dashboard, request);
        let key = Arc::clone(&signed_in.key);
        let caller = Caller { key, client_address, request_id };
        Some(Self { signed_in, caller, csrf: CsrfToken::of(secret) })
    }

    /// When the session ends if nothing more is done.
    pub(crate) fn ends_at(&self, now: Timestamp) -> Timestamp {
        self.signed_in.session.expires_at.min(now.plus(SESSION_IDLE_MAX))
    }
}

/// What is known of the browser that sends a request.
pub(super) fn browser(dashboard: &Dashboard, request: &Request) -> Browser {
    let (headers, extensions) = (request.headers(), request.extensions());
    let peer = peer(request);
    let user_agent = headers.get(header::USER_AGENT).and_then(|name| name.to_str().ok());
    Browser {
        client_address: Some(dashboard.edge().client_address(&peer, headers)),
        request_id: extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        user_agent: user_agent.map(Into::into),
    }
}

pub(super) fn peer(request: &Request) -> Peer {
    request.extensions().get::<Peer>().cloned().unwrap_or_default()
}

/// Whether cookies are for https alone: it came so, or people are told to come so.
pub(super) fn is_secure(dashboard: &Dashboard, peer: &Peer, headers: &HeaderMap) -> bool {
    let edge = dashboard.edge();
    edge.transport(peer, headers) == Transport::Encrypted
        || edge.public_url().is_some_and(|url| url.starts_with("https://"))
}
