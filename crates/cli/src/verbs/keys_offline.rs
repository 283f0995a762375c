//! Making a key in the store itself, for those who lost their last owner key.

use crate::failure::Failure;
use crate::runtime;
use axme_api::keys::{CreateKeyRequest, Key, KeyAnswer, KeyScope, KeyStatus, Role};
use axme_core::address::Reference;
use axme_core::command::{Actor, Command, NewKey, Order, Origin};
use axme_core::id::WorkspaceId;
use axme_core::role::{self, Scope};
use axme_core::state::State;
use axme_core::time::Timestamp;
use axme_engine::Engine;
use axme_engine::chance::Chance;
use axme_engine::clock::Clock;
use axme_gateway::app::start_engine;
use axme_gateway::config::{Config, Given};
use std::path::PathBuf;

/// Which key to make, and where.
#[derive(Debug)]
pub(super) struct OfflineKey {
    /// The gateway's data folder; the gateway must be stopped.
    pub(super) data_dir: Option<PathBuf>,
    /// The store, as the gateway names it.
    pub(super) store: Option<String>,
    pub(super) request: CreateKeyRequest,
}

/// Makes the key through the one write path of the store, audited as `local`.
///
/// # Errors
/// A data folder that is missing or in use, or a key that the rules do not allow.
pub(super) fn create(key: &OfflineKey) -> Result<KeyAnswer, Failure> {
    if let Some(data_dir) = key.data_dir.as_ref().filter(|data_dir| !data_dir.is_dir()) {
        let what = format!("There is no data folder {}.", data_dir.display());
        return Err(Failure::Failed { what, next: "Check --data-dir.".to_owned() });
    }
    let (data_dir, store) = (key.data_dir.clone(), key.store.clone());
    let given = Given { data_dir, store, ..Given::default() };
    let config = Config::load(given)
        .map_err(|error| Failure::Usage(format!("cannot open the store: {error}")))?;
    runtime::block_on(async {
        let engine = start_engine(&config, Clock::system())
            .await
            .map_err(|error| runtime::failure("cannot open the store", &error))?;
        let made = make(&engine, &key.request).await;
        engine.stop().await;
        made
    })?
}

async fn make(engine: &Engine, request: &CreateKeyRequest) -> Result<KeyAnswer, Failure> {
    let at = engine.clock.wall();
    let new = engine.control.read(|state| new_key(state, request, at))?;
    let (new, token) = new;
    let order = Order {
        command_id: Chance.command(at),
        actor: Actor::Local,
        at,
        origin: Origin::default(),
        command: Command::CreateKey(new.clone()),
    };
    let carried = engine.control.carry_out(order, None).await;
    carried.map_err(|error| refused(&error.to_string()))?;
    Ok(KeyAnswer { ok: true, key: shown(&new, at, token) })
}

fn new_key(
    state: &State,
    request: &CreateKeyRequest,
    at: Timestamp,
) -> Result<(NewKey, String), Failure> {
    let home = asked_workspace(state, request)?;
    let workspace = state.workspace(home).ok_or_else(|| refused("the store has no workspace"))?;
    let scope = match request.scope.unwrap_or(KeyScope::Workspace) {
        KeyScope::Installation => Scope::Installation,
        KeyScope::Organization => Scope::Organization { org: workspace.org_id },
        KeyScope::Workspace => workspace.scope(),
    };
    let account = request.agent.as_deref().map(|agent| {
        let reference =
            Reference::parse(agent, false).map_err(|error| refused(&error.to_string()))?;
        let found = state.resolve(&reference, home).and_then(|agent| agent.live_account());
        found.map(|account| account.account_id).ok_or_else(|| refused("no such agent"))
    });
    let expires_at = request
        .expires_at
        .as_deref()
        .map(|text| text.parse().map_err(|error| refused(&format!("--expires-at: {error}"))));
    let account = account.transpose()?;
    let key = Chance.key(at);
    let drawn = Chance.token(key, account);
    let new = NewKey {
        key,
        name: request.name.as_str().into(),
        digest: drawn.digest,
        hint: drawn.hint,
        role: role_of(request.role),
        scope,
        home,
        account,
        expires_at: expires_at.transpose()?,
    };
    Ok((new, drawn.token))
}

/// The workspace that was named, else the first there is.
fn asked_workspace(state: &State, request: &CreateKeyRequest) -> Result<WorkspaceId, Failure> {
    let Some(named) = request.workspace_id.as_deref() else {
        let mut all = state.workspaces();
        let first = match request.org_id.as_deref() {
            None => all.next(),
            Some(org) => all.find(|workspace| workspace.org_id.to_string() == org),
        };
        return first
            .map(|workspace| workspace.workspace_id)
            .ok_or_else(|| refused("the store has no such workspace"));
    };
    let id: WorkspaceId = named.parse().map_err(|_no_id| refused("--workspace is no id"))?;
    state.workspace(id).map(|_| id).ok_or_else(|| refused("the store has no such workspace"))
}

fn shown(new: &NewKey, at: Timestamp, token: String) -> Key {
    Key {
        key_id: new.key.to_string(),
        name: new.name.to_string(),
        role: match new.role {
            role::Role::Owner => Role::Owner,
            role::Role::Operator => Role::Operator,
            role::Role::Viewer => Role::Viewer,
            role::Role::Agent => Role::Agent,
        },
        scope: match new.scope {
            Scope::Installation => KeyScope::Installation,
            Scope::Organization { .. } => KeyScope::Organization,
            Scope::Workspace { .. } => KeyScope::Workspace,
        },
        org_id: new.scope.org().map(|id| id.to_string()),
        workspace_id: new.scope.workspace().map(|id| id.to_string()),
        service_account_id: new.account.map(|id| id.to_string()),
        agent_address: None,
        key_hint: new.hint.to_string(),
        status: KeyStatus::Active,
        created_at: at.to_string(),
        created_by: "local".to_owned(),
        expires_at: new.expires_at.map(|end| end.to_string()),
        last_used_at: None,
        revoked_at: None,
        token: Some(token),
    }
}

const fn role_of(role: Role) -> role::Role {
    match role {
        Role::Owner => role::Role::Owner,
        Role::Operator => role::Role::Operator,
        Role::Viewer => role::Role::Viewer,
        Role::Agent => role::Role::Agent,
    }
}

fn refused(problem: &str) -> Failure {
    Failure::Failed { what: format!("The key was not made: {problem}."), next: String::new() }
}
