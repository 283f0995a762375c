//! From the engine's values to the wire's words, where several resources need the same.

use axme_api::error::ErrorCode;
use axme_core::decide::{End, Reason};
use axme_core::policy::{Breach, Direction};
use axme_core::time::Timestamp;
use axme_engine::intents::{Denied, IntentError};
use serde_json::json;

use super::Api;
use super::error::{ApiError, invalid_address, key_reused};

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
