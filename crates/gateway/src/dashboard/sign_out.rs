//! Signing out: the session ends everywhere.

use axme_core::refusal::{Missing, Refusal};
use axme_engine::control::ControlError;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};

use super::notice::Notice;
use super::session::{Visitor, is_secure, peer};
use super::{Dashboard, cookie};

pub(super) async fn post_sign_out(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
    request: Request,
) -> Response {
    let secure = is_secure(&dashboard, &peer(&request), request.headers());
    let forgotten = AppendHeaders([(header::SET_COOKIE, cookie::forgotten(secure))]);
    let session = visitor.signed_in.session.session_id;
    match dashboard.engine().sessions.end(&visitor.caller, session).await {
        Ok(()) | Err(ControlError::Refused(Refusal::NotFound(Missing::Session))) => {
            (forgotten, Redirect::to("/sign-in")).into_response()
        }
        // This browser forgets it in any case; whoever has copied its cookie may go on.
        Err(error) => (forgotten, Notice::from(error)).into_response(),
    }
}
