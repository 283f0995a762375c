//! Whether one action may happen. Total, pure, and asked on every request.

use crate::hold::RunState;

/// Something that a caller asks the gateway to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Admit a new intent from the sender to the receiver.
    Send,
    /// Hand a queued intent of the sender to the receiver.
    Deliver,
    /// Open a stream as, or for, the receiver.
    OpenStream,
    /// Record what has happened already: a resolve, a settled effect, a checkpoint.
    RecordFact,
    /// Take a sign of life.
    Heartbeat,
    /// Read what belongs to the caller.
    ReadOwn,
}

impl Action {
    pub const ALL: [Self; 6] = [
        Self::Send,
        Self::Deliver,
        Self::OpenStream,
        Self::RecordFact,
        Self::Heartbeat,
        Self::ReadOwn,
    ];
}

/// The run states of the two ends of an action. An action of one agent alone has it at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    pub sender: RunState,
    pub receiver: RunState,
}

/// What this replica knows of itself when it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The replica's view is proven fresh: its lease runs.
    pub fresh: bool,
    /// The store has room for bulk data.
    pub room: bool,
    /// The key that asked still works.
    pub key_valid: bool,
}

/// How an admitted action goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    Flows,
    /// Admitted, and kept until the receiver is resumed.
    Held,
    /// Admitted as WAITING, and kept until an operator releases it.
    ForReview,
    /// Recorded, and marked as having come after the stop.
    Late,
}

/// Which end of an action a denial is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    Sender,
    Receiver,
    /// Neither: the gateway itself cannot admit.
    Gateway,
}

/// Why an action is denied. Closed: answers, metrics and the audit all use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    AgentKilled,
    AgentQuarantined,
    AgentPaused,
    KeyRevoked,
    /// A policy of one of the ends does not allow the type of the intent.
    ActionNotAllowed,
    /// The sender has used up one of its limits.
    CostLimitExceeded,
    AgentBusy,
    StoreFull,
    GatewayFenced,
}

impl Reason {
    pub const ALL: [Self; 9] = [
        Self::AgentKilled,
        Self::AgentQuarantined,
        Self::AgentPaused,
        Self::KeyRevoked,
        Self::ActionNotAllowed,
        Self::CostLimitExceeded,
        Self::AgentBusy,
        Self::StoreFull,
        Self::GatewayFenced,
    ];

    /// The stable code that callers see.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AgentKilled => "agent_killed",
            Self::AgentQuarantined => "agent_quarantined",
            Self::AgentPaused => "agent_paused",
            Self::KeyRevoked => "invalid_platform_api_key",
            Self::ActionNotAllowed => "action_not_allowed",
            Self::CostLimitExceeded => "cost_limit_exceeded",
            Self::AgentBusy => "agent_busy",
            Self::StoreFull => "store_full",
            Self::GatewayFenced => "gateway_fenced",
        }
    }

    /// The HTTP status that callers see. 403 is never retried by published clients, 429 and 503 are.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::AgentKilled
            | Self::AgentQuarantined
            | Self::AgentPaused
            | Self::ActionNotAllowed => 403,
            Self::KeyRevoked => 401,
            Self::AgentBusy | Self::CostLimitExceeded => 429,
            Self::StoreFull | Self::GatewayFenced => 503,
        }
    }

    /// Whether the same request may be admitted later with nothing changed by the caller.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::AgentKilled
            | Self::AgentQuarantined
            | Self::AgentPaused
            | Self::KeyRevoked
            | Self::ActionNotAllowed => false,
            Self::CostLimitExceeded | Self::AgentBusy | Self::StoreFull | Self::GatewayFenced => {
                true
            }
        }
    }
}

/// A refusal to admit, with the end it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("denied: {}", reason.code())]
pub struct Denial {
    pub reason: Reason,
    pub end: End,
}

impl Denial {
    #[must_use]
    pub const fn of_gateway(reason: Reason) -> Self {
        Self { reason, end: End::Gateway }
    }
}

/// Decides one action from the run states of its ends.
///
/// The sender is asked about before the receiver, so that a stopped agent learns about itself and
/// nothing about others.
pub fn decide(standing: Standing, action: Action, ends: Ends) -> Result<Admission, Denial> {
    if !standing.key_valid {
        return Err(Denial { reason: Reason::KeyRevoked, end: End::Sender });
    }
    match action {
        Action::Heartbeat | Action::ReadOwn => Ok(Admission::Flows),
        Action::RecordFact => {
            require_fresh(standing)?;
            Ok(if ends.sender == RunState::Active { Admission::Flows } else { Admission::Late })
        }
        Action::OpenStream => {
            require_active(ends.sender, End::Sender)?;
            require_active(ends.receiver, End::Receiver)?;
            require_fresh(standing)?;
            Ok(Admission::Flows)
        }
        Action::Send => {
            let admission = decide_send(ends)?;
            require_fresh(standing)?;
            if standing.room { Ok(admission) } else { Err(Denial::of_gateway(Reason::StoreFull)) }
        }
        Action::Deliver => {
            decide_delivery(ends)?;
            require_fresh(standing)?;
            Ok(Admission::Flows)
        }
    }
}

fn decide_send(ends: Ends) -> Result<Admission, Denial> {
    let for_review = match ends.sender {
        RunState::Active => false,
        RunState::Quarantined => true,
        stopped @ (RunState::Killed | RunState::Paused) => {
            return Err(stopped_at(End::Sender, stopped));
        }
    };
    match ends.receiver {
        stopped @ (RunState::Killed | RunState::Quarantined) => {
            Err(stopped_at(End::Receiver, stopped))
        }
        RunState::Active | RunState::Paused if for_review => Ok(Admission::ForReview),
        RunState::Paused => Ok(Admission::Held),
        RunState::Active => Ok(Admission::Flows),
    }
}

fn decide_delivery(ends: Ends) -> Result<(), Denial> {
    match ends.sender {
        RunState::Active | RunState::Paused => require_active(ends.receiver, End::Receiver),
        stopped @ (RunState::Killed | RunState::Quarantined) => {
            Err(stopped_at(End::Sender, stopped))
        }
    }
}

fn require_active(state: RunState, end: End) -> Result<(), Denial> {
    if state == RunState::Active { Ok(()) } else { Err(stopped_at(end, state)) }
}

const fn require_fresh(standing: Standing) -> Result<(), Denial> {
    if standing.fresh { Ok(()) } else { Err(Denial::of_gateway(Reason::GatewayFenced)) }
}

const fn stopped_at(end: End, state: RunState) -> Denial {
    let reason = match state {
        RunState::Active | RunState::Killed => Reason::AgentKilled,
        RunState::Quarantined => Reason::AgentQuarantined,
        RunState::Paused => Reason::AgentPaused,
    };
    Denial { reason, end }
}
