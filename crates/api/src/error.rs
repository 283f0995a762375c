//! Every refusal on the wire: its code, and what a caller may conclude from the code.
//!
//! Server and clients share [`ErrorCode`], so that rules about retrying cannot drift apart.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod body;

pub use body::{Detail, ErrorBody, ErrorPart, FieldError};

/// Coarse class of an error, the closed set of the published protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Validation,
    Auth,
    Policy,
    Transport,
    Timeout,
    Internal,
}

/// Whether the same request, sent again unchanged, can succeed without anybody acting first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Helps,
    IsUseless,
}

/// What a refused request may have left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Perhaps,
}

/// Declares the codes as one table, a row a code, so that a code cannot exist without an answer
/// to every question. The matches it writes are exhaustive.
macro_rules! error_codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal $status:literal $category:ident $again:ident $effect:ident;)+) => {
        /// A stable, machine readable reason for a refusal.
        ///
        /// Codes are never renamed or reused: clients branch on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])+ $name,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it stands in `error.code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The HTTP status that carries this code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// The coarse class that stands in `error.category`.
            #[must_use]
            pub const fn category(self) -> Category {
                match self { $(Self::$name => Category::$category,)+ }
            }

            const fn again(self) -> Again {
                match self { $(Self::$name => Again::$again,)+ }
            }

            const fn effect(self) -> Effect {
                match self { $(Self::$name => Effect::$effect,)+ }
            }
        }
    };
}

