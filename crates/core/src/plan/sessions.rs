//! Signing in to the dashboard, and out of it.

use serde_json::json;

use super::authority::Authority;
use super::{Draft, Outcome, check_limit};
use crate::change::Change;
use crate::command::{NewDashboardToken, NewSession, Order};
use crate::id::{SessionId, TokenId};
use crate::key::Key;
use crate::refusal::{Missing, Refusal};
use crate::session::{
    DashboardToken, SESSION_LIVES, SESSIONS_MAX, SESSIONS_PER_KEY_MAX, Session, TOKEN_LIVES,
    TOKENS_PER_KEY_MAX, USER_AGENT_CHARS_MAX,
};
use crate::state::State;
use crate::time::Timestamp;

/// Makes a token. Those that wait to be used are bounded, so that asking is too.
pub(super) fn issue_token(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewDashboardToken,
) -> Outcome {
    let key = authority.sign_in()?;
    let waiting = state.dashboard_tokens_of(key.key_id);
    let waiting = waiting.filter(|token| token.expires_at > order.at).count();
    check_limit("sign-in links of this key that nobody has used", waiting, TOKENS_PER_KEY_MAX)?;
    let token = DashboardToken {
        token_id: new.token,
        digest: new.digest,
        key: key.key_id,
        issued_at: order.at,
        expires_at: ends(key, order.at.plus(TOKEN_LIVES)),
    };
    let after = json!({ "token_id": token.token_id, "expires_at": token.expires_at });
    let issued = vec![Change::DashboardTokenIssued { token: Box::new(token) }];
    Ok(Some(Draft {
        after: Some(after),
        ..Draft::new("dashboard.token_issued", key.scope, &key.name, issued)
    }))
}

/// Opens a session, with the key itself or with a token of it. Beyond the bound the oldest ends.
pub(super) fn open(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewSession,
) -> Outcome {
    let key = authority.sign_in()?;
    if let Some(token) = new.token {
        check_token(state, order, key, token)?;
    }
    check_limit("sessions", state.sessions().len(), SESSIONS_MAX)?;
    if new.user_agent.as_ref().is_some_and(|text| text.chars().count() > USER_AGENT_CHARS_MAX) {
        return Err(Refusal::Invalid { field: "user_agent", problem: "is too long" });
    }
    let session = Session {
        session_id: new.session,
        digest: new.digest,
        key: key.key_id,
        opened_at: order.at,
        expires_at: ends(key, order.at.plus(SESSION_LIVES)),
        client_address: order.origin.client_address,
        user_agent: new.user_agent.clone(),
    };
    let after = json!({
        "session_id": session.session_id,
        "with": if new.token.is_some() { "link" } else { "key" },
        "role": key.role,
        "expires_at": session.expires_at,
        "user_agent": session.user_agent,
    });
    let mut changes = beyond_bound(state, key, order.at);
    changes.push(Change::SessionOpened { session: Box::new(session), token: new.token });
    Ok(Some(Draft {
        after: Some(after),
        ..Draft::new("dashboard.login", key.scope, &key.name, changes)
    }))
}

/// Ends a session: one's own, or as an owner any in one's scope. Others are not there.
pub(super) fn end(state: &State, authority: &Authority<'_>, id: SessionId) -> Outcome {
    let missing = || Refusal::NotFound(Missing::Session);
    let session = state.session(id).ok_or_else(missing)?;
    let opener = state.key(session.key).ok_or_else(missing)?;
    if !authority.manages(session, opener) {
        return Err(missing());
    }
    let before = json!({ "session_id": session.session_id, "opened_at": session.opened_at });
    let ended = vec![Change::SessionEnded { session_id: id }];
    Ok(Some(Draft {
        before: Some(before),
        ..Draft::new("dashboard.logout", opener.scope, &opener.name, ended)
    }))
}

fn check_token(state: &State, order: &Order, key: &Key, token: TokenId) -> Result<(), Refusal> {
    let found = state.dashboard_token(token);
    let works = |found: &DashboardToken| found.key == key.key_id && found.expires_at > order.at;
    if found.is_some_and(works) { Ok(()) } else { Err(Refusal::TokenUsed) }
}

/// The ends of the oldest sessions of a key, so that there is room for one more.
fn beyond_bound(state: &State, key: &Key, at: Timestamp) -> Vec<Change> {
    let live = state.sessions_of(key.key_id).filter(|session| session.expires_at > at);
    let mut live: Vec<_> = live.map(|session| (session.opened_at, session.session_id)).collect();
    live.sort_unstable();
    let beyond = (live.len() + 1).saturating_sub(SESSIONS_PER_KEY_MAX);
    let ended = live.into_iter().take(beyond);
    ended.map(|(_, session_id)| Change::SessionEnded { session_id }).collect()
}

/// Nothing that a key opens outlasts it.
fn ends(key: &Key, at: Timestamp) -> Timestamp {
    key.expires_at.map_or(at, |end| end.min(at))
}
