//! Who is signed in: ending a session of somebody else, or of oneself elsewhere.

use axme_core::id::SessionId;
use axum::extract::{Path, State};
use axum::response::Redirect;

use super::Dashboard;
use super::notice::Notice;
use super::session::Visitor;

pub(super) async fn post_end(
    State(dashboard): State<Dashboard>,
    visitor: Visitor,
    Path(session): Path<String>,
) -> Result<Redirect, Notice> {
    let session: SessionId = session.parse().map_err(|_no_id| Notice::not_found())?;
    dashboard.engine().sessions.end(&visitor.caller, session).await?;
    let own = session == visitor.signed_in.session.session_id;
    Ok(Redirect::to(if own { "/sign-in" } else { "/sessions" }))
}