error_codes! {
    /// No key in `x-api-key` nor as bearer token.
    MissingPlatformApiKey = "missing_platform_api_key" 401 Auth IsUseless Nothing;
    /// The key is not known here.
    InvalidPlatformApiKey = "invalid_platform_api_key" 401 Auth IsUseless Nothing;
    /// The key was valid until its `expires_at`.
    KeyExpired = "key_expired" 401 Auth IsUseless Nothing;
    /// The key was revoked.
    KeyRevoked = "key_revoked" 401 Auth IsUseless Nothing;
    /// The route needs an actor token beside the key.
    MissingActorToken = "missing_actor_token" 401 Auth IsUseless Nothing;
    /// The actor token cannot be read or was not issued here.
    InvalidActorToken = "invalid_actor_token" 401 Auth IsUseless Nothing;
    /// The actor token has run out.
    TokenExpired = "token_expired" 401 Auth IsUseless Nothing;
    /// Older name of a missing key, known to published command lines.
    MissingApiKey = "missing_api_key" 401 Auth IsUseless Nothing;
    /// Older name of a refused sign-in, known to published command lines.
    Unauthorized = "unauthorized" 401 Auth IsUseless Nothing;
    /// Signing in failed for another reason.
    AuthFailed = "auth_failed" 401 Auth IsUseless Nothing;
    /// The one-time sign-in link was used, has expired or never existed.
    InvalidExchangeToken = "invalid_exchange_token" 401 Auth IsUseless Nothing;

    /// The key's role or scope does not allow this.
    Forbidden = "forbidden" 403 Auth IsUseless Nothing;
    /// The key belongs to no agent, and the call acts as one.
    NoAgentBound = "no_agent_bound" 403 Auth IsUseless Nothing;
    /// The actor token does not cover this organization or workspace.
    InvalidActorScope = "invalid_actor_scope" 403 Auth IsUseless Nothing;
    /// The agent is stopped by a kill.
    AgentKilled = "agent_killed" 403 Policy IsUseless Nothing;
    /// The agent is paused.
    AgentPaused = "agent_paused" 403 Policy IsUseless Nothing;
    /// The agent is quarantined.
    AgentQuarantined = "agent_quarantined" 403 Policy IsUseless Nothing;
    /// A policy refused the request.
    PolicyDenied = "policy_denied" 403 Policy IsUseless Nothing;
    /// The agent's action policy does not allow this intent type.
    ActionNotAllowed = "action_not_allowed" 403 Policy IsUseless Nothing;
    /// The receiver does not accept intents from this sender.
    SenderNotAllowed = "sender_not_allowed" 403 Policy IsUseless Nothing;
    /// The receiver's organization accepts nothing from other organizations.
    ReceiverOrgClosed = "receiver_org_closed" 403 Policy IsUseless Nothing;
    /// The receiving agent accepts nothing from other organizations.
    ReceiverAgentClosed = "receiver_agent_closed" 403 Policy IsUseless Nothing;
    /// The sender is not on the receiver's allowlist.
    SenderNotInReceiveAllowlist = "sender_not_in_receive_allowlist" 403 Policy IsUseless Nothing;

    /// No such route.
    NotFound = "not_found" 404 Validation IsUseless Nothing;
    /// No such agent, or none that this key may see.
    AgentNotFound = "agent_not_found" 404 Validation IsUseless Nothing;
    /// No such intent, or none that this key may see.
    IntentNotFound = "intent_not_found" 404 Validation IsUseless Nothing;
    /// No such key, or none that this key may see.
    KeyNotFound = "key_not_found" 404 Validation IsUseless Nothing;
    /// No such kill, or none that this key may see.
    KillNotFound = "kill_not_found" 404 Validation IsUseless Nothing;
    /// No such policy.
    PolicyNotFound = "policy_not_found" 404 Validation IsUseless Nothing;
    /// No such service account, or none that this key may see.
    ServiceAccountNotFound = "service_account_not_found" 404 Validation IsUseless Nothing;
    /// No such organization, or none that this key may see.
    OrganizationNotFound = "organization_not_found" 404 Validation IsUseless Nothing;
    /// No such workspace, or none that this key may see.
    WorkspaceNotFound = "workspace_not_found" 404 Validation IsUseless Nothing;
    /// No such session of the dashboard, or none that this key may end.
    SessionNotFound = "session_not_found" 404 Validation IsUseless Nothing;
    /// No such audit chain.
    ChainNotFound = "chain_not_found" 404 Validation IsUseless Nothing;
    /// The route exists, this method does not.
    MethodNotAllowed = "method_not_allowed" 405 Validation IsUseless Nothing;

    /// The body is not JSON.
    MalformedJson = "malformed_json" 400 Validation IsUseless Nothing;
    /// The request cannot be read as HTTP or contradicts itself.
    BadRequest = "bad_request" 400 Validation IsUseless Nothing;
    /// `owner_agent` and `x-owner-agent` name different agents.
    OwnerAgentConflict = "owner_agent_conflict" 400 Validation IsUseless Nothing;
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout" 408 Timeout Helps Nothing;
    /// The body or the intent's payload is larger than allowed.
    PayloadTooLarge = "payload_too_large" 413 Validation IsUseless Nothing;
    /// The request's headers are larger than allowed.
    HeadersTooLarge = "headers_too_large" 431 Validation IsUseless Nothing;
    /// A field or a query parameter has the wrong type or value.
    SchemaInvalid = "schema_invalid" 422 Validation IsUseless Nothing;
    /// The address is out of grammar.
    InvalidAgentAddress = "invalid_agent_address" 422 Validation IsUseless Nothing;
    /// The way of delivery is known but not offered here.
    DeliveryModeUnsupported = "delivery_mode_unsupported" 422 Validation IsUseless Nothing;
    /// The mode of the kill is known but not offered here.
    ModeUnsupported = "mode_unsupported" 422 Validation IsUseless Nothing;

    /// The idempotency key was used before with another payload.
    IdempotencyKeyReused = "idempotency_key_reused" 409 Validation IsUseless Nothing;
    /// The intent has ended; its end is final.
    IntentTerminal = "intent_terminal" 409 Validation IsUseless Nothing;
    /// A kill newer than the revision that the resume names is in force.
    KilledAgain = "killed_again" 409 Policy IsUseless Nothing;
    /// The name or slug is taken.
    DuplicateName = "duplicate_name" 409 Validation IsUseless Nothing;
    /// Revoking this key would lock everybody out of its scope.
    LastOwnerKey = "last_owner_key" 409 Policy IsUseless Nothing;

    /// The agent has as many requests in flight as it may.
    AgentBusy = "agent_busy" 429 Policy Helps Nothing;
    /// The agent has as many instances as are kept; its others are told of a kill by their beats.
    TooManyInstances = "too_many_instances" 429 Policy Helps Nothing;
    /// A quota is used up until `details.reset_at`.
    QuotaExceeded = "quota_exceeded" 429 Policy Helps Nothing;
    /// Too many requests in this minute.
    RateLimitExceeded = "rate_limit_exceeded" 429 Policy Helps Nothing;
    /// A cost limit is used up until `details.reset_at`.
    CostLimitExceeded = "cost_limit_exceeded" 429 Policy Helps Nothing;
    /// The key does not work, like those of too many requests from the same address. Keys that
    /// work are never refused with it, so trying again with the same one is useless.
    TooManySignIns = "too_many_sign_ins" 429 Auth IsUseless Nothing;

    /// Something broke inside the gateway; its log says what.
    InternalError = "internal_error" 500 Internal Helps Perhaps;
    /// Delivery of the intent was given up.
    DeliveryFailed = "delivery_failed" 502 Transport IsUseless Perhaps;
    /// The intent was not answered in time.
    IntentTimeout = "intent_timeout" 504 Timeout IsUseless Perhaps;
    /// This replica cannot prove that its view is fresh, so it admits nothing.
    GatewayFenced = "gateway_fenced" 503 Transport Helps Nothing;
    /// All places for requests are taken.
    GatewayBusy = "gateway_busy" 503 Transport Helps Nothing;
    /// The gateway is starting or shutting down.
    NotReady = "not_ready" 503 Transport Helps Nothing;
    /// The kill is enforced by this replica, but was not made durable in time.
    KillUnconfirmed = "kill_unconfirmed" 503 Transport Helps Perhaps;
    /// The request may have been recorded; send it again with the same `Idempotency-Key`.
    OutcomeUnknown = "outcome_unknown" 503 Transport Helps Perhaps;
    /// The store's disk is full, or below the reserve that is kept for kills.
    StoreFull = "store_full" 503 Internal Helps Nothing;
    /// The store does not answer.
    StoreUnavailable = "store_unavailable" 503 Transport Helps Nothing;
}

