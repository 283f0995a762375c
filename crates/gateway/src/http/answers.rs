//! From the engine's values to the wire's words, where several resources need the same.

use axme_api::error::ErrorCode;
use axme_core::address::Reference;
use axme_core::decide::{End, Reason};
use axme_core::id::{Revision, WorkspaceId};
use axme_core::policy::{Breach, Direction};
use axme_core::role::Scope;
use axme_core::state::{Agent, State};
use axme_core::time::Timestamp;
use axme_engine::Caller;
use axme_engine::intents::{Denied, IntentError};
use serde_json::json;

use super::Api;
use super::body::not_found;
use super::error::{ApiError, key_reused};

/// Rows of a list when the caller names no limit, and at most.
pub(super) const LIST_LIMIT_DEFAULT: usize = 100;
pub(super) const LIST_LIMIT_MAX: usize = 500;

/// The limit of a list. One beyond the most is taken as the most; zero is refused.
pub(super) fn list_limit(asked: Option<u32>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(LIST_LIMIT_DEFAULT),
        Some(0) => Err(ApiError::query("limit", "must be at least 1")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(LIST_LIMIT_MAX).min(LIST_LIMIT_MAX)),
    }
}

/// The event id of an entry of the control log.
pub(super) fn control_event_id(revision: Revision) -> String {
    format!("evt_c{revision}")
}

/// Reads an agent that the caller names and may see: its own for an agent's key, else what the
/// key's scope covers. `read` gets the state to read on from the same moment.
pub(super) fn with_agent<T>(
    api: &Api,
    caller: &Caller,
    named: &str,
    read: impl FnOnce(&State, &Agent) -> T,
) -> Result<T, ApiError> {
    let missing = || not_found(ErrorCode::AgentNotFound, named).detail("address", named);
    let reference = parse_reference(api, named)?;
    api.engine()
        .control
        .read(|state| {
            let agent = state.resolve(&reference, caller.key.home)?;
            let visible = match caller.agent() {
                Some(own) => own.address_id() == Some(agent.address_id),
                None => caller.key.scope.covers(scope_of(state, agent.workspace_id)),
            };
            visible.then(|| read(state, agent))
        })
        .ok_or_else(missing)
}

/// Reads a reference to an agent; out of grammar is its own refusal.
pub(super) fn parse_reference(api: &Api, named: &str) -> Result<Reference, ApiError> {
    Reference::parse(named, api.options().lenient_addressing)
        .map_err(|problem| invalid_address("agent", named, &problem.to_string()))
}

/// The scope of a workspace as the state has it.
pub(super) fn scope_of(state: &State, workspace: WorkspaceId) -> Scope {
    state.workspace(workspace).map_or(Scope::Installation, |found| found.scope())
}

/// The workspace that a request is about: the one it names, else the key's own.
pub(super) fn asked_workspace(
    api: &Api,
    caller: &Caller,
    org: Option<&str>,
    workspace: Option<&str>,
) -> Result<WorkspaceId, ApiError> {
    let named = |text: &str| not_found(ErrorCode::WorkspaceNotFound, text);
    let id = match workspace {
        None | Some("") => caller.key.home,
        Some(text) => text.parse().map_err(|_no_id| named(text))?,
    };
    let shown = workspace.unwrap_or_default();
    api.engine().control.read(|state| {
        let found = state.workspace(id).ok_or_else(|| named(shown))?;
        let org_fits = org.is_none_or(|org| org.is_empty() || org == found.org_id.to_string());
        // An agent's scope is its workspace; that it sees only itself in there is the list's job.
        if caller.key.scope.covers(found.scope()) && org_fits { Ok(id) } else { Err(named(shown)) }
    })
}

/// The refusal of a denial: with who stopped the agent, when and why, or whose policy it was.
pub(super) fn denied(api: &Api, denied: &Denied) -> ApiError {
    let mut error = ApiError::from(denied.denial);
    let Some(about) = &denied.about else { return error };
    error = error.detail("address", about.address.as_str());
    if denied.denial.reason == Reason::ActionNotAllowed {
        let direction = match denied.denial.end {
            End::Sender | End::Gateway => Direction::Send,
            End::Receiver => Direction::Receive,
        };
        return error.detail("direction", direction.as_str());
    }
    let hold = api.engine().control.read(|state| {
        let agent = about.address_id().and_then(|id| state.agent(id));
        let imposed = || state.workspace(about.workspace_id)?.holds.strictest();
        agent.map_or_else(imposed, |agent| state.hold_on(agent)).cloned()
    });
    if let Some(hold) = hold.filter(|_| error.code.status() == 403) {
        error.message = format!(
            "{} is {}; an operator can resume it",
            about.address,
            about.run_state().as_str()
        );
        error = error
            .detail("kill_id", hold.kill_id.to_string())
            .detail("killed_at", hold.at.to_string())
            .detail("killed_by", &*hold.by.name)
            .detail("reason", json!(hold.reason));
    }
    error
}

/// The refusal of an intent that goes beyond a limit of its sender.
fn over_limit(message: String, breach: Breach, resets_at: Timestamp) -> ApiError {
    let (used, limit) = breach.amounts();
    ApiError::new(ErrorCode::CostLimitExceeded, message)
        .detail("dimension", breach.dimension.as_str())
        .detail("used", used)
        .detail("limit", limit)
        .detail("reset_at", resets_at.to_string())
}

/// The refusal of what came of a request about intents.
pub(super) fn intent_error(api: &Api, error: IntentError) -> ApiError {
    let message = error.to_string();
    match error {
        IntentError::Denied(about) => denied(api, &about),
        IntentError::NoAgentBound => no_agent_bound(),
        IntentError::AgentNotFound { field, address } => {
            ApiError::new(ErrorCode::AgentNotFound, message)
                .detail("address", address)
                .detail("field", field)
        }
        IntentError::InvalidAddress { field, value, problem } => {
            invalid_address(field, &value, &problem.to_string())
        }
        IntentError::OtherOrganization => ApiError::new(ErrorCode::ReceiverOrgClosed, message),
        IntentError::OtherWorkspace => ApiError::new(ErrorCode::ReceiverAgentClosed, message),
        IntentError::NotFound => ApiError::new(ErrorCode::IntentNotFound, message),
        IntentError::Ended(status) | IntentError::Impossible(status) => {
            ApiError::new(ErrorCode::IntentTerminal, message).detail("status", status.as_str())
        }
        IntentError::OverLimit { breach, resets_at } => over_limit(message, breach, resets_at),
        IntentError::KeyReused => key_reused(),
        IntentError::Busy => ApiError::new(ErrorCode::GatewayBusy, message),
        IntentError::Store(error) => error.into(),
    }
}

/// The refusal of a call that only an agent can make.
pub(super) fn no_agent_bound() -> ApiError {
    ApiError::new(
        ErrorCode::NoAgentBound,
        "This key belongs to no agent. Make one: axme agents create NAME",
    )
}

fn invalid_address(field: &str, value: &str, problem: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidAgentAddress, format!("{field} {value:?}: {problem}"))
        .detail("field", field)
        .detail("value", value)
}

/// What the ledger answered. While the store is gone that is nothing, so that it can still be seen
/// who is stopped; the answer says that it is stale.
pub(super) fn unless_stale<T: Default, E: Into<ApiError>>(
    api: &Api,
    answered: Result<T, E>,
) -> Result<T, ApiError> {
    match answered {
        Err(_gone) if api.engine().control.stale_since().is_some() => Ok(T::default()),
        answered => answered.map_err(Into::into),
    }
}
