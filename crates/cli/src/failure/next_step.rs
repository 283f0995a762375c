//! For each code, the command or action that helps.

use axme_api::ErrorCode;

/// What the reader of this refusal can do, where that is more than the message says.
///
/// Exhaustive, so that a new code is considered here.
#[expect(clippy::too_many_lines, reason = "one table, a row a code; parts of it would hide gaps")]
pub(super) fn next_step(code: ErrorCode) -> Option<&'static str> {
    use ErrorCode as C;
    match code {
        C::MissingPlatformApiKey
        | C::MissingApiKey
        | C::Unauthorized
        | C::AuthFailed
        | C::MissingActorToken
        | C::InvalidActorToken
        | C::TokenExpired
        | C::InvalidExchangeToken => Some("Sign in: axme login --url URL"),
        C::InvalidPlatformApiKey | C::KeyExpired | C::KeyRevoked | C::TooManySignIns => {
            Some("Sign in with a key that is valid at this gateway: axme login --url URL")
        }
        C::Forbidden | C::InvalidActorScope => Some("`axme status` shows whose key this is."),
        C::NoAgentBound => Some("Make an agent and use its key: axme agents create NAME"),
        C::AgentKilled | C::AgentPaused | C::AgentQuarantined => {
            Some("See why: axme mesh get NAME. Lift it: axme resume NAME")
        }
        C::AgentNotFound | C::InvalidAgentAddress => {
            Some("`axme ps` lists the agents that your key sees.")
        }
        C::IntentNotFound => Some("`axme intents list` shows the intents that your key sees."),
        C::KeyNotFound => Some("`axme keys list` shows the keys that yours may see."),
        C::KilledAgain => {
            Some("Nothing was resumed. See the newer kill (axme mesh get NAME), then resume again.")
        }
        C::DuplicateName => Some(
            "Choose another name, or make a further key for that agent: \
             axme keys create NAME --role agent --agent AGENT",
        ),
        C::LastOwnerKey => Some("Make another owner key first: axme keys create NAME --role owner"),
        C::KillUnconfirmed => Some(
            "The agent is stopped at this gateway, but the order is not durable yet. Repeat the \
             command until it is confirmed.",
        ),
        C::OutcomeUnknown => Some(
            "It may have been recorded. Repeat it with the same --idempotency-key, or look first.",
        ),
        C::AgentBusy
        | C::RateLimitExceeded
        | C::GatewayFenced
        | C::GatewayBusy
        | C::NotReady
        | C::StoreUnavailable
        | C::RequestTimeout => Some(
            "Nothing was changed. Repeat the command in a moment; `axme status` shows how the \
             gateway is.",
        ),
        C::TooManyInstances => {
            Some("Give each copy a lasting instance id, or end copies that run on.")
        }
        C::QuotaExceeded => Some("Wait for the reset, or raise the limit."),
        C::CostLimitExceeded | C::ActionNotAllowed | C::PolicyNotFound => {
            Some("See what is allowed, and change it: axme policies show NAME")
        }
        C::StoreFull => Some("Free disk space at the gateway; kills work meanwhile."),
        C::InternalError => Some("The gateway's log says more under this request id."),
        C::NotFound | C::MethodNotAllowed => {
            Some("Is the gateway of the same version? `axme status` shows it.")
        }
        C::PolicyDenied
        | C::SenderNotAllowed
        | C::ReceiverOrgClosed
        | C::ReceiverAgentClosed
        | C::SenderNotInReceiveAllowlist
        | C::KillNotFound
        | C::SessionNotFound
        | C::ServiceAccountNotFound
        | C::OrganizationNotFound
        | C::WorkspaceNotFound
        | C::ChainNotFound
        | C::MalformedJson
        | C::BadRequest
        | C::OwnerAgentConflict
        | C::PayloadTooLarge
        | C::HeadersTooLarge
        | C::SchemaInvalid
        | C::DeliveryModeUnsupported
        | C::ModeUnsupported
        | C::IdempotencyKeyReused
        | C::IntentTerminal
        | C::DeliveryFailed
        | C::IntentTimeout => None,
    }
}
