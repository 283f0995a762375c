//! Who calls, whether they may, and whether there is a place for them.

use axme_api::error::ErrorCode;
use axme_core::decide::{Denial, Reason};
use axme_core::role::Role;
use axme_engine::Caller;
use axme_engine::intents::Denied;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::access::{Access, access_to};
use super::error::ApiError;
use crate::edge::request_id::RequestId;
use crate::edge::{KeyRefused, Peer, Place};

const API_KEY: &str = "x-api-key";
const BEARER: &str = "Bearer ";

/// The caller of this request, for handlers.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated(pub(crate) Caller);

impl FromRequestParts<Api> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _api: &Api) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(missing_key)
    }
}

/// Lets a request through to its handler if the table of access says so. An endpoint that is not
/// in the table is closed.
pub(super) async fn admit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let access = matched.and_then(|path| access_to(request.method(), path));
    let roles = match access {
        Some(Access::Public) => return next.run(request).await,
        Some(Access::Roles(roles)) => roles,
        None => return closed(matched),
    };
    let caller = match authenticate(&api, &request) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    if !roles.contains(&caller.key.role) {
        return role_refused(caller.key.role, roles, matched).into_response();
    }
    let place = match take_place(&api, &request, &caller) {
        Ok(place) => place,
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(Authenticated(caller));
    let response = next.run(request).await;
    // Streams go on after this without a place: connections bound them.
    drop(place);
    response
}

/// The answer where the table names nobody: no such method here, or no such endpoint.
fn closed(matched: Option<&str>) -> Response {
    let methods: Vec<&str> = super::access::TABLE
        .iter()
        .filter(|(_, path, _)| Some(*path) == matched)
        .map(|(method, _, _)| *method)
        .collect();
    if methods.is_empty() {
        return ApiError::new(ErrorCode::NotFound, "no such endpoint").into_response();
    }
    let message = "this endpoint does not take this method";
    let mut response = ApiError::new(ErrorCode::MethodNotAllowed, message).into_response();
    if let Ok(allow) = methods.join(", ").parse() {
        response.headers_mut().insert(axum::http::header::ALLOW, allow);
    }
    response
}

fn authenticate(api: &Api, request: &Request) -> Result<Caller, ApiError> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let client = api.edge().client_address(&peer, request.headers());
    let token = presented_key(request.headers()).ok_or_else(missing_key)?;
    let key = api.edge().key_that_works(token, client).map_err(key_refused)?;
    let request_id = request.extensions().get::<RequestId>();
    let request_id = request_id.map(|id| id.0.clone()).unwrap_or_default();
    Ok(Caller { key, client_address: Some(client), request_id })
}

fn key_refused(refused: KeyRefused) -> ApiError {
    let (code, message) = match refused {
        KeyRefused::Unknown => (
            ErrorCode::InvalidPlatformApiKey,
            "this key is not known here; check the key and the gateway's address",
        ),
        KeyRefused::Revoked => {
            (ErrorCode::KeyRevoked, "this key was revoked; ask an operator for another")
        }
        KeyRefused::Expired => {
            (ErrorCode::KeyExpired, "this key has expired; ask an operator for another")
        }
        KeyRefused::TooMany => (
            ErrorCode::TooManySignIns,
            "this key does not work, and too many requests with such keys came from this address; \
             check the key (keys that work are served all the same)",
        ),
    };
    ApiError::new(code, message)
}

/// The key of either header. Agents' own bearer tokens mean nothing here and are passed over.
fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let api_key = headers.get(API_KEY).and_then(|value| value.to_str().ok());
    let bearer = headers.get(axum::http::header::AUTHORIZATION);
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix(BEARER));
    api_key.or(bearer).map(str::trim).filter(|key| !key.is_empty())
}

/// What a request holds on to until it is answered.
type Held = (Place, Option<axme_engine::enforcer::RequestSlot>);

fn take_place(api: &Api, request: &Request, caller: &Caller) -> Result<Held, ApiError> {
    let role = caller.key.role;
    let reserved = request.extensions().get::<Peer>().is_some_and(|peer| peer.reserved);
    let busy = || ApiError::new(ErrorCode::GatewayBusy, "all places are taken; try again");
    if reserved && matches!(role, Role::Agent | Role::Viewer) {
        return Err(busy());
    }
    let place = api.edge().places().take(role).ok_or_else(busy)?;
    let slot = match caller.agent() {
        None => None,
        Some(agent) => {
            let slot = agent.begin_request(api.options().agent_inflight_max);
            Some(slot.inspect_err(|&denial: &Denial| {
                debug_assert_eq!(denial.reason, Reason::AgentBusy, "the only bound here");
                let denied = Denied::about(denial, Some(agent));
                api.engine().intents.note_denied(caller, Some(agent), &denied);
            })?)
        }
    };
    Ok((place, slot))
}

fn role_refused(role: Role, roles: &[Role], path: Option<&str>) -> ApiError {
    let stops = path.is_some_and(|path| path.ends_with("}/kill") || path.ends_with("}/resume"));
    let message = if role == Role::Agent && stops {
        "Agent keys cannot stop or resume agents; use an operator's key".to_owned()
    } else if role == Role::Agent && !roles.contains(&Role::Viewer) {
        "Agent keys cannot do this; use an operator's key".to_owned()
    } else {
        let needed: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        format!("a key of role {} cannot do this; it takes {}", role.as_str(), needed.join(" or "))
    };
    ApiError::new(ErrorCode::Forbidden, message)
}

fn missing_key() -> ApiError {
    ApiError::new(
        ErrorCode::MissingPlatformApiKey,
        "no key: send it as the header x-api-key, or as Authorization: Bearer",
    )
}