impl ErrorCode {
    /// Whether sending the same request again, unchanged and a little later, can succeed.
    ///
    /// Where [`had_no_effect`](Self::had_no_effect) is false the repetition must carry the same
    /// `Idempotency-Key`, or be a call that is harmless twice (a kill).
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self.again(), Again::Helps)
    }

    /// Whether the refused request certainly changed nothing.
    #[must_use]
    pub const fn had_no_effect(self) -> bool {
        matches!(self.effect(), Effect::Nothing)
    }

    /// Reads a code from the wire; `None` for codes of a newer gateway.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_published_form_and_reads_back() {
        for code in ErrorCode::ALL {
            let text = code.as_str();
            assert!((3..=128).contains(&text.len()), "{text}");
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(text.chars().all(allowed), "{text}");
            assert_eq!(ErrorCode::parse(text), Some(*code), "{text} stands twice in the table");
        }
    }

    #[test]
    fn refusals_below_500_had_no_effect() {
        for code in ErrorCode::ALL {
            assert!(code.status() >= 400, "{code}");
            assert!(code.status() >= 500 || code.had_no_effect(), "{code}");
        }
    }

    #[test]
    fn what_published_clients_retry_by_themselves_is_what_may_be_retried() {
        // They repeat 429 and everything from 500 on; a stop must never be among these.
        for code in ErrorCode::ALL {
            let repeated = code.status() == 429 || code.status() >= 500;
            assert!(repeated || !code.is_retryable() || code.status() == 408, "{code}");
        }
        assert_eq!(ErrorCode::AgentKilled.status(), 403);
    }
}
