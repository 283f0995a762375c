//! Finding what a caller names, as far as its key reaches.

use std::sync::Arc;

use axme_api::error::ErrorCode;
use axme_core::address::Reference;
use axme_core::id::{AddressId, WorkspaceId};
use axme_core::role::Scope;
use axme_core::state::{Agent, State};
use axme_engine::enforcer::Cell;
use axme_engine::{Caller, Engine};

use super::ReadError;

/// Where a caller wants to look, in its own words; its key's own workspace where it says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'a> {
    pub(crate) org_id: Option<&'a str>,
    pub(crate) workspace_id: Option<&'a str>,
}

/// Reads an agent that the caller names and may see: its own for an agent's key, else what the
/// key's scope covers. `read` gets the state to read on from the same moment.
pub(crate) fn with_agent<T>(
    engine: &Engine,
    caller: &Caller,
    named: &str,
    read: impl FnOnce(&State, &Agent) -> T,
) -> Result<T, ReadError> {
    let reference = parse_reference(engine, named)?;
    engine
        .control
        .read(|state| {
            let agent = state.resolve(&reference, caller.key.home)?;
            let visible = match caller.agent() {
                Some(own) => own.address_id() == Some(agent.address_id),
                None => caller.key.scope.covers(scope_of(state, agent.workspace_id)),
            };
            visible.then(|| read(state, agent))
        })
        .ok_or_else(|| ReadError::not_found(ErrorCode::AgentNotFound, named))
}

/// Reads a reference to an agent; out of grammar is its own refusal.
pub(crate) fn parse_reference(engine: &Engine, named: &str) -> Result<Reference, ReadError> {
    Reference::parse(named, engine.options.lenient_addressing).map_err(|problem| {
        ReadError::InvalidAddress {
            field: "agent",
            value: named.to_owned(),
            problem: problem.to_string(),
        }
    })
}

/// The scope of a workspace as the state has it.
pub(crate) fn scope_of(state: &State, workspace: WorkspaceId) -> Scope {
    state.workspace(workspace).map_or(Scope::Installation, |found| found.scope())
}

/// The workspace that a request is about: the one it names, else the key's own.
pub(crate) fn asked_workspace(
    engine: &Engine,
    caller: &Caller,
    place: Place<'_>,
) -> Result<WorkspaceId, ReadError> {
    let named = |text: &str| ReadError::not_found(ErrorCode::WorkspaceNotFound, text);
    let id = match place.workspace_id {
        None | Some("") => caller.key.home,
        Some(text) => text.parse().map_err(|_no_id| named(text))?,
    };
    let shown = place.workspace_id.unwrap_or_default();
    engine.control.read(|state| {
        let found = state.workspace(id).ok_or_else(|| named(shown))?;
        let asked_org = place.org_id.filter(|org| !org.is_empty());
        let org_fits = asked_org.is_none_or(|org| org == found.org_id.to_string());
        // An agent's scope is its workspace; that it sees only itself in there is the list's job.
        if caller.key.scope.covers(found.scope()) && org_fits { Ok(id) } else { Err(named(shown)) }
    })
}

/// The address that an agent's key is held to; none for keys that see more than one agent.
pub(super) fn only(caller: &Caller) -> Result<Option<AddressId>, ReadError> {
    let id = |own: &Arc<Cell>| {
        own.address_id()
            .ok_or_else(|| ReadError::not_found(ErrorCode::AgentNotFound, own.address.as_str()))
    };
    caller.agent().map(id).transpose()
}
