//! Keys as the wire shows them: never their secret, never its digest.

use axme_api::keys::{Key as ShownKey, KeyScope, KeyStatus as ShownStatus, Role as ShownRole};
use axme_core::key::{Key, KeyStatus};
use axme_core::role::{Role, Scope};
use axme_core::state::State;
use axme_engine::Engine;

pub(super) fn key(engine: &Engine, state: &State, key: &Key) -> ShownKey {
    let agent = key.account.and_then(|account| state.agent_of_account(account));
    let last_used = engine.enforcer.key(&key.digest).and_then(|cell| cell.last_used());
    ShownKey {
        key_id: key.key_id.to_string(),
        name: key.name.to_string(),
        role: role(key.role),
        scope: scope(key.scope),
        org_id: key.scope.org().map(|org| org.to_string()),
        workspace_id: key.scope.workspace().map(|workspace| workspace.to_string()),
        service_account_id: key.account.map(|account| account.to_string()),
        agent_address: agent.map(|agent| agent.address.to_string()),
        key_hint: key.hint.to_string(),
        status: status(key.status(engine.clock.wall())),
        created_at: key.created_at.to_string(),
        created_by: key.created_by.to_string(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        last_used_at: last_used.map(|at| at.to_string()),
        revoked_at: key.revoked_at.map(|at| at.to_string()),
        token: None,
    }
}

const fn status(status: KeyStatus) -> ShownStatus {
    match status {
        KeyStatus::Active => ShownStatus::Active,
        KeyStatus::Expired => ShownStatus::Expired,
        KeyStatus::Revoked => ShownStatus::Revoked,
    }
}

const fn role(role: Role) -> ShownRole {
    match role {
        Role::Owner => ShownRole::Owner,
        Role::Operator => ShownRole::Operator,
        Role::Viewer => ShownRole::Viewer,
        Role::Agent => ShownRole::Agent,
    }
}

const fn scope(scope: Scope) -> KeyScope {
    match scope {
        Scope::Installation => KeyScope::Installation,
        Scope::Organization { .. } => KeyScope::Organization,
        Scope::Workspace { .. } => KeyScope::Workspace,
    }
}
