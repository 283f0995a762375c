//! From a request for a key to the key that is ordered: whose it is and where it is good.
//!
//! Whether the caller may make it is decided when the order is planned. Here everything that the
//! request names is found, within what the caller reaches.

use axme_api::error::ErrorCode;
use axme_api::keys::{CreateKeyRequest, KeyScope, Role as AskedRole};
use axme_core::command::NewKey;
use axme_core::id::{AccountId, WorkspaceId};
use axme_core::refusal::Refusal;
use axme_core::role::{Role, Scope};
use axme_core::state::State;
use axme_core::time::Timestamp;
use axme_engine::Caller;
use axme_engine::chance::{Chance, NewToken};

use crate::http::Api;
use crate::http::body::not_found;
use crate::http::error::ApiError;
use crate::http::tenancy::{own_organization, seen_organization, seen_workspace};
use crate::read::parse_reference;

/// Where a key is good, and whom it acts as.
struct Place {
    scope: Scope,
    home: WorkspaceId,
    account: Option<AccountId>,
}

/// Reads a request, and draws the key's id and secret.
pub(super) fn read(
    api: &Api,
    caller: &Caller,
    request: &CreateKeyRequest,
    at: Timestamp,
) -> Result<(NewKey, NewToken), ApiError> {
    let expires_at = expiry(request.expires_at.as_deref())?;
    let Place { scope, home, account } = place(api, caller, request)?;
    let key = Chance.key(at);
    let token = Chance.token(key, account);
    let new = NewKey {
        key,
        name: request.name.as_str().into(),
        digest: token.digest,
        hint: token.hint.clone(),
        role: role(request.role),
        scope,
        home,
        account,
        expires_at,
    };
    Ok((new, token))
}

/// When a key ends by itself, as a body says it.
pub(in crate::http) fn expiry(text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<Timestamp>() {
        Ok(at) => Ok(Some(at)),
        Err(problem) => Err(ApiError::field("expires_at", problem.to_string())),
    }
}

fn place(api: &Api, caller: &Caller, request: &CreateKeyRequest) -> Result<Place, ApiError> {
    match (request.role, request.agent.as_deref().filter(|agent| !agent.is_empty())) {
        (AskedRole::Agent, Some(agent)) => agents_place(api, caller, request, agent),
        (AskedRole::Agent, None) => Err(ApiError::field(
            "agent",
            "a key of role agent needs its agent: address, name or id",
        )),
        (AskedRole::Owner | AskedRole::Operator | AskedRole::Viewer, Some(_)) => {
            Err(ApiError::field("agent", "only keys of role agent have one"))
        }
        (AskedRole::Owner | AskedRole::Operator | AskedRole::Viewer, None) => {
            let scope = request.scope.unwrap_or(KeyScope::Workspace);
            api.engine().control.read(|state| match scope {
                KeyScope::Workspace => workspaces_place(state, caller, request),
                KeyScope::Organization => organizations_place(state, caller, request),
                KeyScope::Installation => installations_place(state, caller, request),
            })
        }
    }
}

/// The agent that the request names, looked up in the workspace that it names, else in the
/// caller's own.
fn agents_place(
    api: &Api,
    caller: &Caller,
    request: &CreateKeyRequest,
    named: &str,
) -> Result<Place, ApiError> {
    if request.scope.is_some_and(|scope| scope != KeyScope::Workspace) {
        let problem = "a key of role agent is good in its agent's workspace: scope workspace";
        return Err(ApiError::field("scope", problem));
    }
    let account: Option<AccountId> = named.parse().ok();
    let reference = match account {
        Some(_) => None,
        None => Some(parse_reference(api.engine(), named)?),
    };
    let names_place = request.org_id.is_some() || request.workspace_id.is_some();
    api.engine().control.read(|state| {
        let asked = names_place.then(|| asked_workspace(state, caller, request)).transpose()?;
        let found = match (account, &reference) {
            (Some(account), _) => state.agent_of_account(account),
            (None, Some(reference)) => {
                state.resolve(reference, asked.map_or(caller.key.home, |(id, _)| id))
            }
            (None, None) => None,
        };
        let missing = || not_found(ErrorCode::AgentNotFound, named).detail("address", named);
        let agent = found.filter(|agent| asked.is_none_or(|(id, _)| id == agent.workspace_id));
        let agent = agent.ok_or_else(missing)?;
        let workspace = state.workspace(agent.workspace_id).ok_or_else(missing)?;
        let live = agent.live_account().filter(|_| caller.key.scope.covers(workspace.scope()));
        let account = live.ok_or_else(missing)?.account_id;
        let home = workspace.workspace_id;
        Ok(Place { scope: workspace.scope(), home, account: Some(account) })
    })
}

fn workspaces_place(
    state: &State,
    caller: &Caller,
    request: &CreateKeyRequest,
) -> Result<Place, ApiError> {
    let (home, scope) = asked_workspace(state, caller, request)?;
    Ok(Place { scope, home, account: None })
}

/// A key of an organization acts in the workspace that the request names, else in the caller's
/// own if that is one of the organization's, else in the first that there is.
fn organizations_place(
    state: &State,
    caller: &Caller,
    request: &CreateKeyRequest,
) -> Result<Place, ApiError> {
    let own = || own_organization(state, caller).map(|org| org.to_string()).unwrap_or_default();
    let named = request.org_id.as_deref().filter(|org| !org.is_empty());
    let named = named.map_or_else(own, str::to_owned);
    let org = seen_organization(state, caller, &named)?.org_id;
    let scope = Scope::Organization { org };
    // It is seen by keys of its workspaces too, which reach less than it.
    if !caller.key.scope.covers(scope) {
        return Err(Refusal::OutOfScope.into());
    }
    let home = if request.workspace_id.is_some() {
        seen_workspace(state, caller, Some(&named), request.workspace_id.as_deref())?.workspace_id
    } else {
        let of_org = |home: WorkspaceId| state.workspace(home).is_some_and(|w| w.org_id == org);
        let first = || state.workspaces().find(|found| found.org_id == org);
        let own = Some(caller.key.home).filter(|home| of_org(*home));
        let home = own.or_else(|| first().map(|found| found.workspace_id));
        home.unwrap_or(caller.key.home)
    };
    Ok(Place { scope, home, account: None })
}

fn installations_place(
    state: &State,
    caller: &Caller,
    request: &CreateKeyRequest,
) -> Result<Place, ApiError> {
    let names_place = request.org_id.is_some() || request.workspace_id.is_some();
    let home =
        if names_place { asked_workspace(state, caller, request)?.0 } else { caller.key.home };
    Ok(Place { scope: Scope::Installation, home, account: None })
}

fn asked_workspace(
    state: &State,
    caller: &Caller,
    request: &CreateKeyRequest,
) -> Result<(WorkspaceId, Scope), ApiError> {
    let (org, workspace) = (request.org_id.as_deref(), request.workspace_id.as_deref());
    let found = seen_workspace(state, caller, org, workspace)?;
    Ok((found.workspace_id, found.scope()))
}

const fn role(role: AskedRole) -> Role {
    match role {
        AskedRole::Owner => Role::Owner,
        AskedRole::Operator => Role::Operator,
        AskedRole::Viewer => Role::Viewer,
        AskedRole::Agent => Role::Agent,
    }
}
