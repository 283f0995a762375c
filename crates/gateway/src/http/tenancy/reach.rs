//! Organizations and workspaces as callers name them. What a key does not reach is not there.

use axme_api::error::ErrorCode;
use axme_core::id::OrgId;
use axme_core::role::Scope;
use axme_core::state::State;
use axme_core::tenancy::{Organization, Workspace};
use axme_engine::Caller;

use crate::http::body::not_found;
use crate::http::error::ApiError;

/// Whether a key sees an organization: the one that it is in, or all with the installation's scope.
pub(super) fn sees_organization(caller: &Caller, org: OrgId) -> bool {
    match caller.key.scope {
        Scope::Installation => true,
        Scope::Organization { org: own } | Scope::Workspace { org: own, .. } => own == org,
    }
}

/// The organization that is meant when a request names none.
pub(in crate::http) fn own_organization(state: &State, caller: &Caller) -> Option<OrgId> {
    let home = || state.workspace(caller.key.home).map(|home| home.org_id);
    caller.key.scope.org().or_else(home)
}

/// The organization of an id, if the caller sees it.
pub(in crate::http) fn seen_organization<'a>(
    state: &'a State,
    caller: &Caller,
    named: &str,
) -> Result<&'a Organization, ApiError> {
    let found = named.parse().ok().and_then(|id| state.organization(id));
    found
        .filter(|found| sees_organization(caller, found.org_id))
        .ok_or_else(|| not_found(ErrorCode::OrganizationNotFound, named))
}

/// The workspace that a request is about: the one that it names, else the key's own. `org` is the
/// organization that it names beside it; the two have to fit.
pub(in crate::http) fn seen_workspace<'a>(
    state: &'a State,
    caller: &Caller,
    org: Option<&str>,
    workspace: Option<&str>,
) -> Result<&'a Workspace, ApiError> {
    let org = match org.filter(|org| !org.is_empty()) {
        Some(org) => Some(seen_organization(state, caller, org)?.org_id),
        None => None,
    };
    let in_reach = |found: &&Workspace| {
        caller.key.scope.covers(found.scope()) && org.is_none_or(|org| org == found.org_id)
    };
    match workspace.filter(|workspace| !workspace.is_empty()) {
        Some(named) => {
            let found = named.parse().ok().and_then(|id| state.workspace(id));
            found.filter(in_reach).ok_or_else(|| not_found(ErrorCode::WorkspaceNotFound, named))
        }
        None => state.workspace(caller.key.home).filter(in_reach).ok_or_else(|| {
            let message = "this key has no workspace of its own there; name one as workspace_id";
            ApiError::new(ErrorCode::WorkspaceNotFound, message)
        }),
    }
}

/// The workspace of a path, if it belongs to the organization there and the key covers it.
pub(super) fn seen_workspace_of<'a>(
    state: &'a State,
    caller: &Caller,
    org: &str,
    named: &str,
) -> Result<&'a Workspace, ApiError> {
    let org = seen_organization(state, caller, org)?.org_id;
    let found = named.parse().ok().and_then(|id| state.workspace(id));
    found
        .filter(|found| found.org_id == org && caller.key.scope.covers(found.scope()))
        .ok_or_else(|| not_found(ErrorCode::WorkspaceNotFound, named))
}
