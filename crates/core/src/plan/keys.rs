//! Keys: made, replaced, revoked.

use serde_json::{Value, json};

use super::authority::Authority;
use super::{Draft, Outcome, check_limit};
use crate::change::Change;
use crate::command::{NewKey, Order};
use crate::id::KeyId;
use crate::key::{Key, KeyStatus};
use crate::refusal::{Missing, Refusal};
use crate::role::{Role, Scope};
use crate::state::State;
use crate::time::Timestamp;

/// Most keys of an installation.
const KEYS_MAX: usize = 4_000_000;
/// Longest name of a key in bytes.
const KEY_NAME_BYTES_MAX: usize = 120;

pub(super) fn create(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewKey,
) -> Outcome {
    authority.grant(new.role)?;
    check_reach(state, authority, new)?;
    check_account(state, new)?;
    check_limit("keys", state.keys().len(), KEYS_MAX)?;
    if new.name.is_empty() || new.name.len() > KEY_NAME_BYTES_MAX {
        return Err(Refusal::Invalid { field: "name", problem: "a key's name has 1 to 120 bytes" });
    }
    if new.expires_at.is_some_and(|end| end <= order.at) {
        return Err(Refusal::Invalid { field: "expires_at", problem: "lies in the past" });
    }
    let key = new_key(new, order.at, &authority.name().name);
    let mut draft = Draft::new("key.created", new.scope, &new.name, Vec::new());
    draft.after = Some(shown(&key));
    draft.changes = vec![Change::KeyPut { key: Box::new(key) }];
    Ok(Some(draft))
}

/// Puts a preset owner key in the place of the first one. The same key again changes nothing.
pub(super) fn replace_owner(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    new: &NewKey,
) -> Outcome {
    authority.own(Scope::Installation)?;
    let live = |key: &&Key| key.status(order.at) == KeyStatus::Active;
    if state.key_by_digest(&new.digest).filter(live).is_some() {
        return Ok(None);
    }
    let former: Vec<_> = state.keys().filter(|key| key.preset).filter(live).collect();
    let key = Key { preset: true, ..new_key(new, order.at, &authority.name().name) };
    let mut draft = Draft::new("key.replaced", Scope::Installation, &new.name, Vec::new());
    draft.before = Some(former.iter().map(|key| shown(key)).collect());
    draft.after = Some(shown(&key));
    draft.changes = former.iter().map(|key| Change::KeyRevoked { key_id: key.key_id }).collect();
    draft.changes.push(Change::KeyPut { key: Box::new(key) });
    Ok(Some(draft))
}

/// Revokes a key. The last lasting owner key of a scope stays: nobody locks themselves out.
pub(super) fn revoke(
    state: &State,
    order: &Order,
    authority: &Authority<'_>,
    key_id: KeyId,
) -> Outcome {
    let missing = Refusal::NotFound(Missing::Key);
    let key = state.key(key_id).ok_or(missing)?;
    authority.reach(key.scope, Missing::Key)?;
    authority.grant(key.role)?;
    if key.revoked_at.is_some() {
        return Ok(None);
    }
    let lasting = key.role == Role::Owner && key.expires_at.is_none();
    if lasting && state.lasting_owner_keys(key.scope, order.at) <= 1 {
        return Err(Refusal::LastOwnerKey);
    }
    Ok(Some(Draft {
        before: Some(shown(key)),
        after: Some(json!({ "status": "revoked" })),
        ..Draft::new("key.revoked", key.scope, &key.name, vec![Change::KeyRevoked { key_id }])
    }))
}

pub(super) fn new_key(new: &NewKey, at: Timestamp, created_by: &str) -> Key {
    Key {
        key_id: new.key,
        name: new.name.clone(),
        digest: new.digest,
        hint: new.hint.clone(),
        role: new.role,
        scope: new.scope,
        home: new.home,
        account: new.account,
        created_by: created_by.into(),
        created_at: at,
        expires_at: new.expires_at,
        revoked_at: None,
        preset: false,
    }
}

/// The new key's scope and home exist and lie within the scope of whoever makes it.
fn check_reach(state: &State, authority: &Authority<'_>, new: &NewKey) -> Result<(), Refusal> {
    let (scope, missing) = match new.scope {
        Scope::Installation => (new.scope, None),
        Scope::Organization { org } => {
            (new.scope, state.organization(org).is_none().then_some(Missing::Organization))
        }
        Scope::Workspace { workspace, .. } => match state.workspace(workspace) {
            Some(workspace) => (workspace.scope(), None),
            None => (new.scope, Some(Missing::Workspace)),
        },
    };
    if let Some(missing) = missing {
        return Err(Refusal::NotFound(missing));
    }
    match scope {
        Scope::Installation => authority.own(scope)?,
        Scope::Organization { .. } => authority.reach(scope, Missing::Organization)?,
        Scope::Workspace { .. } => authority.reach(scope, Missing::Workspace)?,
    }
    let home = state.workspace(new.home).ok_or(Refusal::NotFound(Missing::Workspace))?;
    authority.reach(home.scope(), Missing::Workspace)
}

/// A key of an agent has its account and workspace; other keys have no account.
fn check_account(state: &State, new: &NewKey) -> Result<(), Refusal> {
    match (new.role, new.account) {
        (Role::Agent, Some(account)) => {
            let missing = Refusal::NotFound(Missing::Account);
            let agent = state.agent_of_account(account).ok_or_else(|| missing.clone())?;
            let live = agent.live_account().is_some_and(|live| live.account_id == account);
            if !live || new.scope.workspace() != Some(agent.workspace_id) {
                Err(missing)
            } else {
                Ok(())
            }
        }
        (Role::Agent, None) => {
            Err(Refusal::Invalid { field: "agent", problem: "a key of role agent needs its agent" })
        }
        (Role::Owner | Role::Operator | Role::Viewer, Some(_)) => {
            Err(Refusal::Invalid { field: "agent", problem: "only keys of role agent have one" })
        }
        (Role::Owner | Role::Operator | Role::Viewer, None) => Ok(()),
    }
}

/// What the audit shows of a key: never its digest.
fn shown(key: &Key) -> Value {
    json!({
        "key_id": key.key_id,
        "name": key.name,
        "hint": key.hint,
        "role": key.role,
        "scope": key.scope,
        "account": key.account,
        "expires_at": key.expires_at,
    })
}
