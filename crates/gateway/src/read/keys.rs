//! Keys as people see them: never their secret, never its digest.

use axme_api::error::ErrorCode;
use axme_api::keys::{
    Key as ShownKey, KeyScope, KeyStatus as ShownStatus, KeysAnswer, KeysQuery, Role as ShownRole,
};
use axme_core::id::KeyId;
use axme_core::key::{Key, KeyStatus};
use axme_core::role::{Role, Scope};
use axme_core::state::State;
use axme_engine::{Caller, Engine};

use super::{Page, ReadError, cursor, list_limit};

/// Keys that a list looks at before it lets others have the state.
const KEYS_READ_TOGETHER_MAX: usize = 4_096;

/// A page of the keys that the caller's scope covers, revoked ones among them, oldest first.
pub(crate) async fn list(
    engine: &Engine,
    caller: &Caller,
    query: &KeysQuery,
) -> Result<KeysAnswer, ReadError> {
    let limit = list_limit(query.limit)?;
    let after: Option<KeyId> = cursor(query.cursor.as_deref())?;
    let keys = covered(engine, caller, after, limit).await;
    let Page { rows, next_cursor } =
        Page::take(keys.into_iter(), limit, |last| last.key_id.clone());
    Ok(KeysAnswer { ok: true, keys: rows, next_cursor })
}

/// One key, if the caller's scope covers it. `named` is what the caller called it.
pub(crate) fn one(
    engine: &Engine,
    caller: &Caller,
    key: KeyId,
    named: &str,
) -> Result<ShownKey, ReadError> {
    engine.control.read(|state| {
        let found = state.key(key).filter(|found| caller.key.scope.covers(found.scope));
        let found = found.ok_or_else(|| ReadError::not_found(ErrorCode::KeyNotFound, named))?;
        Ok(shown(engine, state, found))
    })
}

/// A key as the wire shows it.
pub(crate) fn shown(engine: &Engine, state: &State, key: &Key) -> ShownKey {
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

/// The keys that the caller's scope covers after a position: one more than the limit, if there
/// are so many. Looked for in slices, since kills wait for whoever reads the state.
async fn covered(
    engine: &Engine,
    caller: &Caller,
    after: Option<KeyId>,
    limit: usize,
) -> Vec<ShownKey> {
    let (mut found, mut after) = (Vec::new(), after);
    loop {
        let mut last = None;
        engine.control.read(|state| {
            for key in state.keys_after(after).take(KEYS_READ_TOGETHER_MAX) {
                last = Some(key.key_id);
                if caller.key.scope.covers(key.scope) {
                    found.push(shown(engine, state, key));
                }
                if found.len() > limit {
                    break;
                }
            }
        });
        if last.is_none() || found.len() > limit {
            return found;
        }
        after = last;
        tokio::task::yield_now().await;
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
