//! Who is signed in to the dashboard.

use axme_api::dashboard::DashboardSession;
use axme_api::keys::{KeyScope, Role as ShownRole};
use axme_core::role::{Role, Scope};
use axme_engine::sessions::Listed;
use axme_engine::{Caller, Engine};

/// The sessions that the caller may see and end, the newest first.
pub(crate) fn sessions(engine: &Engine, caller: &Caller) -> Vec<DashboardSession> {
    engine.sessions.managed_by(caller).into_iter().map(shown).collect()
}

fn shown(listed: Listed) -> DashboardSession {
    let Listed { session, opener, last_used } = listed;
    DashboardSession {
        session_id: session.session_id.to_string(),
        key_id: opener.key_id.to_string(),
        key_name: opener.name.into(),
        role: match opener.role {
            Role::Owner => ShownRole::Owner,
            Role::Operator => ShownRole::Operator,
            Role::Viewer => ShownRole::Viewer,
            Role::Agent => ShownRole::Agent,
        },
        scope: match opener.scope {
            Scope::Installation => KeyScope::Installation,
            Scope::Organization { .. } => KeyScope::Organization,
            Scope::Workspace { .. } => KeyScope::Workspace,
        },
        opened_at: session.opened_at.to_string(),
        expires_at: session.expires_at.to_string(),
        last_used_at: last_used.to_string(),
        client_address: session.client_address.map(|address| address.to_string()),
        user_agent: session.user_agent.map(Into::into),
    }
}
